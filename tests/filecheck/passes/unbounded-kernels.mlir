// On a machine that holds any kernel, no size speaks against a loop or against one call of a step.
// RUN: kl-opt %s -p loop-kernels{unbounded=true} | filecheck %s
// RUN: kl-opt %s -p join-calls{unbounded=true} | filecheck %s --check-prefix=ONE
// RUN: kl-opt %s -p join-calls | filecheck %s --check-prefix=BOUND

// CHECK: kernel.schedule @too_large(
// CHECK-NEXT: %c = kernel.call @two.loop(%x)
// CHECK-NEXT: kernel.return %c
// ONE: kernel.schedule @too_large(
// ONE-NEXT: kernel.call @too_large.call(%x)
// ONE-NEXT: kernel.return
// BOUND: calls are not joined
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
