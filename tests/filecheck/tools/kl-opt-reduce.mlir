// What a pass fails at is left of the input, which its reproducer has in whole.
// RUN: not kl-opt %s -p canonicalize,outline-kernels --reproducer %t
// RUN: filecheck %s --input-file %t --check-prefix=WHOLE
// RUN: kl-opt --run-reproducer %t --reduce | filecheck %s

// WHOLE: // configuration: --passes=canonicalize,outline-kernels
// WHOLE: nn.silu
// CHECK-NOT: nn.silu
// CHECK: func.call @id
// CHECK-NOT: nn.silu
func.func @id(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  func.return %x : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = func.call @id(%y) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}
