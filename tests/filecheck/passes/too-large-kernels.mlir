// RUN: kl-opt %s -p loop-kernels | filecheck %s
// A kernel that has no room on the machine alone is in no loop, and that is told once.
// CHECK: kernel.schedule @too_large(
// CHECK: %a = kernel.call @two(%x)
// CHECK-SAME: {kl.remarks = ["calls of @two are not looped: the kernel has 2 stages, the machine has 1 PCUs"]}
// CHECK-NEXT: %b = kernel.call @two(%a) : (
// CHECK-NEXT: %c = kernel.call @two(%b) : (
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 1 : i64}>} {
  kernel.func @two(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
    %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    %z = nn.gelu %y : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %z : tensor<1x16xbf16>
  }
  kernel.schedule @too_large(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
    %a = kernel.call @two(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    %b = kernel.call @two(%a) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    %c = kernel.call @two(%b) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %c : tensor<1x16xbf16>
  }
}
