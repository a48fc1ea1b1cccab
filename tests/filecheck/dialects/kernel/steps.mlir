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
    %y = nn.rope %x, %p {head_dim = 8, frequencies = array<f64: 1.0, 0.1, 0.01, 0.001>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
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

// Rows of a batch may end at a token.
// CHECK: %tokens = kernel.steps 8 carried(%token : tensor<3xi32>) counted(%position : tensor<i32>) stop 2 -> tensor<8x3xi32> {
// CHECK: kernel.steps 2 carried(%token : tensor<3xi32>) stop 0 -> tensor<2x3xi32> {
kernel.func @rows(%token: tensor<3xi32>, %position: tensor<i32>, %e: tensor<16x8xbf16>, %k: memref<3x1x4x8xbf16>) -> tensor<8x3xi32> {
  %tokens = kernel.steps 8 carried(%token : tensor<3xi32>) counted(%position : tensor<i32>) stop 2 -> tensor<8x3xi32> {
  ^bb0(%t: tensor<3xi32>, %p: tensor<i32>):
    %x = nn.embedding %t, %e : (tensor<3xi32>, tensor<16x8xbf16>) -> tensor<3x8xbf16>
    %y = kernel.loop 2 carried(%x : tensor<3x8xbf16>) -> tensor<3x8xbf16> {
    ^bb1(%h: tensor<3x8xbf16>):
      nn.cache_append %k[%p], %h : memref<3x1x4x8xbf16>, tensor<i32>, tensor<3x8xbf16>
      %g = nn.silu %h : (tensor<3x8xbf16>) -> tensor<3x8xbf16>
      kernel.yield %g : tensor<3x8xbf16>
    }
    nn.cache_append %k[%p], %y : memref<3x1x4x8xbf16>, tensor<i32>, tensor<3x8xbf16>
    %n = nn.argmax %y : (tensor<3x8xbf16>) -> tensor<3xi32>
    kernel.yield %n : tensor<3xi32>
  }
  kernel.return %tokens : tensor<8x3xi32>
}
kernel.func @same(%token: tensor<3xi32>) -> tensor<2x3xi32> {
  %r = kernel.steps 2 carried(%token : tensor<3xi32>) stop 0 -> tensor<2x3xi32> {
  ^bb0(%t: tensor<3xi32>):
    kernel.yield %t : tensor<3xi32>
  }
  kernel.return %r : tensor<2x3xi32>
}
