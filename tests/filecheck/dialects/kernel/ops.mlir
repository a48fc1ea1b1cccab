// Every operation of the dialect is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

nn.weight @w : tensor<4x8x8xbf16>
nn.weight @v0 : tensor<8x8xbf16>
nn.weight @v1 : tensor<8x8xbf16>

// CHECK: kernel.func @add(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> attributes {note = "kept"} {
// CHECK-NEXT: %y = nn.matmul %x, %w
// CHECK-NEXT: kernel.return %y : tensor<1x8xbf16>
// GENERIC: "kernel.func"() <{sym_name = "add", function_type = (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>}> ({
kernel.func @add(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> attributes {note = "kept"} {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// A loop with carried values and stacks, walked from slice 3 downwards and from slice 0 upwards.
// CHECK: kernel.func @looped(
// CHECK-NEXT: %r = kernel.loop 2 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w, %v : tensor<4x8x8xbf16>, tensor<2x8x8xbf16>) attributes {starts = array<i64: 3, 0>, strides = array<i64: -1, 1>} {
// CHECK-NEXT: ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>, %vi: tensor<8x8xbf16>):
// CHECK: kernel.yield %b : tensor<1x8xbf16>
// CHECK: kernel.return %r : tensor<1x8xbf16>
// GENERIC: "kernel.loop"(%x, %w, %v) <{count = 2 : i64, starts = array<i64: 3, 0>, strides = array<i64: -1, 1>, operandSegmentSizes = array<i32: 1, 2>}> ({
kernel.func @looped(%x: tensor<1x8xbf16>, %w: tensor<4x8x8xbf16>, %v: tensor<2x8x8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w, %v : tensor<4x8x8xbf16>, tensor<2x8x8xbf16>) attributes {starts = array<i64: 3, 0>, strides = array<i64: -1, 1>} {
  ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>, %vi: tensor<8x8xbf16>):
    %a = nn.matmul %h, %wi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    %b = nn.matmul %a, %vi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %b : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// A loop that carries nothing works on the slices alone; what it uses from outside is invariant.
// CHECK: kernel.func @append(
// CHECK-NEXT: kernel.loop 2 stacks(%caches : memref<2x1x2x4x4xbf16>) {
// CHECK: kernel.yield
// CHECK: kernel.return
kernel.func @append(%x: tensor<1x8xbf16>, %position: tensor<i32>, %caches: memref<2x1x2x4x4xbf16>) {
  kernel.loop 2 stacks(%caches : memref<2x1x2x4x4xbf16>) {
  ^bb0(%cache: memref<1x2x4x4xbf16>):
    nn.cache_append %cache[%position], %x : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
    kernel.yield
  }
  kernel.return
}

// Loops stand in a row, among other operations, and one inside another; the inner ones walk windows of a stack.
// CHECK: kernel.func @nested(
// CHECK-NEXT: %a = nn.silu %x
// CHECK-NEXT: %r, %q = kernel.loop 2 carried(%a, %a : tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>, tensor<1x8xbf16> stacks(%w, %v, %c : tensor<9x8x8xbf16>, tensor<2x8x8xbf16>, memref<8x1x2x4x4xbf16>) attributes {starts = array<i64: 1, 1, 0>, strides = array<i64: 3, -1, 4>, windows = array<i64: 5, 0, 4>} {
// CHECK-NEXT: ^bb0(%h: tensor<1x8xbf16>, %g: tensor<1x8xbf16>, %wi: tensor<5x8x8xbf16>, %vi: tensor<8x8xbf16>, %ci: memref<4x1x2x4x4xbf16>):
// CHECK-NEXT: %s = kernel.loop 2 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%wi, %ci : tensor<5x8x8xbf16>, memref<4x1x2x4x4xbf16>) attributes {starts = array<i64: 4, 0>, strides = array<i64: -3, 2>, windows = array<i64: 0, 2>} {
// CHECK-NEXT: ^bb0(%k: tensor<1x8xbf16>, %wj: tensor<8x8xbf16>, %cj: memref<2x1x2x4x4xbf16>):
// CHECK-NEXT: kernel.loop 2 stacks(%cj : memref<2x1x2x4x4xbf16>) {
// CHECK: kernel.yield %s, %z : tensor<1x8xbf16>, tensor<1x8xbf16>
// CHECK: %u = nn.silu %r
// CHECK-NEXT: %t = kernel.loop 2 carried(%u : tensor<1x8xbf16>)
// CHECK: kernel.return %t, %q
// GENERIC: windows = array<i64: 5, 0, 4>, operandSegmentSizes = array<i32: 2, 3>
kernel.func @nested(%x: tensor<1x8xbf16>, %p: tensor<i32>, %w: tensor<9x8x8xbf16>, %v: tensor<2x8x8xbf16>, %c: memref<8x1x2x4x4xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %a = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %r, %q = kernel.loop 2 carried(%a, %a : tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>, tensor<1x8xbf16> stacks(%w, %v, %c : tensor<9x8x8xbf16>, tensor<2x8x8xbf16>, memref<8x1x2x4x4xbf16>) attributes {starts = array<i64: 1, 1, 0>, strides = array<i64: 3, -1, 4>, windows = array<i64: 5, 0, 4>} {
  ^bb0(%h: tensor<1x8xbf16>, %g: tensor<1x8xbf16>, %wi: tensor<5x8x8xbf16>, %vi: tensor<8x8xbf16>, %ci: memref<4x1x2x4x4xbf16>):
    %s = kernel.loop 2 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%wi, %ci : tensor<5x8x8xbf16>, memref<4x1x2x4x4xbf16>) attributes {starts = array<i64: 4, 0>, strides = array<i64: -3, 2>, windows = array<i64: 0, 2>} {
    ^bb0(%k: tensor<1x8xbf16>, %wj: tensor<8x8xbf16>, %cj: memref<2x1x2x4x4xbf16>):
      kernel.loop 2 stacks(%cj : memref<2x1x2x4x4xbf16>) {
      ^bb0(%cache: memref<1x2x4x4xbf16>):
        nn.cache_append %cache[%p], %k : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
        kernel.yield
      }
      %l = nn.matmul %k, %wj : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      kernel.yield %l : tensor<1x8xbf16>
    }
    %y = nn.matmul %s, %vi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    %z = nn.add %y, %g : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %s, %z : tensor<1x8xbf16>, tensor<1x8xbf16>
  }
  %u = nn.silu %r : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %t = kernel.loop 2 carried(%u : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%v : tensor<2x8x8xbf16>) {
  ^bb0(%e: tensor<1x8xbf16>, %f: tensor<8x8xbf16>):
    %n = nn.matmul %e, %f : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %n : tensor<1x8xbf16>
  }
  kernel.return %t, %q : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// Groups stand in functions, while `outline-kernels` decides what becomes a kernel.
// CHECK: func.func private @grouped(
// CHECK-NEXT: %y = kernel.group -> tensor<1x8xbf16> {
// CHECK-NEXT: %s = nn.silu %x
// CHECK-NEXT: kernel.yield %s : tensor<1x8xbf16>
func.func private @grouped(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.group -> tensor<1x8xbf16> {
    %s = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %s : tensor<1x8xbf16>
  }
  func.return %y : tensor<1x8xbf16>
}

// CHECK: kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: %w = nn.get_global @w : tensor<4x8x8xbf16>
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<4x8x8xbf16>
  %v0 = nn.get_global @v0 : tensor<8x8xbf16>
  %v1 = nn.get_global @v1 : tensor<8x8xbf16>
  // CHECK: %y = kernel.call @add[3] (%x, %w) : (tensor<1x8xbf16>, tensor<4x8x8xbf16>) -> tensor<1x8xbf16>
  // GENERIC: "kernel.call"(%{{.*}}, %{{.*}}) <{callee = @add, index = 3 : i64}>
  %y = kernel.call @add[3](%x, %w) : (tensor<1x8xbf16>, tensor<4x8x8xbf16>) -> tensor<1x8xbf16>
  // CHECK-NEXT: nn.observe %y as "hidden" : tensor<1x8xbf16>
  nn.observe %y as "hidden" : tensor<1x8xbf16>
  // CHECK-NEXT: %v = kernel.stack %v0, %v1 : (tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8x8xbf16>
  %v = kernel.stack %v0, %v1 : (tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8x8xbf16>
  // CHECK-NEXT: %z = kernel.call @looped(%y, %w, %v) : (tensor<1x8xbf16>, tensor<4x8x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  %z = kernel.call @looped(%y, %w, %v) : (tensor<1x8xbf16>, tensor<4x8x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %z : tensor<1x8xbf16>
}
