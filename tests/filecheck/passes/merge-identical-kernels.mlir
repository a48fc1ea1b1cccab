// RUN: kl-opt %s -p merge-identical-kernels --split-input-file | filecheck %s

// Kernels that differ in names alone become the first of them, and all calls are calls of it.
// CHECK: kernel.func @norm(
// CHECK-NOT: kernel.func
// CHECK: kernel.schedule @step(
// CHECK-NEXT: %y = kernel.call @norm(%x, %w)
// CHECK-NEXT: %z = kernel.call @norm(%y, %w)
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.func @norm_1(%a: tensor<1x8xbf16>, %b: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %c = nn.rms_norm %a, %b eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %c : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @norm(%x, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %z = kernel.call @norm_1(%y, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %z : tensor<1x8xbf16>
}

// -----
// Kernels that differ in a shape, in an attribute, in what they read or in what they return stay apart.
// CHECK: kernel.func @norm(
// CHECK: kernel.func @wider(
// CHECK: kernel.func @other_eps(
// CHECK: kernel.func @add(
// CHECK: kernel.func @add_once(
// CHECK: kernel.func @first(
// CHECK: kernel.func @second(
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.func @wider(%x: tensor<1x16xbf16>, %w: tensor<16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x16xbf16>, tensor<16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @other_eps(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-06 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.func @add(%x: tensor<8xbf16>, %y: tensor<8xbf16>) -> tensor<8xbf16> {
  %z = nn.add %x, %y : (tensor<8xbf16>, tensor<8xbf16>) -> tensor<8xbf16>
  kernel.return %z : tensor<8xbf16>
}
kernel.func @add_once(%x: tensor<8xbf16>, %y: tensor<8xbf16>) -> tensor<8xbf16> {
  %z = nn.add %x, %x : (tensor<8xbf16>, tensor<8xbf16>) -> tensor<8xbf16>
  kernel.return %z : tensor<8xbf16>
}
kernel.func @first(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %y = nn.silu %x : (tensor<8xbf16>) -> tensor<8xbf16>
  %z = nn.silu %y : (tensor<8xbf16>) -> tensor<8xbf16>
  kernel.return %y : tensor<8xbf16>
}
kernel.func @second(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %y = nn.silu %x : (tensor<8xbf16>) -> tensor<8xbf16>
  %z = nn.silu %y : (tensor<8xbf16>) -> tensor<8xbf16>
  kernel.return %z : tensor<8xbf16>
}

// -----
// Loops are compared with their counts and slices.
// CHECK: kernel.func @two(
// CHECK-NOT: kernel.func @also_two(
// CHECK: kernel.func @three(
kernel.func @two(%w: tensor<4x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<4x8xbf16>) {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}
kernel.func @also_two(%w: tensor<4x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<4x8xbf16>) {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}
kernel.func @three(%w: tensor<4x8xbf16>) {
  kernel.loop 3 stacks(%w : tensor<4x8xbf16>) {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}
