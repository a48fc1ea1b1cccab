// What a loop does with the arguments of the calls that it takes the place of.
// RUN: kl-opt %s -p loop-kernels --split-input-file | filecheck %s

// Carried from call to call: the hidden state. The same in all calls: the norm. Varying: the stacked weight.
// CHECK: kernel.func @layer.loop(%x: tensor<1x16xbf16>, %norm: tensor<16xbf16>, %w: tensor<3x16x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: %x_1 = kernel.loop 3 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%w : tensor<3x16x16xbf16>) {
// CHECK-NEXT: ^bb0(%x_2: tensor<1x16xbf16>, %w_1: tensor<16x16xbf16>):
// CHECK-NEXT: %h = nn.rms_norm %x_2, %norm
// CHECK-NEXT: %y = nn.matmul %h, %w_1
// CHECK-NEXT: kernel.yield %y
// CHECK: kernel.return %x_1
// CHECK: kernel.schedule @layers(
// CHECK-NEXT: %w = nn.get_global @w
// CHECK-NEXT: %c = kernel.call @layer.loop(%x, %norm, %w) : (tensor<1x16xbf16>, tensor<16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
// CHECK-NEXT: nn.observe %c as "hidden"
// CHECK-NEXT: kernel.return %c
// CHECK-NOT: kernel.func @layer(
nn.weight @w : tensor<3x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %norm: tensor<16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %h = nn.rms_norm %x, %norm eps 1.0e-05 : (tensor<1x16xbf16>, tensor<16xbf16>) -> tensor<1x16xbf16>
  %y = nn.matmul %h, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @layers(%x: tensor<1x16xbf16>, %norm: tensor<16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<3x16x16xbf16>
  %a = kernel.call @layer[0](%x, %norm, %w) : (tensor<1x16xbf16>, tensor<16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %norm, %w) : (tensor<1x16xbf16>, tensor<16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[2](%b, %norm, %w) : (tensor<1x16xbf16>, tensor<16xbf16>, tensor<3x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %c as "hidden" : tensor<1x16xbf16>
  kernel.return %c : tensor<1x16xbf16>
}

// -----
// Any constant stride does, backwards too, and loops may follow on one another. A slice that stays the same is
// walked with a step of 0.
// CHECK: kernel.func @layer.loop(
// CHECK-NEXT: kernel.loop 3 {{.*}} attributes {starts = array<i64: 7>, strides = array<i64: -3>} {
// CHECK: kernel.func @layer.loop_1(
// CHECK-NEXT: kernel.loop 2 {{.*}} attributes {starts = array<i64: 5>, strides = array<i64: 0>} {
// CHECK: kernel.schedule @steps(
// CHECK: %c = kernel.call @layer.loop(%x, %w)
// CHECK-NEXT: %e = kernel.call @layer.loop_1(%c, %w) {kl.remarks = ["run of @layer is cut before @layer[5]: operand 1 is slice 5 of @w, a constant stride of -3 asks for slice -2 of @w"]}
// CHECK-NEXT: kernel.return %e
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @steps(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[7](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[4](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[1](%b, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[5](%c, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %e = kernel.call @layer[5](%d, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %e : tensor<1x16xbf16>
}

// -----
// A weight and a state of its own for every call, whenever they are fetched: they are gathered as stacks.
// CHECK: kernel.func @layer.loop(%x: tensor<1x16xbf16>, %w: tensor<2x16x16xbf16>, %position: tensor<i32>, %cache: memref<2x1x1x8x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: kernel.loop 2 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%w, %cache : tensor<2x16x16xbf16>, memref<2x1x1x8x16xbf16>) {
// CHECK: kernel.schedule @gathered(
// CHECK: %w = kernel.stack %w0, %w1 : (tensor<16x16xbf16>, tensor<16x16xbf16>) -> tensor<2x16x16xbf16>
// CHECK-NEXT: %cache = kernel.stack %c0, %c1 : (memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>) -> memref<2x1x1x8x16xbf16>
// CHECK-NEXT: %b = kernel.call @layer.loop(%x, %w, %position, %cache)
// CHECK-NEXT: kernel.return %b
nn.weight @w0 : tensor<16x16xbf16>
nn.weight @w1 : tensor<16x16xbf16>
nn.state @c0 : memref<1x1x8x16xbf16>
nn.state @c1 : memref<1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  nn.cache_append %cache[%position], %y : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @gathered(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %w0 = nn.get_global @w0 : tensor<16x16xbf16>
  %c0 = nn.get_global @c0 : memref<1x1x8x16xbf16>
  %a = kernel.call @layer(%x, %w0, %position, %c0) : (tensor<1x16xbf16>, tensor<16x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %w1 = nn.get_global @w1 : tensor<16x16xbf16>
  %c1 = nn.get_global @c1 : memref<1x1x8x16xbf16>
  %b = kernel.call @layer(%a, %w1, %position, %c1) : (tensor<1x16xbf16>, tensor<16x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// Two carried values change places from call to call.
// CHECK: kernel.func @swap.loop(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
// CHECK-NEXT: %x_1, %y_1 = kernel.loop 2 carried(%x, %y : tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>, tensor<1x16xbf16> {
// CHECK-NEXT: ^bb0(%x_2: tensor<1x16xbf16>, %y_2: tensor<1x16xbf16>):
// CHECK-NEXT: %s = nn.silu %x_2
// CHECK-NEXT: kernel.yield %y_2, %s
// CHECK: kernel.return %x_1, %y_1
// CHECK: kernel.schedule @swaps(
// CHECK-NEXT: %c, %d = kernel.call @swap.loop(%x, %y)
// CHECK-NEXT: kernel.return %d, %c
kernel.func @swap(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %s = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y, %s : tensor<1x16xbf16>, tensor<1x16xbf16>
}
kernel.schedule @swaps(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %a, %b = kernel.call @swap(%x, %y) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  %c, %d = kernel.call @swap(%a, %b) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  kernel.return %d, %c : tensor<1x16xbf16>, tensor<1x16xbf16>
}

// -----
// Calls that hand nothing on make a loop that carries nothing.
// CHECK: kernel.func @append.loop(%keys: memref<2x1x1x8x16xbf16>, %position: tensor<i32>, %k: tensor<1x16xbf16>) {
// CHECK-NEXT: kernel.loop 2 stacks(%keys : memref<2x1x1x8x16xbf16>) {
// CHECK: kernel.schedule @appends(
// CHECK: kernel.call @append.loop(%keys, %position, %k) : (memref<2x1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
nn.state @keys : memref<2x1x1x8x16xbf16>
kernel.func @append(%keys: memref<1x1x8x16xbf16>, %position: tensor<i32>, %k: tensor<1x16xbf16>) {
  nn.cache_append %keys[%position], %k : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.schedule @appends(%k: tensor<1x16xbf16>, %position: tensor<i32>) {
  %keys = nn.get_global @keys : memref<2x1x1x8x16xbf16>
  kernel.call @append[0](%keys, %position, %k) : (memref<2x1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  kernel.call @append[1](%keys, %position, %k) : (memref<2x1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  kernel.return
}

// -----
// A kernel that something else still calls stays; the loop is one call with the place of the first.
// CHECK: kernel.func @act(
// CHECK: kernel.func @act.loop(
// CHECK: kernel.func @other(
// CHECK: kernel.schedule @still_called(
// CHECK-NEXT: kernel.call @act.loop(%x)
// CHECK-NEXT: kernel.call @other(
// CHECK-NEXT: kernel.call @act(
kernel.func @act(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @other(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.gelu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @still_called(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = kernel.call @act(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @act(%a) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @other(%b) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @act(%c) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %d : tensor<1x16xbf16>
}

// -----
// A cache that all calls only read is the same memory in every iteration.
// CHECK: kernel.func @read.loop(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: kernel.loop 2 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: ^bb0(%x_2: tensor<1x16xbf16>):
// CHECK-NEXT: nn.attention %x_2, %cache, %cache, %position
// CHECK: kernel.schedule @shared_cache(
nn.state @cache : memref<1x1x8x16xbf16>
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @shared_cache(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %cache = nn.get_global @cache : memref<1x1x8x16xbf16>
  %a = kernel.call @read(%x, %position, %cache) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @read(%a, %position, %cache) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// Loops that do the same with the same weights are one kernel; with other weights, one of their own.
// CHECK: kernel.func @layer.loop(
// CHECK: kernel.func @layer.loop_1(
// CHECK-NOT: kernel.func @layer.loop
// CHECK: kernel.schedule @again(
// CHECK: kernel.call @layer.loop(%x, %w)
// CHECK: kernel.call @layer.loop(%{{.*}}, %w)
// CHECK: kernel.call @layer.loop_1(%{{.*}}, %v)
// CHECK: kernel.call @layer.loop(%{{.*}}, %w)
nn.weight @w : tensor<2x16x16xbf16>
nn.weight @v : tensor<2x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @again(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<2x16x16xbf16>
  %v = nn.get_global @v : tensor<2x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %b as "first" : tensor<1x16xbf16>
  %c = kernel.call @layer[0](%b, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[1](%c, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %d as "second" : tensor<1x16xbf16>
  %e = kernel.call @layer[0](%d, %v) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  %f = kernel.call @layer[1](%e, %v) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %f as "third" : tensor<1x16xbf16>
  %g = kernel.call @layer[0](%f, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  %h = kernel.call @layer[1](%g, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %h as "fourth" : tensor<1x16xbf16>
  kernel.return %h : tensor<1x16xbf16>
}
