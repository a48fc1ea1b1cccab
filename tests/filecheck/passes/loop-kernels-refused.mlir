// Why calls stay calls: each time the calls stay as they are, and a remark on the call says why.
// RUN: kl-opt %s -p loop-kernels --split-input-file | filecheck %s

// A middle value that something reads besides the next call must be there for it: the run is cut behind the call
// that makes it. Its last value, here %d, is what the loop returns.
// CHECK: kernel.schedule @second_reader(
// CHECK: %b = kernel.call @layer.loop(%x, %w)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut behind @layer[1]: its result 0 is also read by @probe"]}
// CHECK-NEXT: %d = kernel.call @layer.loop_1(%b, %w)
// CHECK-NEXT: %p = kernel.call @probe(%b)
// CHECK-NEXT: kernel.return %d, %p
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @probe(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @second_reader(%x: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[2](%b, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[3](%c, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %p = kernel.call @probe(%b) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %d, %p : tensor<1x16xbf16>, tensor<1x16xbf16>
}

// -----
// The host may read it later, too, or the step may return it.
// CHECK: kernel.schedule @host_reads_later(
// CHECK: %b = kernel.call @layer.loop(%x, %w)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut behind @layer[1]: its result 0 is also read by the host as 'b'"]}
// CHECK-NEXT: %d = kernel.call @layer.loop_1(%b, %w)
// CHECK-NEXT: nn.observe %b
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @host_reads_later(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[2](%b, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[3](%c, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %b as "b" : tensor<1x16xbf16>
  kernel.return %d : tensor<1x16xbf16>
}

// -----
// The host waits between two calls: a loop would run past it.
// CHECK: kernel.schedule @host_between(
// CHECK: %b = kernel.call @layer.loop(%x, %w)
// CHECK-NEXT: nn.observe %x as "input"
// CHECK-NEXT: %d = kernel.call @layer.loop_1(%b, %w)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut before @layer[2]: the host reads 'input' there"]}
// CHECK-NEXT: kernel.return %d
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @host_between(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  nn.observe %x as "input" : tensor<1x16xbf16>
  %c = kernel.call @layer[2](%b, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[3](%c, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %d : tensor<1x16xbf16>
}

// -----
// A layer that differs in shape is another kernel, and cuts the run.
// CHECK: kernel.schedule @other_shape(
// CHECK: %b = kernel.call @layer.loop(
// CHECK-NEXT: %c = kernel.call @wide(%b
// CHECK-SAME: {kl.remarks = ["run of @layer is cut by @wide: its operand 1 is a tensor<16x32xbf16> where @layer takes a tensor<16x16xbf16>"]}
// CHECK-NEXT: %e = kernel.call @layer.loop_1(
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>, %v: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @wide(%x: tensor<1x16xbf16>, %w: tensor<16x32xbf16>, %v: tensor<32x16xbf16>) -> tensor<1x16xbf16> {
  %h = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x32xbf16>) -> tensor<1x32xbf16>
  %y = nn.matmul %h, %v : (tensor<1x32xbf16>, tensor<32x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @other_shape(%x: tensor<1x16xbf16>, %wide: tensor<16x32xbf16>, %back: tensor<32x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @wide(%b, %wide, %back) : (tensor<1x16xbf16>, tensor<16x32xbf16>, tensor<32x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[2](%c, %w, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %e = kernel.call @layer[3](%d, %w, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %e : tensor<1x16xbf16>
}

// -----
// So is one that takes other arguments.
// CHECK: kernel.schedule @other_arguments(
// CHECK: %b = kernel.call @layer.loop(
// CHECK-NEXT: %c = kernel.call @act(%b)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut by @act: it takes 1 operands where @layer takes 2"]}
// CHECK-NEXT: %e = kernel.call @layer.loop_1(
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @act(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @other_arguments(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @act(%b) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer[2](%c, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %e = kernel.call @layer[3](%d, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %e : tensor<1x16xbf16>
}

// -----
// So does a kernel that does something else with the same arguments, between single calls.
// CHECK: kernel.schedule @other_body(
// CHECK: kernel.call @layer[0]
// CHECK-NEXT: kernel.call @other[1]
// CHECK-SAME: {kl.remarks = ["run of @layer is cut by @other[1]: its body is not that of @layer"]}
// CHECK-NEXT: kernel.call @layer[2]
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @other(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %h = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %y = nn.matmul %h, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @other_body(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @other[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[2](%b, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %c : tensor<1x16xbf16>
}

// -----
// Slices without a constant stride have no address that a loop could count up.
// CHECK: kernel.schedule @no_step(
// CHECK: %b = kernel.call @layer.loop(%x, %w)
// CHECK-NEXT: %c = kernel.call @layer[3] (%b, %w)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut before @layer[3]: operand 1 is slice 3 of @w, a constant stride of 1 asks for slice 2 of @w"]}
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @no_step(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[3](%b, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %c : tensor<1x16xbf16>
}

// -----
// What changes from call to call without being carried or stacked has no form in a loop.
// CHECK: kernel.schedule @changing(
// CHECK: %b = kernel.call @add.loop(%x, %x)
// CHECK-NEXT: %c = kernel.call @add(%b, %z)
// CHECK-SAME: {kl.remarks = ["run of @add is cut before @add: operand 1 is %z, and was %x"]}
kernel.func @add(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %z = nn.add %x, %y : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %z : tensor<1x16xbf16>
}
kernel.schedule @changing(%x: tensor<1x16xbf16>, %z: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = kernel.call @add(%x, %x) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @add(%a, %x) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @add(%b, %z) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %c : tensor<1x16xbf16>
}

// -----
// What stacks begin with, they go on with: the third operand 1 here is no whole weight but a slice, and the fourth
// an input, whose place in memory is not ours to choose.
// CHECK: kernel.schedule @not_whole(
// CHECK: %w = kernel.stack %u, %v
// CHECK-NEXT: %b = kernel.call @layer.loop(%x, %w)
// CHECK-NEXT: kernel.call @layer[5] (%b, %s)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut before @layer[5]: operand 1 is slice 5 of @s, and only whole weights and states can be stacked"]}
// CHECK-NEXT: kernel.call @layer(%c, %i)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut before @layer: operand 1 is %i, a constant stride of 0 asks for slice 5 of @s"]}
nn.weight @u : tensor<16x16xbf16>
nn.weight @v : tensor<16x16xbf16>
nn.weight @s : tensor<8x16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @not_whole(%x: tensor<1x16xbf16>, %i: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %u = nn.get_global @u : tensor<16x16xbf16>
  %v = nn.get_global @v : tensor<16x16xbf16>
  %s = nn.get_global @s : tensor<8x16x16xbf16>
  %a = kernel.call @layer(%x, %u) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer(%a, %v) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[5](%b, %s) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer(%c, %i) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %d : tensor<1x16xbf16>
}

// -----
// What was carried stays carried, and what one kernel hands to the next in an iteration, too.
// CHECK: kernel.schedule @not_carried(
// CHECK: %d = kernel.call @first.loop(%x)
// CHECK-NEXT: %e = kernel.call @first(%x)
// CHECK-SAME: {kl.remarks = ["run of @first to @second is cut before @first: operand 0 is %x, no result of the iteration before"]}
// CHECK-NEXT: kernel.call @second(%e)
// CHECK-NEXT: kernel.call @first(%f)
// CHECK-NEXT: kernel.call @second(%x)
// CHECK-SAME: {kl.remarks = ["run of @first to @second is cut before @second: operand 0 is %x, and was made in the same iteration before"]}
kernel.func @first(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @second(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.gelu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @not_carried(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = kernel.call @first(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @second(%a) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @first(%b) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @second(%c) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %e = kernel.call @first(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %f = kernel.call @second(%e) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %g = kernel.call @first(%f) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %h = kernel.call @second(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %h : tensor<1x16xbf16>
}

// -----
// A value that comes from two calls back is not carried from one iteration to the next.
// CHECK: kernel.schedule @two_back(
// CHECK: kernel.call @add(%x, %x)
// CHECK-SAME: {kl.remarks = ["run of @add is cut behind @add: its result 0 is also read by @add"]}
kernel.func @add(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %z = nn.add %x, %y : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %z : tensor<1x16xbf16>
}
kernel.schedule @two_back(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = kernel.call @add(%x, %x) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @add(%a, %x) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @add(%b, %a) : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %c : tensor<1x16xbf16>
}

// -----
// The loop hands out what it carries; a result that only the last call hands out keeps that call outside.
// CHECK: kernel.schedule @lost_result(
// CHECK: %c = kernel.call @both.loop(%x)
// CHECK-NEXT: %e, %f = kernel.call @both(%c)
// CHECK-SAME: {kl.remarks = ["run of @both is cut before @both: the caller of the step reads its result 1, which no iteration hands on"]}
kernel.func @both(%x: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %z = nn.gelu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y, %z : tensor<1x16xbf16>, tensor<1x16xbf16>
}
kernel.schedule @lost_result(%x: tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %a, %b = kernel.call @both(%x) : (tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  %c, %d = kernel.call @both(%a) : (tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  %e, %f = kernel.call @both(%c) : (tensor<1x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  kernel.return %e, %f : tensor<1x16xbf16>, tensor<1x16xbf16>
}

// -----
// Calls that write one memory stay in order.
// CHECK: kernel.schedule @one_memory(
// CHECK: kernel.call @append(%cache, %p, %x) :
// CHECK-NEXT: kernel.call @append(%cache, %q, %x)
// CHECK-SAME: {kl.remarks = ["run of @append is cut before @append: operand 1 is %q, and was %p"]}
// CHECK-NEXT: kernel.call @append(%cache, %q, %x)
// CHECK-SAME: {kl.remarks = ["run of @append is cut before @append: operand 0 is @cache, which an iteration before touches, and one writes"]}
nn.state @cache : memref<1x1x8x16xbf16>
kernel.func @append(%cache: memref<1x1x8x16xbf16>, %position: tensor<i32>, %x: tensor<1x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.schedule @one_memory(%x: tensor<1x16xbf16>, %p: tensor<i32>, %q: tensor<i32>) {
  %cache = nn.get_global @cache : memref<1x1x8x16xbf16>
  kernel.call @append(%cache, %p, %x) : (memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  kernel.call @append(%cache, %q, %x) : (memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  kernel.call @append(%cache, %q, %x) : (memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>) -> ()
  kernel.return
}

// -----
// A layer that reads the cache of the layer before depends on another iteration.
// CHECK: kernel.schedule @cache_before(
// CHECK: kernel.call @layer(%x, %position, %c1, %c0) :
// CHECK-NEXT: kernel.call @layer(%a, %position, %c2, %c1)
// CHECK-SAME: {kl.remarks = ["run of @layer is cut before @layer: operand 3 is @c1, which an iteration before touches, and one writes"]}
nn.state @c0 : memref<1x1x8x16xbf16>
nn.state @c1 : memref<1x1x8x16xbf16>
nn.state @c2 : memref<1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %position: tensor<i32>, %mine: memref<1x1x8x16xbf16>, %before: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  nn.cache_append %mine[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %y = nn.attention %x, %before, %before, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @cache_before(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %c0 = nn.get_global @c0 : memref<1x1x8x16xbf16>
  %c1 = nn.get_global @c1 : memref<1x1x8x16xbf16>
  %c2 = nn.get_global @c2 : memref<1x1x8x16xbf16>
  %a = kernel.call @layer(%x, %position, %c1, %c0) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer(%a, %position, %c2, %c1) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// A weight has one place in memory: it stands in one stack, once.
// CHECK: kernel.schedule @two_stacks(
// CHECK: %w = kernel.stack %u, %v
// CHECK-NEXT: %b = kernel.call @layer.loop(%x, %w)
// CHECK-NEXT: %c = kernel.call @act(%b)
// CHECK-NEXT: %d = kernel.call @layer(%c, %u)
// CHECK-SAME: {kl.remarks = ["2 calls of @layer are not looped: @u would stand in two stacks; it has one place in memory"]}
// CHECK-NEXT: %e = kernel.call @layer(%d, %t)
nn.weight @t : tensor<16x16xbf16>
nn.weight @u : tensor<16x16xbf16>
nn.weight @v : tensor<16x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @act(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @two_stacks(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %t = nn.get_global @t : tensor<16x16xbf16>
  %u = nn.get_global @u : tensor<16x16xbf16>
  %v = nn.get_global @v : tensor<16x16xbf16>
  %a = kernel.call @layer(%x, %u) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @layer(%a, %v) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @act(%b) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @layer(%c, %u) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  %e = kernel.call @layer(%d, %t) : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %e : tensor<1x16xbf16>
}

// -----
// Parts smaller than the alignment of the memory have no constant stride.
// CHECK: kernel.schedule @small_parts(
// CHECK: kernel.call @norm(%x, %u)
// CHECK-SAME: {kl.remarks = ["2 calls of @norm are not looped: @u and the like have 32 bytes, no multiple of 256, and cannot stand at a constant stride; declare one stacked weight"]}
nn.weight @u : tensor<16xbf16>
nn.weight @v : tensor<16xbf16>
kernel.func @norm(%x: tensor<1x16xbf16>, %w: tensor<16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x16xbf16>, tensor<16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @small_parts(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %u = nn.get_global @u : tensor<16xbf16>
  %v = nn.get_global @v : tensor<16xbf16>
  %a = kernel.call @norm(%x, %u) : (tensor<1x16xbf16>, tensor<16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @norm(%a, %v) : (tensor<1x16xbf16>, tensor<16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// A kernel that holds a loop gets no second one around it.
// CHECK: kernel.schedule @loop_in_loop(
// CHECK: kernel.call @looped(%x, %w)
// CHECK-SAME: {kl.remarks = ["calls of @looped are not looped: the kernel holds a loop already"]}
// CHECK-NEXT: kernel.call @looped(%a, %w)
nn.weight @w : tensor<8x16x16xbf16>
kernel.func @looped(%x: tensor<1x16xbf16>, %w: tensor<8x16x16xbf16>) -> tensor<1x16xbf16> {
  %r = kernel.loop 8 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%w : tensor<8x16x16xbf16>) {
  ^bb0(%h: tensor<1x16xbf16>, %wi: tensor<16x16xbf16>):
    %y = nn.matmul %h, %wi : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
    kernel.yield %y : tensor<1x16xbf16>
  }
  kernel.return %r : tensor<1x16xbf16>
}
kernel.schedule @loop_in_loop(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16x16xbf16>
  %a = kernel.call @looped(%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @looped(%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// The weights of the next iteration are loaded while this one computes: their tiles must fit beside its own. A tile of
// 512 bytes fits in the reader's FIFO, two of them take 8 PMUs of 128 bytes; the machine has 4.
// CHECK: kernel.schedule @small_machine(
// CHECK: kernel.call @layer[0]
// CHECK-SAME: {kl.remarks = ["2 calls of @layer are not looped: with the tiles of the next iteration they need 1.024 kB of SRAM, the machine has 512 B; raise pmus or pmu_bytes, or exclude the kernel"]}
// CHECK-NEXT: kernel.call @layer[1]
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 4 : i64, pmu_bytes = 128 : i64}>} {
  nn.weight @w : tensor<8x16x16xbf16>
  kernel.func @layer(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
    %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %y : tensor<1x16xbf16>
  }
  kernel.schedule @small_machine(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
    %w = nn.get_global @w : tensor<8x16x16xbf16>
    %a = kernel.call @layer[0](%x, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
    %b = kernel.call @layer[1](%a, %w) : (tensor<1x16xbf16>, tensor<8x16x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %b : tensor<1x16xbf16>
  }
}

// -----
// Each round has two stages, and a loop of two kernels four; the machine has three PCUs.
// CHECK: kernel.schedule @few_pcus(
// CHECK: kernel.call @first[0]
// CHECK-SAME: together they have 4 stages, the machine has 3 PCUs; raise pcus
// CHECK-NOT: kernel.call @first.loop
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 3 : i64}>} {
  nn.weight @w : tensor<2x16x16xbf16>
  kernel.func @first(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
    %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
    %z = nn.silu %y : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %z : tensor<1x16xbf16>
  }
  kernel.func @second(%x: tensor<1x16xbf16>, %w: tensor<16x16xbf16>) -> tensor<1x16xbf16> {
    %y = nn.matmul %x, %w : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
    %z = nn.gelu %y : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %z : tensor<1x16xbf16>
  }
  kernel.schedule @few_pcus(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
    %w = nn.get_global @w : tensor<2x16x16xbf16>
    %a = kernel.call @first[0](%x, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
    %b = kernel.call @second[0](%a, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
    %c = kernel.call @first[1](%b, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
    %d = kernel.call @second[1](%c, %w) : (tensor<1x16xbf16>, tensor<2x16x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %d : tensor<1x16xbf16>
  }
}

// -----
// Two arguments that name one slice of a cache in one iteration, here in the first: nothing would order the append
// of the one and the read of the other. Elsewhere they are apart.
// CHECK: kernel.schedule @alias(
// CHECK: %a = kernel.call @layer[0] (%x, %position, %cs)
// CHECK-NEXT: %b = kernel.call @other[0] (%a, %position, %cs)
// CHECK-SAME: {kl.remarks = ["run of @layer to @other is cut before @other[0]: operand 2 is slice 0 of @caches, as another argument is in that iteration, and one is written"]}
// CHECK-NEXT: %c = kernel.call @layer[2] (%b, %position, %cs)
// CHECK-NEXT: %d = kernel.call @other[1] (%c, %position, %cs)
nn.state @caches : memref<8x1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @other(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %y = nn.attention %x, %cache, %cache, %position scale 0.25 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @alias(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %cs = nn.get_global @caches : memref<8x1x1x8x16xbf16>
  %a = kernel.call @layer[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @other[0](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %c = kernel.call @layer[2](%b, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %d = kernel.call @other[1](%c, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %d : tensor<1x16xbf16>
}

// -----
// One argument of a loop, appended to twice in an iteration: nothing would order the two. Shorter rounds are cut by the
// same two kernels on the same memory, which is told once.
// CHECK: kernel.schedule @twice(
// CHECK: kernel.call @append[0]
// CHECK-NEXT: kernel.call @append[0]
// CHECK-SAME: {kl.remarks = ["run of @append to @read is cut before @append[0]: operand 2 is slice 0 of @caches, which the iteration writes before, and nothing in a loop would order the two"]}
// CHECK-NEXT: kernel.call @read[0]
// CHECK-NEXT: kernel.call @append[1] (%a, %position, %cs) :
// CHECK-NEXT: kernel.call @append[1] (%a, %position, %cs) :
// CHECK-NEXT: kernel.call @read[1]
nn.state @caches : memref<8x1x1x8x16xbf16>
kernel.func @append(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @twice(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %cs = nn.get_global @caches : memref<8x1x1x8x16xbf16>
  kernel.call @append[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  kernel.call @append[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %a = kernel.call @read[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[1](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  kernel.call @append[1](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %b = kernel.call @read[1](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// An append and a read of its cache at another position: the token holds up the tiles from that one on alone.
// CHECK: kernel.schedule @positions(
// CHECK: kernel.call @read[0]
// CHECK-SAME: {kl.remarks = ["run of @append to @read is cut before @read[0]: operand 2 is slice 0 of @caches, which the iteration writes before, and nothing in a loop would order the two"]}
// CHECK-NEXT: kernel.call @append[1]
// CHECK-NEXT: kernel.call @read[1]
nn.state @caches : memref<8x1x1x8x16xbf16>
kernel.func @append(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @positions(%x: tensor<1x16xbf16>, %position: tensor<i32>, %last: tensor<i32>) -> tensor<1x16xbf16> {
  %cs = nn.get_global @caches : memref<8x1x1x8x16xbf16>
  kernel.call @append[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %a = kernel.call @read[0](%x, %last, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[1](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %b = kernel.call @read[1](%a, %last, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// With one position it is a loop, also where each layer has a cache of its own, of which the loop makes a stack.
// CHECK: kernel.schedule @gathered(
// CHECK: kernel.stack %k0, %k1
// CHECK-NEXT: kernel.call @append.loop(
nn.state @k0 : memref<1x1x8x16xbf16>
nn.state @k1 : memref<1x1x8x16xbf16>
kernel.func @append(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @gathered(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %k0 = nn.get_global @k0 : memref<1x1x8x16xbf16>
  %k1 = nn.get_global @k1 : memref<1x1x8x16xbf16>
  kernel.call @append(%x, %position, %k0) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> ()
  %a = kernel.call @read(%x, %position, %k0) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append(%a, %position, %k1) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> ()
  %b = kernel.call @read(%a, %position, %k1) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// An append could wait for a read of its own argument; these are two, which coincide in the first iteration.
// CHECK: kernel.schedule @two_arguments(
// CHECK: kernel.call @read[0]
// CHECK-NEXT: kernel.call @append[0]
// CHECK-SAME: {kl.remarks = ["run of @read to @append is cut before @append[0]: operand 2 is slice 0 of @caches, as another argument is in that iteration, and one is written"]}
// CHECK-NEXT: kernel.call @read[2]
// CHECK-NEXT: kernel.call @append[1]
nn.state @caches : memref<8x1x1x8x16xbf16>
kernel.func @append(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @two_arguments(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %cs = nn.get_global @caches : memref<8x1x1x8x16xbf16>
  %a = kernel.call @read[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %b = kernel.call @read[2](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[1](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  kernel.return %b : tensor<1x16xbf16>
}

// -----
// The append would be the round cut short; a round before reads what it writes, with the call behind it.
// CHECK: kernel.schedule @tail_meets(
// CHECK: %b = kernel.call @append.loop(
// CHECK-NEXT: kernel.call @append[2]
// CHECK-SAME: {kl.remarks = ["run of @append to @read is cut before @append[2]: operand 2 is slice 2 of @caches, which an iteration before touches, and one writes"]}
// CHECK-NEXT: %c = kernel.call @read[4] (%b,
nn.state @caches : memref<8x1x1x8x16xbf16>
kernel.func @append(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  kernel.return
}
kernel.func @read(%x: tensor<1x16xbf16>, %position: tensor<i32>, %cache: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.attention %x, %cache, %cache, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @tail_meets(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %cs = nn.get_global @caches : memref<8x1x1x8x16xbf16>
  kernel.call @append[0](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %a = kernel.call @read[2](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[1](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %b = kernel.call @read[3](%a, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.call @append[2](%x, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> ()
  %c = kernel.call @read[4](%b, %position, %cs) : (tensor<1x16xbf16>, tensor<i32>, memref<8x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %c : tensor<1x16xbf16>
}
