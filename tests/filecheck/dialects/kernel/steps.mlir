// A loop over decode steps is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK: %tokens = kernel.steps 8 carried(%token : tensor<1xi32>) counted(%position : tensor<i32>) -> tensor<8x1xi32> {
// CHECK-NEXT: ^bb0(%t: tensor<1xi32>, %p: tensor<i32>):
// CHECK: kernel.yield %n : tensor<1xi32>
kernel.func @decode(%token: tensor<1xi32>, %position: tensor<i32>, %e: tensor<16x8xbf16>) -> tensor<8x1xi32> {
  %tokens = kernel.steps 8 carried(%token : tensor<1xi32>) counted(%position : tensor<i32>) -> tensor<8x1xi32> {
  ^bb0(%t: tensor<1xi32>, %p: tensor<i32>):
    %x = nn.embedding %t, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
    %y = nn.rope %x, %p {head_dim = 8, theta = 1.0e+04 : f64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
    %n = nn.argmax %y : (tensor<1x8xbf16>) -> tensor<1xi32>
    kernel.yield %n : tensor<1xi32>
  }
  kernel.return %tokens : tensor<8x1xi32>
}

// Nothing need count.
// CHECK: kernel.steps 2 carried(%x : tensor<1x8xbf16>) -> tensor<2x1x8xbf16> {
kernel.func @again(%x: tensor<1x8xbf16>) -> tensor<2x1x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<1x8xbf16>) -> tensor<2x1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    %y = nn.silu %h : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<2x1x8xbf16>
}
