// Networks of several decode steps that are wrong.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK: error: `steps` of a kernel; its `loops` say how often it runs
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>, steps = 2} {
}

// -----
// A rate is that of a loop, or of the call; a counter runs once a step and nothing else.
// CHECK: error: dataflow.load at rate 'often'; its kernel has 'call', 'step', 'iteration'
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "often"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rate = "call"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: error: a counter at rate 'iteration'; it counts at 'step'
dataflow.kernel @k(%p: tensor<i32>, %y: memref<i32>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<i32>>
  dataflow.counter %p to %a {rate = "iteration"} : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.store %a into %y : memref<i32> : !dataflow.channel<tensor<i32>>
}

// -----
// What comes once a step, and is taken in every iteration.
// CHECK: error: dataflow.load puts 2 tiles a call into %a, dataflow.store takes 6
dataflow.kernel @k(%x: tensor<8xf32>, %y: memref<3x8xf32>) attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "step"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<3x8xf32> {start = 0, stride = 1} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: error: it uses slices 0 to 1 of a stack of 1
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<1x8xf32> attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "step"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// Each step begins with slice 0 again.
// CHECK: error: it uses slices 0 to 2 of a stack of 2
dataflow.kernel @k(%x: tensor<2x8xf32>, %y: memref<3x8xf32>) attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 0, stride = 1} : tensor<2x8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<3x8xf32> {start = 0, stride = 1} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: error: a counter of a tensor<2xi32>; it counts from a scalar on
dataflow.kernel @k(%p: tensor<2xi32>, %y: memref<2xi32>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  dataflow.counter %p to %a : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.store %a into %y : memref<2xi32> : !dataflow.channel<tensor<2xi32>>
}

// -----
// CHECK: error: it counts in tensor<i32>, the channel takes tensor<i64>
dataflow.kernel @k(%p: tensor<i32>, %y: memref<i64>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<i64>>
  dataflow.counter %p to %a : tensor<i32> -> !dataflow.channel<tensor<i64>>
  dataflow.store %a into %y : memref<i64> : !dataflow.channel<tensor<i64>>
}

// -----
// CHECK: error: a counter feeds at least one channel
dataflow.kernel @k(%p: tensor<i32>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  "dataflow.counter"(%p) : (tensor<i32>) -> ()
}
