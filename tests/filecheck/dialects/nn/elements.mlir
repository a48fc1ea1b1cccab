// Elements and norms are read as they are printed.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK-LABEL: func.func @elements
func.func @elements(%x: tensor<2x8xbf16>, %w: tensor<8xbf16>, %s: tensor<bf16>) -> tensor<2x8xbf16> {
  // CHECK-NEXT: nn.sub %w, %x : (tensor<8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %a = nn.sub %w, %x : (tensor<8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.div %a, %s : (tensor<2x8xbf16>, tensor<bf16>) -> tensor<2x8xbf16>
  %b = nn.div %a, %s : (tensor<2x8xbf16>, tensor<bf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.rdiv_scalar %b, 1.500000e+00 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %c = nn.rdiv_scalar %b, 1.5 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.clamp %c from -1.000000e+00 to 2.000000e+00 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %d = nn.clamp %c from -1.0 to 2.0 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.softplus %d : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %e = nn.softplus %d : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return %e : tensor<2x8xbf16>
}

// CHECK-LABEL: func.func @norms
func.func @norms(%x: tensor<2x8xbf16>, %w: tensor<8xf32>, %g: tensor<2x4xbf16>) -> tensor<2x8xbf16> {
  // CHECK-NEXT: nn.rms_norm %x eps 1.000000e-06 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %a = nn.rms_norm %x eps 1.0e-06 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.layer_norm %a, %w, %w eps 1.000000e-06 : (tensor<2x8xbf16>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xbf16>
  %b = nn.layer_norm %a, %w, %w eps 1.0e-06 : (tensor<2x8xbf16>, tensor<8xf32>, tensor<8xf32>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.layer_norm %b, %g eps 1.000000e-06 group 4 : (tensor<2x8xbf16>, tensor<2x4xbf16>) -> tensor<2x8xbf16>
  %c = nn.layer_norm %b, %g eps 1.0e-06 group 4 : (tensor<2x8xbf16>, tensor<2x4xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: nn.square_sum %c : (tensor<2x8xbf16>) -> tensor<2x1xf64>
  %s = nn.square_sum %c : (tensor<2x8xbf16>) -> tensor<2x1xf64>
  // CHECK-NEXT: nn.rms_scale %c, %s, %w eps 1.000000e-06 count 16 : (tensor<2x8xbf16>, tensor<2x1xf64>, tensor<8xf32>) -> tensor<2x8xbf16>
  %d = nn.rms_scale %c, %s, %w eps 1.0e-06 count 16 : (tensor<2x8xbf16>, tensor<2x1xf64>, tensor<8xf32>) -> tensor<2x8xbf16>
  func.return %d : tensor<2x8xbf16>
}

// Numbers are written with all their digits, functions have no attributes.
// CHECK-LABEL: func.func @numbers_and_functions
func.func @numbers_and_functions(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  // CHECK-NEXT: nn.add_scalar %x, 1.000000e+00 : (tensor<8xbf16>) -> tensor<8xbf16>
  %a = nn.add_scalar %x, 1.0 : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.mul_scalar %a, 5.000000e-01 : (tensor<8xbf16>) -> tensor<8xbf16>
  %b = nn.mul_scalar %a, 0.5 : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.div_scalar %b, 3.000000e+00 : (tensor<8xbf16>) -> tensor<8xbf16>
  %c = nn.div_scalar %b, 3.0 : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.rsub_scalar %c, 1.000000e+00 : (tensor<8xbf16>) -> tensor<8xbf16>
  %d = nn.rsub_scalar %c, 1.0 : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.sigmoid %d : (tensor<8xbf16>) -> tensor<8xbf16>
  %e = nn.sigmoid %d : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.tanh %e : (tensor<8xbf16>) -> tensor<8xbf16>
  %f = nn.tanh %e : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.relu %f : (tensor<8xbf16>) -> tensor<8xbf16>
  %g = nn.relu %f : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.exp %g : (tensor<8xbf16>) -> tensor<8xbf16>
  %h = nn.exp %g : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.sqrt %h : (tensor<8xbf16>) -> tensor<8xbf16>
  %i = nn.sqrt %h : (tensor<8xbf16>) -> tensor<8xbf16>
  // CHECK-NEXT: nn.gelu_erf %i : (tensor<8xbf16>) -> tensor<8xbf16>
  %j = nn.gelu_erf %i : (tensor<8xbf16>) -> tensor<8xbf16>
  func.return %j : tensor<8xbf16>
}
