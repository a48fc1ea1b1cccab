// Networks of several decode steps that are wrong.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK: `steps` of a kernel; its `loops` say how often it runs
dataflow.kernel @k() attributes {loops = #dataflow.loops<iteration 2>, steps = 2} {
}

// -----
// A rate is that of a loop, or of the call; a counter runs once a step and nothing else.
// CHECK: dataflow.load at rate 'often'; its kernel has 'call', 'step', 'iteration'
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "often"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rate = "call"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: a counter at rate 'iteration'; it counts at 'step'
dataflow.kernel @k(%p: tensor<i32>, %y: memref<i32>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<i32>>
  dataflow.counter %p to %a {rate = "iteration"} : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.store %a into %y : memref<i32> : !dataflow.channel<tensor<i32>>
}

// -----
// What comes once a step, and is taken in every iteration.
// CHECK: dataflow.load puts 2 tiles a call into %a, dataflow.store takes 6
dataflow.kernel @k(%x: tensor<8xf32>, %y: memref<3x8xf32>) attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "step"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<3x8xf32> {start = 0, stride = 1} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: it uses slices 0 to 1 of a stack of 1
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<1x8xf32> attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rate = "step"} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<8xf32>>
}

// -----
// Each step begins with slice 0 again.
// CHECK: it uses slices 0 to 2 of a stack of 2
dataflow.kernel @k(%x: tensor<2x8xf32>, %y: memref<3x8xf32>) attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {start = 0, stride = 1} : tensor<2x8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a into %y : memref<3x8xf32> {start = 0, stride = 1} : !dataflow.channel<tensor<8xf32>>
}

// -----
// CHECK: a counter of a tensor<2xi32>; it counts from a scalar on
dataflow.kernel @k(%p: tensor<2xi32>, %y: memref<2xi32>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  dataflow.counter %p to %a : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.store %a into %y : memref<2xi32> : !dataflow.channel<tensor<2xi32>>
}

// -----
// CHECK: it counts in tensor<i32>, the channel takes tensor<i64>
dataflow.kernel @k(%p: tensor<i32>, %y: memref<i64>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<i64>>
  dataflow.counter %p to %a : tensor<i32> -> !dataflow.channel<tensor<i64>>
  dataflow.store %a into %y : memref<i64> : !dataflow.channel<tensor<i64>>
}

// -----
// CHECK: a counter feeds at least one channel
dataflow.kernel @k(%p: tensor<i32>) attributes {loops = #dataflow.loops<step 2, iteration 1 in step>} {
  "dataflow.counter"(%p) : (tensor<i32>) -> ()
}

// -----
// What a carry with a stop token needs.
// CHECK: give `stop` and `made` together
dataflow.kernel @k(%x: tensor<3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}

// -----
// CHECK: rows stop at a token; it takes integers [batch], not tensor<3xf32>
dataflow.kernel @k(%x: tensor<3xf32>) -> tensor<2x3xf32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xf32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xf32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xf32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xf32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xf32> -> !dataflow.channel<tensor<3xf32>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 7, rate = "step"} : !dataflow.channel<tensor<3xf32>>, !dataflow.channel<tensor<3xf32>>, !dataflow.channel<tensor<3xf32>> made !dataflow.channel<tensor<3xf32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xf32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xf32>):
    dataflow.yield %h : tensor<3xf32>
  }
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xf32>>
}

// -----
// CHECK: the stop token is 300; a token of tensor<3xi8> is 0 to 127
dataflow.kernel @k(%x: tensor<3xi8>) -> tensor<2x3xi8> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi8>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi8>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi8>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi8>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi8> -> !dataflow.channel<tensor<3xi8>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 300, rate = "step"} : !dataflow.channel<tensor<3xi8>>, !dataflow.channel<tensor<3xi8>>, !dataflow.channel<tensor<3xi8>> made !dataflow.channel<tensor<3xi8>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi8>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi8>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi8>):
    dataflow.yield %h : tensor<3xi8>
  }
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi8>>
}

// -----
// CHECK: a stop token at rate 'iteration'; it ends decode steps, rate 'step'
dataflow.kernel @k(%x: tensor<3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<iteration 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 7, rate = "iteration"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "iteration"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.store %d result 0 {start = 0, stride = 1} : !dataflow.channel<tensor<3xi32>>
}

// -----
// CHECK: a carry over decode steps with a stop token has no `final`
dataflow.kernel @k(%x: tensor<3xi32>, %m: memref<3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b final %f current %c made %d {stop = 7, rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> final !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.store %f into %m : memref<3xi32> {rate = "call"} : !dataflow.channel<tensor<3xi32>>
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}

// -----
// Steps end early, and what takes what they have made does not.
// CHECK: it takes `made` of a carry, which goes on when steps have ended; stores do
dataflow.kernel @k(%x: tensor<3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 7, rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.stage "more" firings 1 ins(%d : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%e : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.store %e result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}

// -----
// CHECK: a store of decode steps with a stop token is at a position, or of its `made`
dataflow.kernel @k(%x: tensor<3xi32>, %m: memref<2x3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 7, rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b, %e : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>) periods [1, 1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h, %h : tensor<3xi32>, tensor<3xi32>
  }
  dataflow.store %e into %m : memref<2x3xi32> {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}

// -----
// CHECK: another value goes from step to step beside the tokens that stop
dataflow.kernel @k(%x: tensor<3xi32>, %m: memref<2x3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %g = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 7, rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b, %g : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>) periods [1, 1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h, %h : tensor<3xi32>, tensor<3xi32>
  }
  dataflow.load %x to %f {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %f next %g current %e {rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
  dataflow.store %e into %m : memref<2x3xi32> {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}

// -----
// CHECK: it stores 2 rows at a position, the tokens that stop are those of 3
dataflow.kernel @k(%x: tensor<3xi32>, %y: tensor<2x8xf32>, %m: memref<2x1x4x8xf32>, %p: tensor<i32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<2x8xf32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {stop = 7, rate = "step"} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.load %y to %e {rate = "step"} : tensor<2x8xf32> -> !dataflow.channel<tensor<2x8xf32>>
  dataflow.store %e into %m : memref<2x1x4x8xf32> at %p : tensor<i32> {rate = "step"} : !dataflow.channel<tensor<2x8xf32>>
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}
