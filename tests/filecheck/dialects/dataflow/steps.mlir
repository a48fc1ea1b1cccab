// Units that run once a decode step are printed as they were read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// Two steps of three iterations: the value goes from step to step, and inside of a step through the layers.
// CHECK: dataflow.kernel @steps({{.*}} attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
// CHECK: dataflow.load %x to %a {rate = "call"}
// CHECK-NEXT: dataflow.carry 1 init %a next %b current %c {rate = "step"} : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.counter %p to %i : tensor<i32> -> !dataflow.channel<tensor<i32>>
// CHECK-NEXT: dataflow.carry 1 init %c next %d final %f current %e :
// CHECK-NEXT: dataflow.stage "rope" firings 1 {{.*}} periods [1, 3] {{.*}} periods [1] {
// CHECK: dataflow.stage "copy" firings 1 {{.*}} attributes {rate = "step"} {
// CHECK: dataflow.store %g result 0 {start = 0 : i64, stride = 1 : i64, rate = "step"}
dataflow.kernel @steps(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> tensor<2x1x8xbf16> attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %g = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %i = dataflow.channel 1 : !dataflow.channel<tensor<i32>>
  dataflow.load %x to %a {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.carry 1 init %a next %b current %c {rate = "step"} : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.counter %p to %i : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.carry 1 init %c next %d final %f current %e : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>> final !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "rope" firings 1 ins(%e, %i : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<i32>>) periods [1, 3] outs(%d : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%h: tensor<1x8xbf16>, %at: tensor<i32>):
    %y = nn.rope %h, %at {head_dim = 8, frequencies = array<f64: 1.0, 0.1, 0.01, 0.001>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
    dataflow.yield %y : tensor<1x8xbf16>
  }
  dataflow.stage "copy" firings 1 ins(%f : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b, %g : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 1] attributes {rate = "step"} {
  ^bb0(%h: tensor<1x8xbf16>):
    dataflow.yield %h, %h : tensor<1x8xbf16>, tensor<1x8xbf16>
  }
  dataflow.store %g result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<1x8xbf16>>
}

// Tokens that stop: what the steps make comes from the carry.
// CHECK: dataflow.carry 1 init %a next %b current %c made %d {rate = "step", stop = 7 : i64} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
dataflow.kernel @stops(%x: tensor<3xi32>) -> tensor<2x3xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
  dataflow.load %x to %a {rate = "call"} : tensor<3xi32> -> !dataflow.channel<tensor<3xi32>>
  dataflow.carry 1 init %a next %b current %c made %d {rate = "step", stop = 7} : !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>>, !dataflow.channel<tensor<3xi32>> made !dataflow.channel<tensor<3xi32>>
  dataflow.stage "pass" firings 1 ins(%c : !dataflow.channel<tensor<3xi32>>) periods [1] outs(%b : !dataflow.channel<tensor<3xi32>>) periods [1] attributes {rate = "step"} {
  ^bb0(%h: tensor<3xi32>):
    dataflow.yield %h : tensor<3xi32>
  }
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<3xi32>>
}
