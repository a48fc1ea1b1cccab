// RUN: kl-opt %s -p plan-memory --split-input-file | filecheck %s
// RUN: kl-opt %s -p plan-memory,plan-memory --split-input-file | filecheck %s

// Addresses are multiples of 256. What is alive all the time comes first: @w at 0 (16 bytes), @k at 256 (2 x 256 bytes),
// the inputs at 768 and 1024; values from 1280 on. %a and %b are alive together, %a until it is read last by the
// second call, so that %c takes its place; the step returns %b and %c, they stay to its end.
// CHECK: nn.weight @w : tensor<8xbf16> {address = 0 : i64}
// CHECK-NEXT: nn.state @k : memref<2x128xbf16> {address = 256 : i64}
// CHECK: kernel.schedule @step({{.*}}) -> {{.*}} attributes {addresses = array<i64: 768, 1024>} {
// CHECK: %a = kernel.call @norm(%x, %w) {addresses = array<i64: 1280>}
// CHECK: %b = kernel.call @norm(%a, %w) {addresses = array<i64: 1536>}
// CHECK: %c = kernel.call @norm(%b, %w) {addresses = array<i64: 1280>}
nn.weight @w : tensor<8xbf16>
nn.state @k : memref<2x128xbf16>
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-5 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %w = nn.get_global @w : tensor<8xbf16>
  %a = kernel.call @norm(%x, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %b = kernel.call @norm(%a, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %c = kernel.call @norm(%b, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %b, %c : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// Two results of one call and one that nobody reads have places of their own; what the host reads lives until then.
// CHECK: attributes {addresses = array<i64: 0>}
// CHECK: kernel.call @two(%x) {addresses = array<i64: 256, 512>}
// CHECK: kernel.call @two(%x) {addresses = array<i64: 512, 768>}
// CHECK: nn.observe
// CHECK: kernel.call @two(%x) {addresses = array<i64: 256, 512>}
kernel.func @two(%x: tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  kernel.return %x, %x : tensor<1x8xbf16>, tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>) {
  %a, %b = kernel.call @two(%x) : (tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>)
  %c, %d = kernel.call @two(%x) : (tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>)
  nn.observe %a as "a" : tensor<1x8xbf16>
  %e, %f = kernel.call @two(%x) : (tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>)
  kernel.return
}

// -----
// The parts of a stack follow one another, in its order, so that a loop can walk them: 128 x 2 = 256 bytes apart.
// CHECK: nn.weight @a : tensor<128xbf16> {address = 512 : i64}
// CHECK-NEXT: nn.weight @b : tensor<128xbf16> {address = 256 : i64}
// CHECK-NEXT: nn.weight @c : tensor<128xbf16> {address = 0 : i64}
nn.weight @a : tensor<128xbf16>
nn.weight @b : tensor<128xbf16>
nn.weight @c : tensor<128xbf16>
kernel.schedule @step() {
  %c = nn.get_global @c : tensor<128xbf16>
  %b = nn.get_global @b : tensor<128xbf16>
  %s = kernel.stack %c, %b : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  kernel.return
}

// -----
// Without a schedule nothing says what is alive when.
// CHECK: nn.weight @w : tensor<8xbf16>
// CHECK-NOT: address
nn.weight @w : tensor<8xbf16>
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-5 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
