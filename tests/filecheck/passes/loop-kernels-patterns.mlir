// Repeating patterns of several kernels: one round of the pattern is one iteration of the loop.
// RUN: kl-opt %s -p loop-kernels --split-input-file | filecheck %s

// Two kernels in turn. What the first hands to the second stays inside the iteration; the second is also given
// what the first was given, so that value is carried for both.
// CHECK: kernel.func @layer.loop(%x: tensor<1x16xbf16>, %w: tensor<3x16x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: %x_1 = kernel.loop 3 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%w : tensor<3x16x16xbf16>) {
// CHECK-NEXT: ^bb0(%x_2: tensor<1x16xbf16>, %w_1: tensor<16x16xbf16>):
// CHECK-NEXT: %p = nn.matmul %x_2, %w_1
// CHECK-NEXT: %y = nn.add %x_2, %p
// CHECK-NEXT: kernel.yield %y
// CHECK: kernel.schedule @two(
// CHECK-NEXT: nn.get_global
// CHECK-NEXT: %f = kernel.call @layer.loop(%x, %w)
// CHECK-NEXT: kernel.return %f
nn.weight @w : tensor<3x16x16xbf16>
kernel.func @layer.matmul(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %p = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %p : tensor<1x16xbf16>
}
kernel.func @layer.add(%x: tensor<1x16xbf16>, %p: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.add %x, %p : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @two(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<3x16x16xbf16>
  %a = kernel.call @layer.matmul[0](%x, %w) : (tensor<1x16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer.add[0](%x, %a) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer.matmul[1](%b, %w) : (tensor<1x16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer.add[1](%b, %c) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %e = kernel.call @layer.matmul[2](%d, %w) : (tensor<1x16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
  %f = kernel.call @layer.add[2](%d, %e) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %f : tensor<1x16xbf16>
}

// -----
// Fewest calls win: a pattern of three kernels with two equal neighbours makes one call, not four. The two are a
// loop inside the loop, so that the body holds one of them.
// CHECK: kernel.func @a.loop(
// CHECK-NEXT: kernel.loop 2
// CHECK-NEXT: ^bb0
// CHECK-NEXT: kernel.loop 2
// CHECK-NEXT: ^bb0
// CHECK-NEXT: nn.silu
// CHECK-NEXT: kernel.yield
// CHECK-NEXT: }
// CHECK-NEXT: nn.gelu
// CHECK-NEXT: kernel.yield
// CHECK: kernel.schedule @three(
// CHECK-NEXT: kernel.call @a.loop(%x)
// CHECK-NEXT: kernel.return
kernel.func @a(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @b(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.gelu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @three(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %p = kernel.call @a(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %q = kernel.call @a(%p) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %r = kernel.call @b(%q) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %s = kernel.call @a(%r) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %t = kernel.call @a(%s) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %u = kernel.call @b(%t) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %u : tensor<1x16xbf16>
}

// -----
// Where the pattern cannot be a loop, here for a second reader in its middle, shorter patterns in it may.
// CHECK: kernel.schedule @shorter(
// CHECK-NEXT: %q = kernel.call @a.loop(%x)
// CHECK-NEXT: %r = kernel.call @b(%q)
// CHECK-SAME: kl.remarks = ["run of @a to @b is cut behind @b: its result 0 is also read by the caller of the step"]
// CHECK-NEXT: %t = kernel.call @a.loop(%r)
// CHECK-NOT: kl.remarks
// CHECK: %u = kernel.call @b(%t)
// CHECK-NEXT: kernel.return %r, %u
kernel.func @a(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @b(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.gelu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @shorter(%x: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %p = kernel.call @a(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %q = kernel.call @a(%p) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %r = kernel.call @b(%q) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %s = kernel.call @a(%r) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %t = kernel.call @a(%s) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %u = kernel.call @b(%t) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %r, %u : tensor<1x16xbf16>, tensor<1x16xbf16>
}

// -----
// A kernel that reads a cache, and one that appends to it: in the loop the append waits for the read.
// CHECK: kernel.func @read.loop(
// CHECK: kernel.loop 2
// CHECK: nn.attention
// CHECK-NEXT: nn.cache_append
// CHECK: kernel.schedule @read_then_append(
// CHECK: kernel.call @read.loop(
// CHECK-NEXT: kernel.return
nn.state @caches : memref<8x1x1x8x16xbf16>
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @append(%cache: memref<1x1x8x16xbf16>, %position: tensor<i32>, %x: tensor<1x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.schedule @read_then_append(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %cs = nn.get_global @caches : memref<8x1x1x8x16xbf16>
  %a = kernel.call @read[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[0](%cs, %position, %a) : (memref<8x1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  %b = kernel.call @read[1](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[1](%cs, %position, %b) : (memref<8x1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// Five local layers and a global one, over and over, and two local ones behind: one call. The outer loop hands the
// inner one a window of five slices of the stack; what is left is a loop behind the loop.
// CHECK: kernel.func @local.loop(%x: tensor<1x16xbf16>, %w: tensor<14x16x16xbf16>, %w_1: tensor<14x16x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: %{{.*}} = kernel.loop 2 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%w, %w_1 : tensor<14x16x16xbf16>, tensor<14x16x16xbf16>) attributes {starts = array<i64: 0, 5>, strides = array<i64: 6, 6>, windows = array<i64: 5, 0>} {
// CHECK: kernel.loop 5 carried
// CHECK: nn.matmul
// CHECK: kernel.yield
// CHECK: nn.matmul
// CHECK: nn.silu
// CHECK: kernel.loop 2 carried({{.*}} attributes {starts = array<i64: 12>} {
// CHECK: kernel.schedule @step(
// CHECK-NEXT: nn.get_global
// CHECK-NEXT: kernel.call @local.loop(%x, %w, %w)
// CHECK-NEXT: kernel.return
nn.weight @w : tensor<14x16x16xbf16>
kernel.func @local(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @global(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %p = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  %y = nn.silu %p : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @step(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<14x16x16xbf16>
  %h0 = kernel.call @local[0](%x, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h1 = kernel.call @local[1](%h0, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h2 = kernel.call @local[2](%h1, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h3 = kernel.call @local[3](%h2, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h4 = kernel.call @local[4](%h3, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h5 = kernel.call @global[5](%h4, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h6 = kernel.call @local[6](%h5, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h7 = kernel.call @local[7](%h6, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h8 = kernel.call @local[8](%h7, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h9 = kernel.call @local[9](%h8, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h10 = kernel.call @local[10](%h9, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h11 = kernel.call @global[11](%h10, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h12 = kernel.call @local[12](%h11, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  %h13 = kernel.call @local[13](%h12, %w) : (tensor<1x16xbf16>, tensor<14x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %h13 : tensor<1x16xbf16>
}
