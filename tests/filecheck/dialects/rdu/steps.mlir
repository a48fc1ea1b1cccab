// Units of a machine kernel that run once a decode step are printed as they were read.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK: rdu.kernel @steps({{.*}} attributes {iterations = 2 : i64, steps = 2 : i64} {
// CHECK: rdu.carry 1 init %a next %b current %c {per_step} : !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>
// CHECK: rdu.counter %p to %d : tensor<i32> -> !dataflow.channel<tensor<i32>>
// CHECK: rdu.store %d into %y {tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 4 : i64, strides = array<i64>, per_step}
rdu.kernel @steps(%p: tensor<i32>, %y: memref<2xi32>) attributes {iterations = 2, steps = 2} {
  %a = rdu.buffer 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %b = rdu.buffer 2 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %c = rdu.buffer 2 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %d = rdu.buffer 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  rdu.load %p to %a {tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64>, once} : tensor<i32> -> !dataflow.channel<tensor<i32>>
  rdu.carry 1 init %a next %b current %c {per_step} : !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>, !dataflow.channel<tensor<i32>>
  rdu.stage "copy" firings 1 ins(%c : !dataflow.channel<tensor<i32>>) periods [1] outs(%b : !dataflow.channel<tensor<i32>>) periods [1] attributes {per_step, ii = 1, latency = 2, pcus = 1, pcu_first = 0} {
  ^bb0(%t: tensor<i32>):
    dataflow.yield %t : tensor<i32>
  }
  rdu.counter %p to %d : tensor<i32> -> !dataflow.channel<tensor<i32>>
  rdu.store %d into %y {tiles = 1, tile_stride = 0, start = 0, pass_stride = 4, strides = array<i64>, per_step} : !dataflow.channel<tensor<i32>> -> memref<2xi32>
}
