// Norms of groups are cut at whole groups, elementwise work with a row in common along that row.
// RUN: kl-opt %s -p "outline-kernels{granularity=layer},convert-kernel-to-dataflow,tile-stages{tile-bytes=16 least-tiles=4 least-run-bytes=1}" | filecheck %s

// 32 columns in tiles of 8, two groups of 4 each; a gain of all groups stays whole, that of each element is cut.
// CHECK: nn.add {{.*}} : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
// CHECK: nn.rms_norm {{.*}} group 4 : (tensor<1x8xbf16>, tensor<4xbf16>) -> tensor<1x8xbf16>
// CHECK: nn.layer_norm {{.*}} group 4 : (tensor<1x8xbf16>, tensor<8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
// CHECK: nn.mul_scalar {{.*}}, 5.000000e-01 : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
// The gain of rows of groups leaves a norm whole.
// CHECK: nn.rms_norm {{.*}} group 4 : (tensor<1x32xbf16>, tensor<8x4xbf16>) -> tensor<1x32xbf16>
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<8x32xbf16>, %b: tensor<32xbf16>, %g: tensor<4xbf16>, %h: tensor<8x4xbf16>) -> tensor<1x32xbf16> {
  %p = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
  %q = nn.add %p, %b : (tensor<1x32xbf16>, tensor<32xbf16>) -> tensor<1x32xbf16>
  %r = nn.rms_norm %q, %g eps 1.0e-05 group 4 : (tensor<1x32xbf16>, tensor<4xbf16>) -> tensor<1x32xbf16>
  %s = nn.layer_norm %r, %b, %b eps 1.0e-05 group 4 : (tensor<1x32xbf16>, tensor<32xbf16>, tensor<32xbf16>) -> tensor<1x32xbf16>
  %t = nn.mul_scalar %s, 0.5 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
  %u = nn.rms_norm %t, %h eps 1.0e-05 group 4 : (tensor<1x32xbf16>, tensor<8x4xbf16>) -> tensor<1x32xbf16>
  func.return %u : tensor<1x32xbf16>
}
