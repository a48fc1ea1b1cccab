// Why steps are not looped: each time the schedule stays as it is, and a remark says what is in the way.
// RUN: kl-opt %s -p loop-steps --split-input-file | filecheck %s
// RUN: kl-opt %s -p loop-steps{steps=1} --split-input-file --verify-diagnostics | filecheck %s --check-prefix=ONE

// A loop makes two steps at least.
// ONE: steps is 1; a loop over steps makes 2 or more

// The host reads a value in the middle of each step.
// CHECK: kernel.schedule @observed(
// CHECK: nn.observe %y as "hidden" {kl.remarks = ["steps are not looped: the host reads %y as 'hidden' in every step"]}
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @observed(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %y as "hidden" : tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// Nothing chooses the next token: the step returns numbers for each, which are no token.
// CHECK: kernel.schedule @logits(
// CHECK: kernel.return {kl.remarks = ["steps are not looped: the step returns %y, a tensor<1x8xbf16>, and has no input that it becomes"]} %y
kernel.func @embedding(%ids: tensor<1xi32>, %e: tensor<16x8xbf16>) -> tensor<1x8xbf16> {
  %x = nn.embedding %ids, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %x : tensor<1x8xbf16>
}
nn.weight @table : tensor<16x8xbf16>
kernel.schedule @logits(%token: tensor<1xi32>) -> tensor<1x8xbf16> {
  %e = nn.get_global @table : tensor<16x8xbf16>
  %y = kernel.call @embedding(%token, %e) : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// Two results of one type, and one input: it becomes the first.
// CHECK: kernel.schedule @results(
// CHECK: kernel.return {kl.remarks = ["steps are not looped: the step returns %z, a tensor<1x8xbf16>, and has no input that it becomes"]} %y, %z
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @results(%x: tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %y = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = kernel.call @silu(%y) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y, %z : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// An input that no result of the step before becomes.
// CHECK: kernel.schedule @input(
// CHECK-SAME: attributes {kl.remarks = ["steps are not looped: no result of a step, a tensor<2x8xbf16>, becomes the input %c of the next one"]}
kernel.func @silu(%x: tensor<1x8xbf16>, %c: tensor<2x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @input(%x: tensor<1x8xbf16>, %c: tensor<2x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @silu(%x, %c) : (tensor<1x8xbf16>, tensor<2x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// Calls for single slices of a stack: the layers are not looped, and the first one makes another type.
// CHECK: kernel.schedule @unlooped(
// CHECK: kernel.call @layer[0] (%x, %w)
// CHECK-SAME: {kl.remarks = ["steps are not looped: @layer is called for one slice of a stack, no loop over layers does it, and it carries no value that one could"]}
nn.weight @w : tensor<2x8x16xbf16>
kernel.func @layer(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @first(%x: tensor<1x16xbf16>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x16xbf16>) -> tensor<1xi32>
  kernel.return %y : tensor<1xi32>
}
kernel.schedule @unlooped(%x: tensor<1x8xbf16>, %t: tensor<1xi32>) -> tensor<1xi32> {
  %w = nn.get_global @w : tensor<2x8x16xbf16>
  %a = kernel.call @layer[0](%x, %w) : (tensor<1x8xbf16>, tensor<2x8x16xbf16>) -> tensor<1x16xbf16>
  %b = kernel.call @first(%a) : (tensor<1x16xbf16>) -> tensor<1xi32>
  kernel.return %b : tensor<1xi32>
}

// -----
// A machine on which the tiles of head and layers do not fit together.
// CHECK: kernel.schedule @small(
// CHECK-SAME: attributes {kl.remarks = ["steps are not looped: with the tiles of the next iteration they need
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 1 : i64, pmu_bytes = 16384 : i64}>} {
  nn.weight @w : tensor<1024x1024xbf16>
  kernel.func @layer(%x: tensor<1x1024xbf16>, %w: tensor<1024x1024xbf16>) -> tensor<1x1024xbf16> {
    %y = nn.matmul %x, %w : (tensor<1x1024xbf16>, tensor<1024x1024xbf16>) -> tensor<1x1024xbf16>
    kernel.return %y : tensor<1x1024xbf16>
  }
  kernel.schedule @small(%x: tensor<1x1024xbf16>) -> tensor<1x1024xbf16> {
    %w = nn.get_global @w : tensor<1024x1024xbf16>
    %a = kernel.call @layer(%x, %w) : (tensor<1x1024xbf16>, tensor<1024x1024xbf16>) -> tensor<1x1024xbf16>
    kernel.return %a : tensor<1x1024xbf16>
  }
}

// -----
// Integers that a loop over layers carries inside a step: no stage cuts them into the tiles of the loop.
// CHECK: kernel.schedule @integers(
// CHECK-SAME: attributes {kl.remarks = ["steps are not looped: a loop inside a step carries a tensor<1xi32>; it can carry floats alone"]}
nn.weight @w : tensor<2x16x8xbf16>
kernel.func @ids.loop(%x: tensor<1xi32>, %w: tensor<2x16x8xbf16>) -> tensor<1xi32> {
  %r = kernel.loop 2 carried(%x : tensor<1xi32>) -> tensor<1xi32> stacks(%w : tensor<2x16x8xbf16>) {
  ^bb0(%h: tensor<1xi32>, %wi: tensor<16x8xbf16>):
    %e = nn.embedding %h, %wi : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
    %n = nn.argmax %e : (tensor<1x8xbf16>) -> tensor<1xi32>
    kernel.yield %n : tensor<1xi32>
  }
  kernel.return %r : tensor<1xi32>
}
kernel.schedule @integers(%x: tensor<1xi32>) -> tensor<1xi32> {
  %w = nn.get_global @w : tensor<2x16x8xbf16>
  %a = kernel.call @ids.loop(%x, %w) : (tensor<1xi32>, tensor<2x16x8xbf16>) -> tensor<1xi32>
  kernel.return %a : tensor<1xi32>
}

// -----
// A cache by itself that also stands in a stack: one kernel would know the two apart.
// CHECK: kernel.schedule @part(
// CHECK: kernel.call @layer(%b, %p, %k0)
// CHECK-SAME: {kl.remarks = ["steps are not looped: it takes %k0 by itself, which also stands in a stack"]}
nn.state @k0 : memref<1x1x8x16xbf16>
nn.state @k1 : memref<1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %p: tensor<i32>, %k: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %y = nn.attention %x, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @layer.loop(%x: tensor<1x16xbf16>, %p: tensor<i32>, %k: memref<2x1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%k : memref<2x1x1x8x16xbf16>) {
  ^bb0(%h: tensor<1x16xbf16>, %ki: memref<1x1x8x16xbf16>):
    nn.cache_append %ki[%p], %h : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
    %y = nn.attention %h, %ki, %ki, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
    kernel.yield %y : tensor<1x16xbf16>
  }
  kernel.return %r : tensor<1x16xbf16>
}
kernel.schedule @part(%x: tensor<1x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  %k0 = nn.get_global @k0 : memref<1x1x8x16xbf16>
  %k1 = nn.get_global @k1 : memref<1x1x8x16xbf16>
  %k = kernel.stack %k0, %k1 : (memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>) -> memref<2x1x1x8x16xbf16>
  %b = kernel.call @layer.loop(%x, %p, %k) : (tensor<1x16xbf16>, tensor<i32>, memref<2x1x1x8x16xbf16>) -> tensor<1x16xbf16>
  %y = kernel.call @layer(%b, %p, %k0) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}

// -----
// What is appended in the next step does not depend on what is read in this one, so that it could overtake it.
// CHECK: kernel.schedule @overtaking(
// CHECK-SAME: attributes {kl.remarks = ["steps are not looped: dataflow.load from %k in step 0 and then dataflow.store into %k in step 1 touch the same, and nothing makes
nn.state @k : memref<1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>, %p: tensor<i32>, %k: memref<1x1x8x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %z = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %a = nn.attention %y, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %z, %a : tensor<1x16xbf16>, tensor<1x16xbf16>
}
kernel.schedule @overtaking(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>, %p: tensor<i32>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %k = nn.get_global @k : memref<1x1x8x16xbf16>
  %z, %a = kernel.call @layer(%x, %y, %p, %k) : (tensor<1x16xbf16>, tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  kernel.return %z, %a : tensor<1x16xbf16>, tensor<1x16xbf16>
}

// -----
// It does where the next step begins with what this one has read.
// CHECK: kernel.func @chained.loop(
// CHECK: kernel.schedule @chained(
nn.state @k : memref<1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>, %p: tensor<i32>, %k: memref<1x1x8x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  nn.cache_append %k[%p], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %z = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %a = nn.attention %y, %k, %k, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %a, %z : tensor<1x16xbf16>, tensor<1x16xbf16>
}
kernel.schedule @chained(%x: tensor<1x16xbf16>, %y: tensor<1x16xbf16>, %p: tensor<i32>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>) {
  %k = nn.get_global @k : memref<1x1x8x16xbf16>
  %a, %z = kernel.call @layer(%x, %y, %p, %k) : (tensor<1x16xbf16>, tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>) -> (tensor<1x16xbf16>, tensor<1x16xbf16>)
  kernel.return %a, %z : tensor<1x16xbf16>, tensor<1x16xbf16>
}
