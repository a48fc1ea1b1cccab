// What has no form as a network, and where.
// RUN: kl-opt %s -p convert-kernel-to-dataflow --split-input-file --verify-diagnostics | filecheck %s
// RUN: not kl-opt %s -p "convert-kernel-to-dataflow{shared-cache-percent=101}" --split-input-file 2>&1 | filecheck %s --check-prefix=MORE

// MORE: error: shared-cache-percent is 101; it must be between 0 and 100

// A gather reads a table in memory; this one is computed.
// CHECK: nn.embedding needs %table in memory; make it an argument of the kernel
kernel.func @k(%i: tensor<2xi32>, %x: tensor<9x8xbf16>) -> tensor<2x8xbf16> {
  %table = nn.silu %x : (tensor<9x8xbf16>) -> tensor<9x8xbf16>
  %y = nn.embedding %i, %table : (tensor<2xi32>, tensor<9x8xbf16>) -> tensor<2x8xbf16>
  kernel.return %y : tensor<2x8xbf16>
}

// -----
// CHECK: embedding from a stack of tables has no form as a stream; give it one table
kernel.func @k(%i: tensor<2xi32>, %t: tensor<4x9x8xbf16>) -> tensor<2xi32> {
  %r = kernel.loop 4 carried(%i : tensor<2xi32>) -> tensor<2xi32> stacks(%t : tensor<4x9x8xbf16>) {
  ^bb0(%j: tensor<2xi32>, %table: tensor<9x8xbf16>):
    %y = nn.embedding %j, %table : (tensor<2xi32>, tensor<9x8xbf16>) -> tensor<2x8xbf16>
    %m = nn.argmax %y : (tensor<2x8xbf16>) -> tensor<2xi32>
    kernel.yield %m : tensor<2xi32>
  }
  kernel.return %r : tensor<2xi32>
}

// -----
// A read waits for one append, the one before it.
// CHECK: a kernel appends twice to one cache; split it between the two
kernel.func @k(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %p: tensor<i32>) {
  nn.cache_append %c[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  nn.cache_append %c[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  kernel.return
}

// -----
// CHECK: nn.attention reads a cache at another position than a kernel appends at; split it between the two
kernel.func @k(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %p: tensor<i32>, %q: tensor<i32>) -> tensor<1x8xbf16> {
  nn.cache_append %c[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %a = nn.attention %x, %c, %c, %q scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}

// -----
// The append of iteration i + 1 must not overtake the read of iteration i: not of one cache in all iterations,
// CHECK: an iteration reads what another one appends to a cache; give each iteration its own
kernel.func @k(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  %r = kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    nn.cache_append %c[%p], %h : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
    %a = nn.attention %h, %c, %c, %p scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
    kernel.yield %a : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// and not of slice i + 1 of a stack whose slice i is read.
// CHECK: an iteration reads what another one appends to a cache; give each iteration its own
kernel.func @k(%x: tensor<1x8xbf16>, %c: memref<4x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  %r = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%c, %c : memref<4x1x2x16x4xbf16>, memref<4x1x2x16x4xbf16>) attributes {starts = array<i64: 1, 0>} {
  ^bb0(%h: tensor<1x8xbf16>, %ci: memref<1x2x16x4xbf16>, %cj: memref<1x2x16x4xbf16>):
    nn.cache_append %ci[%p], %h : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
    %a = nn.attention %h, %cj, %cj, %p scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
    kernel.yield %a : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// A loop carries floats where a stage has to hand them on.
// CHECK: a loop inside a step carries a tensor<1xi32>; it can carry floats alone
kernel.func @k(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x8xbf16>) -> tensor<1xi32>
  %r = kernel.loop 4 carried(%y : tensor<1xi32>) -> tensor<1xi32> {
  ^bb0(%h: tensor<1xi32>):
    kernel.yield %h : tensor<1xi32>
  }
  kernel.return %r : tensor<1xi32>
}

// -----
// A slice of a stack of stacks is no stack that a loop can walk along.
// CHECK: a loop walks along a slice of a stack of stacks; give it a window of one stack
kernel.func @k(%x: tensor<1x8xbf16>, %w: tensor<2x3x8x8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<2x3x8x8xbf16>) {
  ^bb0(%h: tensor<1x8xbf16>, %three: tensor<3x8x8xbf16>):
    %s = kernel.loop 3 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%three : tensor<3x8x8xbf16>) {
    ^bb1(%g: tensor<1x8xbf16>, %one: tensor<8x8xbf16>):
      %y = nn.matmul %g, %one : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      kernel.yield %y : tensor<1x8xbf16>
    }
    kernel.yield %s : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// CHECK: nn.silu takes slices of several layers as a value; let a loop walk along them
kernel.func @k(%x: tensor<2x1x8xbf16>, %w: tensor<4x1x8xbf16>) -> tensor<2x1x8xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<2x1x8xbf16>) -> tensor<2x1x8xbf16> stacks(%w : tensor<4x1x8xbf16>) attributes {strides = array<i64: 2>, windows = array<i64: 2>} {
  ^bb0(%h: tensor<2x1x8xbf16>, %two: tensor<2x1x8xbf16>):
    %y = nn.silu %two : (tensor<2x1x8xbf16>) -> tensor<2x1x8xbf16>
    kernel.yield %y : tensor<2x1x8xbf16>
  }
  kernel.return %r : tensor<2x1x8xbf16>
}

// -----
// A cache is no value that could flow.
// CHECK: kernel.return takes a memref as a value; only attention and appends work on caches
kernel.func @k(%c: memref<1x2x16x4xbf16>) -> memref<1x2x16x4xbf16> {
  kernel.return %c : memref<1x2x16x4xbf16>
}

// -----
// CHECK: test.op has no form as a stage
kernel.func @k() {
  "test.op"() : () -> ()
  kernel.return
}

// -----
// An append inside of steps whose position nothing counts.
// CHECK: nn.cache_append is at the same position in every step; count the position
kernel.func @k(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<2x1x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<1x8xbf16>) -> tensor<2x1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    nn.cache_append %c[%p], %h : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
    %y = nn.silu %h : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<2x1x8xbf16>
}

// -----
// A value of the step that an append inside the loop over layers would take anew each time.
// CHECK: nn.cache_append takes %h in every iteration of 'iteration', it is made at rate 'step'; keep it in memory
kernel.func @k(%x: tensor<1x8xbf16>, %c: memref<2x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<2x1x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<1x8xbf16>) counted(%p : tensor<i32>) -> tensor<2x1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>, %q: tensor<i32>):
    %y = kernel.loop 2 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%c : memref<2x1x2x16x4xbf16>) {
    ^bb1(%i: tensor<1x8xbf16>, %ci: memref<1x2x16x4xbf16>):
      nn.cache_append %ci[%q], %h : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
      %z = nn.silu %i : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
      kernel.yield %z : tensor<1x8xbf16>
    }
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<2x1x8xbf16>
}

// -----
// One cache as two arguments: nothing in the network orders the two.
// CHECK: @layer is given one memory as %mine and %before: dataflow.store into %mine and then dataflow.load from %before touch the same
nn.state @s : memref<1x1x8x16xbf16>
kernel.func @layer(%x: tensor<1x16xbf16>, %position: tensor<i32>, %mine: memref<1x1x8x16xbf16>, %before: memref<1x1x8x16xbf16>) -> tensor<1x16xbf16> {
  nn.cache_append %mine[%position], %x : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
  %y = nn.attention %x, %before, %before, %position scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @step(%x: tensor<1x16xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %c = nn.get_global @s : memref<1x1x8x16xbf16>
  %a = kernel.call @layer(%x, %position, %c, %c) : (tensor<1x16xbf16>, tensor<i32>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %a : tensor<1x16xbf16>
}

// -----
// Two loops in a row, the second of which appends to a slice of the first one once more.
// CHECK: a kernel appends twice to one cache; split it between the two
kernel.func @k(%x: tensor<1x16xbf16>, %c: memref<8x1x1x8x16xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%c : memref<8x1x1x8x16xbf16>) attributes {starts = array<i64: 0>} {
  ^bb0(%h: tensor<1x16xbf16>, %ci: memref<1x1x8x16xbf16>):
    nn.cache_append %ci[%p], %h : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
    %y = nn.attention %h, %ci, %ci, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
    kernel.yield %y : tensor<1x16xbf16>
  }
  %s = kernel.loop 2 carried(%r : tensor<1x16xbf16>) -> tensor<1x16xbf16> stacks(%c : memref<8x1x1x8x16xbf16>) attributes {starts = array<i64: 1>} {
  ^bb0(%h: tensor<1x16xbf16>, %ci: memref<1x1x8x16xbf16>):
    nn.cache_append %ci[%p], %h : memref<1x1x8x16xbf16>, tensor<i32>, tensor<1x16xbf16>
    %y = nn.attention %h, %ci, %ci, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x1x8x16xbf16>, memref<1x1x8x16xbf16>, tensor<i32>) -> tensor<1x16xbf16>
    kernel.yield %y : tensor<1x16xbf16>
  }
  kernel.return %s : tensor<1x16xbf16>
}
