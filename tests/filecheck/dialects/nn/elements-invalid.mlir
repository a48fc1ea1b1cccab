// What the verifiers of elements and norms refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: shapes differ: (2, 8), (2,) -> (2, 8)
func.func @step(%x: tensor<2x8xbf16>, %y: tensor<2xbf16>) {
  %z = nn.sub %x, %y : (tensor<2x8xbf16>, tensor<2xbf16>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: shapes differ: (8,), (2, 8) -> (8,)
func.func @step(%x: tensor<2x8xbf16>, %y: tensor<8xbf16>) {
  %z = nn.mul %y, %x : (tensor<8xbf16>, tensor<2x8xbf16>) -> tensor<8xbf16>
  func.return
}

// -----
// CHECK: element types differ: bf16, f32
func.func @step(%x: tensor<2x8xbf16>, %y: tensor<8xf32>) {
  %z = nn.add %x, %y : (tensor<2x8xbf16>, tensor<8xf32>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: nn.add_scalar keeps the type, tensor<2x8xbf16>
func.func @step(%x: tensor<2x8xbf16>) {
  %z = nn.add_scalar %x, 1.0 : (tensor<2x8xbf16>) -> tensor<2x8xf32>
  func.return
}

// -----
// CHECK: a division by zero
func.func @step(%x: tensor<2x8xbf16>) {
  %z = nn.div_scalar %x, 0.0 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: low is 2.0, high is 1.0
func.func @step(%x: tensor<2x8xbf16>) {
  %z = nn.clamp %x from 2.0 to 1.0 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: groups of 3 in rows of 8
func.func @step(%x: tensor<2x8xbf16>) {
  %z = nn.rms_norm %x eps 1.0e-05 group 3 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: norm gain is (2,); it should be (4,) or (8,) or (2, 4)
func.func @step(%x: tensor<2x8xbf16>, %g: tensor<2xbf16>) {
  %z = nn.layer_norm %x, %g eps 1.0e-05 group 4 : (tensor<2x8xbf16>, tensor<2xbf16>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: 2 parameters; nn.rms_norm has 1
func.func @step(%x: tensor<2x8xbf16>, %g: tensor<8xbf16>) {
  %z = nn.rms_norm %x, %g, %g eps 1.0e-05 : (tensor<2x8xbf16>, tensor<8xbf16>, tensor<8xbf16>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: square_sum is (2, 8), should be (2, 1)
func.func @step(%x: tensor<2x8xbf16>) {
  %z = nn.rms_scale %x, %x eps 1.0e-05 count 8 : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return
}
