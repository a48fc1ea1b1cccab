// Units of a planned kernel that run once a decode step are printed as they were read.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK: dataflow.kernel @steps({{.*}} attributes {loops = #dataflow.loops<step 2>} {
// CHECK: dataflow.carry 1 init %a next %b current %c {rate = "step"} : !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>
// CHECK: dataflow.counter %p to %d : tensor<i32> -> !dataflow.channel<tensor<i32>>
// CHECK: dataflow.store %d result 0 {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 4 : i64, strides = array<i64>}>, start = 0 : i64, stride = 1 : i64, rate = "step"}
dataflow.kernel @steps(%p: tensor<i32>) -> tensor<2xi32> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %b = dataflow.channel 2 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %c = dataflow.channel 2 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %d = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  dataflow.load %p to %a {rate = "call", rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64>}>} : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.carry 1 init %a next %b current %c {rate = "step"} : !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>
  dataflow.stage "copy" firings 1 ins(%c : !dataflow.channel<tensor<i32>>) periods [1] outs(%b : !dataflow.channel<tensor<i32>>) periods [1] attributes {rate = "step", ii = 1, latency = 2, pcus = 1, pcu_first = 0} {
  ^bb0(%t: tensor<i32>):
    dataflow.yield %t : tensor<i32>
  }
  dataflow.counter %p to %d : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.store %d result 0 {start = 0, stride = 1, rate = "step", rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 4, strides = array<i64>}>} : !dataflow.channel<tensor<i32>>
}
