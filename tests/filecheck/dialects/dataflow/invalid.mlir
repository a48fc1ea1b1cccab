// What the verifiers of the dialect refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// Channels carry tiles or tokens.
// CHECK: a channel of f32; it takes static tensors or tokens
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<f32>
}

// -----
// CHECK: a channel of tensor<?xf32>; it takes static tensors or tokens
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<?xf32>>
}

// -----
// CHECK: a channel of depth 0
dataflow.kernel @k() {
  %a = dataflow.channel 0 : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: pmus is -1; the least is 0
dataflow.kernel @k() {
  %a = dataflow.channel 1 {pmus = -1} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: 'dataflow.channel' expects parent op 'dataflow.kernel'
%a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>

// -----
// An empty network is one, but a kernel holds units and channels alone, and its loops have a form of their own.
// CHECK: `iterations` of a kernel; its `loops` say how often it runs
dataflow.kernel @k() attributes {iterations = 4 : i64} {
}

// -----
// CHECK: `loops` is "four", no `#dataflow.loops`
dataflow.kernel @k() attributes {loops = "four"} {
}

// -----
// CHECK: loop 'iteration' has 0 iterations; it takes one at least
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 0>} {
}

// -----
// CHECK: two loops are named 'iteration'
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2, iteration 3>} {
}

// -----
// CHECK: loop 'inner' is in 'outer', no loop before it
dataflow.kernel @k() attributes {loops = #dataflow.loops<inner 2 in outer, outer 3>} {
}

// -----
// CHECK: the loop over decode steps is in 'outer'; it has to be the outermost
dataflow.kernel @k() attributes {loops = #dataflow.loops<outer 2, step 3 in outer>} {
}

// -----
// Where several loops are innermost, a unit says in which it runs.
// CHECK: dataflow.load runs in one of the loops 'first' and 'second'; give `rate`
dataflow.kernel @k(%x: tensor<8xf32>, %y: memref<8xf32>) attributes {loops = #dataflow.loops<first 2, second 3>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<8xf32> : !dataflow.channel<tensor<8xf32>>
}

// -----
// What is carried is carried through a loop.
// CHECK: dataflow.carry at rate 'call'; it belongs to a loop
dataflow.kernel @k(%x: tensor<8xf32>, %y: memref<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.carry 1 init %a next %b current %b : !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
}

// -----
// Two loops around, and strides for three.
// CHECK: 2 outer strides in 1 loops around
dataflow.kernel @k(%x: tensor<9x8xf32>, %y: memref<8xf32>) attributes {loops = #dataflow.loops<outer 3, inner 2 in outer>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 0, stride = 1, outer_strides = array<i64: 1, 2>} : tensor<9x8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<8xf32> : !dataflow.channel<tensor<8xf32>>
}

// -----
// Slices 1, 3, 0, 2, -1, 1.
// CHECK: it uses slices -1 to 3 of a stack of 9
dataflow.kernel @k(%x: tensor<9x8xf32>, %y: memref<8xf32>) attributes {loops = #dataflow.loops<outer 3, inner 2 in outer>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 1, stride = 2, outer_strides = array<i64: -1>} : tensor<9x8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<8xf32> : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: nn.silu directly inside a dataflow.kernel; only units and channels stand there
dataflow.kernel @k(%x: tensor<8xf32>) {
  %y = nn.silu %x : (tensor<8xf32>) -> tensor<8xf32>
}

// -----
// Every channel has one producer and one consumer.
// CHECK: %a has 0 producers, needs one
dataflow.kernel @k() -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: %a has 2 producers, needs one
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xf32>>
}

// -----
// A unit that feeds a channel twice counts twice.
// CHECK: a channel has 2 producers, needs one
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %0, %0 : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
  dataflow.store %0 result 0 : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: %a has 0 consumers, needs one
dataflow.kernel @k(%x: tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: %a has 2 consumers, needs one
dataflow.kernel @k(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 1 : !dataflow.channel<tensor<8xf32>>
}

// -----
// Both ends of a channel agree on the tiles of a call: 8 / 2 = 4 tiles an iteration, once or three times.
// CHECK: dataflow.load puts 4 tiles a call into %a, dataflow.store takes 12
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> attributes {loops = #dataflow.loops<iteration 3>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xf32>>
  dataflow.load %x to %a {rate = "call"} : tensor<8xf32> -> !dataflow.channel<tensor<2xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<2xf32>>
}

// -----
// A held tile counts once: 6 firings, each tile held for 2, take 3 tiles of the 6.
// CHECK: dataflow.load puts 6 tiles a call into %a, dataflow.stage takes 3
dataflow.kernel @k(%x: tensor<12xf32>) -> tensor<12xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<2xf32>>
  dataflow.load %x to %a : tensor<12xf32> -> !dataflow.channel<tensor<2xf32>>
  dataflow.stage "silu" firings 6 ins(%a : !dataflow.channel<tensor<2xf32>>) periods [2] outs(%b : !dataflow.channel<tensor<2xf32>>) periods [1] {
  ^bb0(%c: tensor<2xf32>):
    %d = nn.silu %c : (tensor<2xf32>) -> tensor<2xf32>
    dataflow.yield %d : tensor<2xf32>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<2xf32>>
}

// -----
// A carry takes the tiles of `next` in every iteration; here they come once a call.
// CHECK: dataflow.load puts 1 tiles a call into %n, dataflow.carry takes 2
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> attributes {loops = #dataflow.loops<iteration 2>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %i, %n {rate = "call"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
  dataflow.carry 1 init %i next %n final %f current : !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>, final !dataflow.channel<tensor<8xf32>>
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// Every result is stored, by one unit.
// CHECK: result 0 is stored by 0 units, needs one
dataflow.kernel @k() -> tensor<8xf32> {
}

// -----
// CHECK: result 0 is stored by 2 units, needs one
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a, %b : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: result 1 of a kernel with 1
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 1 : !dataflow.channel<tensor<8xf32>>
}

// -----
// Tiles cut their tensor along one axis and have its elements.
// CHECK: tile (8,) and (8, 8) differ in rank
dataflow.kernel @k(%x: tensor<8x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a : tensor<8x8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: tile (4, 4) cuts (8, 8) along several axes
dataflow.kernel @k(%x: tensor<8x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x4xf32>>
  dataflow.load %x to %a : tensor<8x8xf32> -> !dataflow.channel<tensor<4x4xf32>>
}

// -----
// Two tiles of 3 and one of 2 make 8 columns; what stores 9 would store one that is none.
// CHECK: its tiles of 3 are cut from 8 indices, it stores 9
dataflow.kernel @k(%x: tensor<8x8xf32>) -> tensor<8x9xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8x3xf32>>
  dataflow.load %x to %a : tensor<8x8xf32> -> !dataflow.channel<tensor<8x3xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8x3xf32>>
}

// -----
// 12 tiles of 2 make 4 of 6. But 22 columns are 11 tiles of 2, and the last one of 6 would wait for a third.
// CHECK: dataflow.load puts 11 tiles a call into %a, dataflow.stage takes 12
dataflow.kernel @k(%x: tensor<1x22xf32>) -> tensor<1x22xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x6xf32>>
  dataflow.load %x to %a : tensor<1x22xf32> -> !dataflow.channel<tensor<1x2xf32>>
  dataflow.stage "copy" firings 4 ins(%a : !dataflow.channel<tensor<1x2xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<1x6xf32>>) periods [1] {
  ^bb0(%0: tensor<1x6xf32>):
    dataflow.yield %0 : tensor<1x6xf32>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x6xf32>>
}

// -----
// 21 columns are 6 tiles of 4, but no 2 of 11: 3 tiles of 4 are 12.
// CHECK: tiles of 4 of 21 indices make no tiles of 11
dataflow.kernel @k(%x: tensor<1x21xf32>) -> tensor<1x21xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x4xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x11xf32>>
  dataflow.load %x to %a : tensor<1x21xf32> -> !dataflow.channel<tensor<1x4xf32>>
  dataflow.stage "copy" firings 2 ins(%a : !dataflow.channel<tensor<1x4xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<1x11xf32>>) periods [1] {
  ^bb0(%0: tensor<1x11xf32>):
    dataflow.yield %0 : tensor<1x11xf32>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x11xf32>>
}

// -----
// What a carry hands on is cut alike in the first iteration and in all others.
// CHECK: its first tiles are cut from 7 indices, the next ones from 8
dataflow.kernel @k(%x: tensor<1x7xf32>, %w: tensor<1x8xf32>) -> tensor<1x8xf32> attributes {loops = #dataflow.loops<iteration 4>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x3xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x3xf32>>
  %c = dataflow.channel 3 : !dataflow.channel<tensor<1x3xf32>>
  %d = dataflow.channel 3 : !dataflow.channel<tensor<1x3xf32>>
  %e = dataflow.channel 3 : !dataflow.channel<tensor<1x3xf32>>
  dataflow.load %x to %a {rate = "call"} : tensor<1x7xf32> -> !dataflow.channel<tensor<1x3xf32>>
  dataflow.carry 3 init %a next %b final %d current %c : !dataflow.channel<tensor<1x3xf32>>, !dataflow.channel<tensor<1x3xf32>>, !dataflow.channel<tensor<1x3xf32>> final !dataflow.channel<tensor<1x3xf32>>
  dataflow.load %w to %e : tensor<1x8xf32> -> !dataflow.channel<tensor<1x3xf32>>
  dataflow.stage "second" firings 3 ins(%e, %c : !dataflow.channel<tensor<1x3xf32>>, !dataflow.channel<tensor<1x3xf32>>) periods [1, 1] outs(%b : !dataflow.channel<tensor<1x3xf32>>) periods [1] {
  ^bb0(%0: tensor<1x3xf32>, %1: tensor<1x3xf32>):
    dataflow.yield %0 : tensor<1x3xf32>
  }
  dataflow.store %d result 0 {rate = "call"} : !dataflow.channel<tensor<1x3xf32>>
}

// -----
// A firing adds tiles of one extent: 2 columns of the one would meet what hangs over of the other.
// CHECK: its inputs are cut from 7 and 8 indices, not from as many
dataflow.kernel @k(%x: tensor<1x7xf32>, %w: tensor<1x8xf32>) -> tensor<1x8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x3xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x3xf32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x3xf32>>
  dataflow.load %x to %a : tensor<1x7xf32> -> !dataflow.channel<tensor<1x3xf32>>
  dataflow.load %w to %b : tensor<1x8xf32> -> !dataflow.channel<tensor<1x3xf32>>
  dataflow.stage "add" firings 3 ins(%a, %b : !dataflow.channel<tensor<1x3xf32>>, !dataflow.channel<tensor<1x3xf32>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x3xf32>>) periods [1] {
  ^bb0(%0: tensor<1x3xf32>, %1: tensor<1x3xf32>):
    %2 = nn.add %0, %1 : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
    dataflow.yield %2 : tensor<1x3xf32>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x3xf32>>
}

// -----
// CHECK: a tile of extent 16 cuts an extent of 8
dataflow.kernel @k(%x: tensor<8x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8x16xf32>>
  dataflow.load %x to %a : tensor<8x8xf32> -> !dataflow.channel<tensor<8x16xf32>>
}

// -----
// CHECK: the stream is a tensor<8xf32>, its channel carries tensor<8xbf16>
dataflow.kernel @k(%x: tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: the stream is a tensor<8xf32>, its channel carries !dataflow.token
dataflow.kernel @k(%x: tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<8xf32> -> !dataflow.channel<!dataflow.token>
}

// -----
// CHECK: a load feeds one or more channels of one tile type
dataflow.kernel @k(%x: tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<4xf32>>
  dataflow.load %x to %a, %b : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<4xf32>>
}

// -----
// A load waits for tokens, at a position.
// CHECK: give `after` and `position` together
dataflow.kernel @k(%x: tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a after %t : !dataflow.channel<!dataflow.token> : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: `after` needs tokens, not tensor<8xf32>
dataflow.kernel @k(%x: tensor<8xf32>, %p: tensor<i32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a after %a : !dataflow.channel<tensor<8xf32>> position %p : tensor<i32> : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: a position is a scalar, not a tensor<2xi32>
dataflow.kernel @k(%x: tensor<8xf32>, %p: tensor<2xi32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a after %t : !dataflow.channel<!dataflow.token> position %p : tensor<2xi32> : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// A load by index takes ids of slices, and puts these together along an axis.
// CHECK: give `by` and `along` together
dataflow.kernel @k(%w: tensor<8x4x6xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8x4x6xf32>>
  "dataflow.load"(%w, %a) <{along = 1, operandSegmentSizes = array<i32: 1, 0, 0, 0, 1>}> : (tensor<8x4x6xf32>, !dataflow.channel<tensor<8x4x6xf32>>) -> ()
}

// -----
// CHECK: slices are named by a row of i32, not by tensor<1x2xi32>
dataflow.kernel @k(%w: tensor<8x4x6xf32>) {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x2xi32>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x3xf32>>
  dataflow.load %w by %i along 1 to %a : tensor<8x4x6xf32>, !dataflow.channel<tensor<1x2xi32>> -> !dataflow.channel<tensor<4x3xf32>>
}

// -----
// CHECK: slices are named by a row of i32, not by tensor<2xf32>
dataflow.kernel @k(%w: tensor<8x4x6xf32>) {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<2xf32>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x3xf32>>
  dataflow.load %w by %i along 1 to %a : tensor<8x4x6xf32>, !dataflow.channel<tensor<2xf32>> -> !dataflow.channel<tensor<4x3xf32>>
}

// -----
// CHECK: slices of a memref<8x4x6xf32>; what is read by index is never written
dataflow.kernel @k(%w: memref<8x4x6xf32>) {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x3xf32>>
  dataflow.load %w by %i along 1 to %a : memref<8x4x6xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<4x3xf32>>
}

// -----
// CHECK: along axis 2 of slices of rank 2
dataflow.kernel @k(%w: tensor<8x4x6xf32>) {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x3xf32>>
  dataflow.load %w by %i along 2 to %a : tensor<8x4x6xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<4x3xf32>>
}

// -----
// A tile is a part of one slot, or has whole ones.
// CHECK: tiles of 4 cross the ends of 2 slots of 6
dataflow.kernel @k(%w: tensor<8x4x6xf32>) {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x4xf32>>
  dataflow.load %w by %i along 1 to %a : tensor<8x4x6xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<4x4xf32>>
}

// -----
// CHECK: tiles of 12 cross the ends of 3 slots of 6
dataflow.kernel @k(%w: tensor<8x4x6xf32>) {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<4x12xf32>>
  dataflow.load %w by %i along 1 to %a : tensor<8x4x6xf32>, !dataflow.channel<tensor<3xi32>> -> !dataflow.channel<tensor<4x12xf32>>
}

// -----
// Iterations stay inside the stack: 3 iterations from slice 2 on, step 1, read slices 2 to 4 of 4.
// CHECK: it uses slices 2 to 4 of a stack of 4
dataflow.kernel @k(%x: tensor<4x8xf32>) attributes {loops = #dataflow.loops<iteration 3>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 2, stride = 1} : tensor<4x8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: it uses slices -1 to 1 of a stack of 4
dataflow.kernel @k(%x: tensor<4x8xf32>) attributes {loops = #dataflow.loops<iteration 3>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 1, stride = -1} : tensor<4x8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: give `start` and `stride` together
dataflow.kernel @k(%x: tensor<4x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 1} : tensor<4x8xf32> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: `start` and `stride` need a stack, not a tensor<f32>
dataflow.kernel @k(%x: tensor<f32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<f32>>
  dataflow.load %x to %a {start = 0, stride = 1} : tensor<f32> -> !dataflow.channel<tensor<f32>>
}

// -----
// A result has to be stored whole.
// CHECK: it stores 1 slices of a result of 8
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {start = 0, stride = 1} : !dataflow.channel<tensor<8xf32>>
}

// -----
// Rows arrive for integers, one row for each.
// CHECK: rows are named by integers, not by tensor<2xf32>
dataflow.kernel @k(%t: tensor<9x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<2x8xf32>>
  dataflow.gather %t by %a to %b : tensor<9x8xf32>, !dataflow.channel<tensor<2xf32>> -> !dataflow.channel<tensor<2x8xf32>>
}

// -----
// CHECK: rows are named by integers, not by !dataflow.token
dataflow.kernel @k(%t: tensor<9x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<2x8xf32>>
  dataflow.gather %t by %a to %b : tensor<9x8xf32>, !dataflow.channel<!dataflow.token> -> !dataflow.channel<tensor<2x8xf32>>
}

// -----
// CHECK: rows arrive as tensor<2x8xf32>, the channel takes tensor<8xf32>
dataflow.kernel @k(%t: tensor<9x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.gather %t by %a to %b : tensor<9x8xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: a gather feeds at least one channel
dataflow.kernel @k(%t: tensor<9x8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  "dataflow.gather"(%t, %a) : (tensor<9x8xf32>, !dataflow.channel<tensor<2xi32>>) -> ()
}

// -----
// A store has one destination.
// CHECK: a store goes to a result or into a memref, one of them
dataflow.kernel @k(%y: memref<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 into %y : memref<8xf32> : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: a store goes to a result or into a memref, one of them
dataflow.kernel @k(%x: tensor<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: `at` needs `into`
dataflow.kernel @k(%p: tensor<i32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 at %p : tensor<i32> : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: `at` needs a cache [batch, heads, context, head_dim], got (8, 8)
dataflow.kernel @k(%y: memref<8x8xf32>, %p: tensor<i32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8x8xf32>>
  dataflow.store %a into %y : memref<8x8xf32> at %p : tensor<i32> : !dataflow.channel<tensor<8x8xf32>>
}

// -----
// CHECK: tiles of 2 columns cut heads of 4
dataflow.kernel @k(%y: memref<1x2x9x4xf32>, %p: tensor<i32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2xf32>>
  dataflow.store %a into %y : memref<1x2x9x4xf32> at %p : tensor<i32> : !dataflow.channel<tensor<1x2xf32>>
}

// -----
// CHECK: `done` needs tokens, not tensor<8xf32>
dataflow.kernel @k(%y: memref<8xf32>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<8xf32> done (%a : !dataflow.channel<tensor<8xf32>>) : !dataflow.channel<tensor<8xf32>>
}

// -----
// Periods of a stage end where the call ends: 2 iterations of 3 firings.
// CHECK: a stage with 0 firings
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>} {
  dataflow.stage "none" firings 0 periods [] periods [] {
    dataflow.yield
  }
}

// -----
// CHECK: period 4 of input 0 does not divide 6 firings
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 3 ins(%a : !dataflow.channel<tensor<8xf32>>) periods [4] periods [] {
  ^bb0(%b: tensor<8xf32>):
    dataflow.yield
  }
}

// -----
// CHECK: period 0 of output 0 does not divide 3 firings
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 3 ins(%a : !dataflow.channel<tensor<8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<8xf32>>) periods [0] {
  ^bb0(%c: tensor<8xf32>):
    dataflow.yield %c : tensor<8xf32>
  }
}

// -----
// CHECK: 2 periods for 1 inputs
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 3 ins(%a : !dataflow.channel<tensor<8xf32>>) periods [1, 1] periods [] {
  ^bb0(%b: tensor<8xf32>):
    dataflow.yield
  }
}

// -----
// CHECK: ii is 0; the least is 1
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] attributes {ii = 0} {
    dataflow.yield
  }
}

// -----
// A body gets an argument per input and yields a tile per output, then the next states.
// CHECK: 0 arguments for 1 input channels
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 1 ins(%a : !dataflow.channel<tensor<8xf32>>) periods [1] periods [] {
    dataflow.yield
  }
}

// -----
// CHECK: the stage yields nothing, its outputs and states are tensor<8xf32>, tensor<2xf64>
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 1 periods [] outs(%a : !dataflow.channel<tensor<8xf32>>) periods [1] {
  ^bb0(%s: tensor<2xf64>):
    dataflow.yield
  }
}

// -----
// CHECK: a state is a f64, not a tensor
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] {
  ^bb0(%s: f64):
    dataflow.yield %s : f64
  }
}

// -----
// CHECK: the stage body ends without dataflow.yield
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] {
    "test.termop"() : () -> ()
  }
}

// -----
// CHECK: test.op in a stage; only nn operations that compute one value stand there
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] {
    "test.op"() : () -> ()
    dataflow.yield
  }
}

// -----
// CHECK: nn.silu uses a value from outside its stage; values come through channels
dataflow.kernel @k(%x: tensor<8xf32>) {
  dataflow.stage "none" firings 1 periods [] periods [] {
    %y = nn.silu %x : (tensor<8xf32>) -> tensor<8xf32>
    dataflow.yield
  }
}

// -----
// Tiles become arguments by gathering or slicing along one axis.
// CHECK: a tile tensor<8xbf16> for an argument tensor<8xf32>
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.stage "none" firings 1 ins(%a : !dataflow.channel<tensor<8xbf16>>) periods [1] periods [] {
  ^bb0(%b: tensor<8xf32>):
    dataflow.yield
  }
}

// -----
// CHECK: a tile !dataflow.token for an argument tensor<8xf32>
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.stage "none" firings 1 ins(%a : !dataflow.channel<!dataflow.token>) periods [1] periods [] {
  ^bb0(%b: tensor<8xf32>):
    dataflow.yield
  }
}

// -----
// CHECK: a tile tensor<8xf32> for an argument tensor<1x8xf32>
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 1 ins(%a : !dataflow.channel<tensor<8xf32>>) periods [1] periods [] {
  ^bb0(%b: tensor<1x8xf32>):
    dataflow.yield
  }
}

// -----
// A slice is for one firing: 4 slices of a tile need a period that 4 divides.
// CHECK: input 0 has 4 slices in 2 firings
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.stage "none" firings 4 ins(%a : !dataflow.channel<tensor<8xf32>>) periods [2] periods [] {
  ^bb0(%b: tensor<2xf32>):
    dataflow.yield
  }
}

// -----
// A carry copies tiles of one type.
// CHECK: the channels of a carry have one type of tiles, not tensor<8xf32>, tensor<4xf32>
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<4xf32>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.carry 1 init %i next %n final %f current : !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<4xf32>>, final !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: a carry of tokens; it takes tiles
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>} {
  %i = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  %n = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  %f = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.carry 1 init %i next %n final %f current : !dataflow.channel<!dataflow.token>, !dataflow.channel<!dataflow.token>, final !dataflow.channel<!dataflow.token>
}

// -----
// CHECK: a carry of 0 tiles
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.carry 0 init %i next %n final %f current : !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>, final !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: 'dataflow.yield' expects parent op 'dataflow.stage'
dataflow.yield

// -----
// CHECK: a channel of tensor<0x8xf32>, which has no elements
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<0x8xf32>>
}

// -----
// An exchange between sockets adds up tiles, or puts them one behind the other.
// CHECK: collective 'scatter'; known: all_reduce, all_gather
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  dataflow.collective "scatter" 1 %a to %b by "ring" : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x8xf32>>
}

// -----
// CHECK: algorithm 'star'; known: one_shot, ring, tree
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  dataflow.collective "all_reduce" 1 %a to %b by "star" : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x8xf32>>
}

// -----
// CHECK: a collective of 0 tiles
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  dataflow.collective "all_reduce" 0 %a to %b by "ring" : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x8xf32>>
}

// -----
// CHECK: `axis` belongs to all_gather, and to nothing else
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  dataflow.collective "all_reduce" 1 %a to %b by "ring" {axis = 1} : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x8xf32>>
}

// -----
// CHECK: `axis` belongs to all_gather, and to nothing else
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  dataflow.collective "all_gather" 1 %a to %b by "ring" : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x8xf32>>
}

// -----
// CHECK: a collective feeds one or more channels of one tile type
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  "dataflow.collective"(%a) <{kind = "all_reduce", tiles = 1 : i64, algorithm = "ring"}> : (!dataflow.channel<tensor<1x8xf32>>) -> ()
}

// -----
// CHECK: a collective of tokens; it takes tiles
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  %b = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.collective "all_reduce" 1 %a to %b by "ring" : !dataflow.channel<!dataflow.token> -> !dataflow.channel<!dataflow.token>
}

// -----
// CHECK: all_reduce keeps the type of tiles; tensor<1x8xf32> becomes tensor<1x12xf32>
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x12xf32>>
  dataflow.collective "all_reduce" 1 %a to %b by "ring" : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x12xf32>>
}

// -----
// CHECK: tensor<1x8xf32> gathered along axis 1 is no tensor<1x12xf32>
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x12xf32>>
  dataflow.collective "all_gather" 1 %a to %b by "ring" {axis = 1} : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x12xf32>>
}

// -----
// CHECK: axis 2 of a tile of rank 2
dataflow.kernel @k() {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x12xf32>>
  dataflow.collective "all_gather" 1 %a to %b by "ring" {axis = 2} : !dataflow.channel<tensor<1x8xf32>> -> !dataflow.channel<tensor<1x12xf32>>
}

// -----
// A loop is there for units.
// CHECK: no unit runs in loop 'other'
dataflow.kernel @k(%x: tensor<8xf32>, %y: memref<8xf32>) attributes {loops = #dataflow.loops<iteration 2, other 3>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "iteration"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<8xf32> {rate = "iteration"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// Equally many tiles, made in one loop and taken in another one beside it.
// CHECK: dataflow.load puts tiles into %a at rate 'first', dataflow.store takes them at rate 'second', a loop beside it
dataflow.kernel @k(%x: tensor<8xf32>, %y: memref<8xf32>) attributes {loops = #dataflow.loops<first 2, second 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "first"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<8xf32> {rate = "second"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// What a load reads in place: two numbers, of the units of its channel.
// CHECK: `resident` is the first PMU and their number
dataflow.kernel @one_number(%w: tensor<8xbf16>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %w to %a {resident = array<i64: 5>} : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: `resident` is the first PMU and their number
dataflow.kernel @small_numbers(%w: tensor<8xbf16>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %w to %a {resident = array<i32: 5, 3>} : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: `resident` says 5 where its channel has 4
dataflow.kernel @elsewhere(%w: tensor<8xbf16>) {
  %a = dataflow.channel 1 {pmus = 3 : i64, pmu_first = 4 : i64} : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %w to %a {resident = array<i64: 5, 3>} : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
}
