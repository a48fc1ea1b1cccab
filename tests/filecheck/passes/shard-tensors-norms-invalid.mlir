// Zeros that fill up heads or columns must not become infinities, and must not be added up as something else.
// RUN: kl-opt %s -p shard-tensors{sockets=2} --split-input-file --verify-diagnostics | filecheck %s

// CHECK: nn.rms_norm adds up elements that are padded, and not with zeros any more
// CHECK: help: take a number of sockets that divides the elements
nn.weight @w : tensor<8x5xbf16>
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x5xbf16> {
  %w = nn.get_global @w : tensor<8x5xbf16>
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x5xbf16>) -> tensor<1x5xbf16>
  %b = nn.sigmoid %a : (tensor<1x5xbf16>) -> tensor<1x5xbf16>
  %n = nn.rms_norm %b eps 1.0e-05 : (tensor<1x5xbf16>) -> tensor<1x5xbf16>
  func.return %n : tensor<1x5xbf16>
}

// -----
// CHECK: nn.rdiv_scalar of what is padded with zeros may be infinite or no number
// CHECK: help: take a number of sockets that divides the elements
nn.weight @w : tensor<8x5xbf16>
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x5xbf16> {
  %w = nn.get_global @w : tensor<8x5xbf16>
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x5xbf16>) -> tensor<1x5xbf16>
  %b = nn.rdiv_scalar %a, 1.0 : (tensor<1x5xbf16>) -> tensor<1x5xbf16>
  func.return %b : tensor<1x5xbf16>
}

// -----
// The root of zeros is zero, that of any number is none.
// CHECK: nn.sqrt of what is padded with zeros may be infinite or no number
nn.weight @w : tensor<8x5xbf16>
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x5xbf16> {
  %w = nn.get_global @w : tensor<8x5xbf16>
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x5xbf16>) -> tensor<1x5xbf16>
  %b = nn.sqrt %a : (tensor<1x5xbf16>) -> tensor<1x5xbf16>
  %c = nn.add_scalar %b, -1.0 : (tensor<1x5xbf16>) -> tensor<1x5xbf16>
  %d = nn.sqrt %c : (tensor<1x5xbf16>) -> tensor<1x5xbf16>
  func.return %d : tensor<1x5xbf16>
}

// -----
// CHECK: nn.rms_norm with eps 0 of what is padded with zeros gives no numbers
// CHECK: help: give an eps above 0
nn.weight @w : tensor<8x6xbf16>
nn.state @keys : memref<1x1x16x2xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x6xbf16> {
  %w = nn.get_global @w : tensor<8x6xbf16>
  %keys = nn.get_global @keys : memref<1x1x16x2xbf16>
  %q = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x6xbf16>) -> tensor<1x6xbf16>
  %n = nn.rms_norm %q eps 0.0 group 2 : (tensor<1x6xbf16>) -> tensor<1x6xbf16>
  %a = nn.attention %n, %keys, %keys, %position scale 5.0e-01 : (tensor<1x6xbf16>, memref<1x1x16x2xbf16>, memref<1x1x16x2xbf16>, tensor<i32>) -> tensor<1x6xbf16>
  func.return %a : tensor<1x6xbf16>
}
