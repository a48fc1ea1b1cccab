// Every operation of the dialect is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// Loads, a stage and a store; the planning passes' numbers are properties of channels and stages.
// CHECK: dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> attributes {note = "kept"} {
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 0 : i64, hops = 3 : i64} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: %b = dataflow.channel 4 {pmus = 2 : i64} : !dataflow.channel<tensor<8x4xbf16>>
// CHECK-NEXT: %c = dataflow.channel 2 : !dataflow.channel<tensor<1x4xbf16>>
// CHECK-NEXT: dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.load %w to %b : tensor<8x16xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
// CHECK-NEXT: dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x4xbf16>>) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] attributes {ii = 10 : i64, latency = 58 : i64, pcus = 3 : i64, pcu_first = 0 : i64} {
// CHECK-NEXT: ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x4xbf16>):
// CHECK-NEXT: %f = nn.matmul %d, %e
// CHECK-NEXT: dataflow.yield %f : tensor<1x4xbf16>
// CHECK-NEXT: }
// CHECK-NEXT: dataflow.store %c result 0 : !dataflow.channel<tensor<1x4xbf16>>
// GENERIC: "dataflow.kernel"() <{sym_name = "project", function_type = (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>}> ({
// GENERIC: "dataflow.channel"() <{depth = 1 : i64, pmus = 0 : i64, pmu_first = 0 : i64, hops = 3 : i64}> : () -> !dataflow.channel<tensor<1x8xbf16>>
// GENERIC: "dataflow.load"(%x, %a) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 1>}>
// GENERIC: "dataflow.stage"(%a, %b, %c) <{label = "matmul", firings = 4 : i64, in_periods = array<i64: 4, 1>, out_periods = array<i64: 1>, ii = 10 : i64
// GENERIC: }) {note = "kept"} : () -> ()
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> attributes {note = "kept"} {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 4 {pmus = 2} : !dataflow.channel<tensor<8x4xbf16>>
  %c = dataflow.channel 2 : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x16xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
  dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x4xbf16>>) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] attributes {ii = 10, latency = 58, pcus = 3, pcu_first = 0} {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x4xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
    dataflow.yield %f : tensor<1x4xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x4xbf16>>
}

// A looped kernel appends to slice 3 - i of a cache and reads it back behind the store's token.
// CHECK: dataflow.kernel @append(
// CHECK: %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
// CHECK: dataflow.load %x to %a {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.carry 1 init %a next %d final %e current %b, %c : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>> final !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.store %b into %k : memref<4x1x2x16x4xbf16> at %p : tensor<i32> done(%t : !dataflow.channel<!dataflow.token>) {start = 3 : i64, stride = -1 : i64} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.load %k to %f after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 3 : i64, stride = -1 : i64} : memref<4x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x4x4xbf16>>
// CHECK: dataflow.store %e result 0 {rate = "call"} : !dataflow.channel<tensor<1x8xbf16>>
// GENERIC: "dataflow.carry"(%a, %d, %e, %b, %c) <{tiles = 1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 2, 0>}>
// GENERIC: "dataflow.store"(%b, %k, %p, %t) <{start = 3 : i64, stride = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1>}>
dataflow.kernel @append(%x: tensor<1x8xbf16>, %k: memref<4x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %a = dataflow.channel 2 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %f = dataflow.channel 2 : !dataflow.channel<tensor<1x2x4x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.carry 1 init %a next %d final %e current %b, %c : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>> final !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %b into %k : memref<4x1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {start = 3, stride = -1} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %f after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 3, stride = -1} : memref<4x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x4x4xbf16>>
  dataflow.stage "values" firings 4 ins(%c, %f : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x2x4x4xbf16>>) periods [4, 1] outs(%d : !dataflow.channel<tensor<1x8xbf16>>) periods [4] {
  ^bb0(%g: tensor<1x8xbf16>, %h: tensor<1x2x4x4xbf16>, %s: tensor<1x8xf64>):
    %i = nn.attention_scores %g, %h scale 0.5 : (tensor<1x8xbf16>, tensor<1x2x4x4xbf16>) -> tensor<1x2x4xf32>
    %j = nn.attention_values %i, %h, %s : (tensor<1x2x4xf32>, tensor<1x2x4x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
    %l = nn.cast %j : (tensor<1x8xf64>) -> tensor<1x8xbf16>
    dataflow.yield %l, %j : tensor<1x8xbf16>, tensor<1x8xf64>
  }
  dataflow.store %e result 0 {rate = "call"} : !dataflow.channel<tensor<1x8xbf16>>
}

// Rows by index, a stage without inputs to hold, and a carried value that its iterations do not read.
// CHECK: dataflow.gather %table by %a to %b : tensor<100x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x8xbf16>>
// CHECK-NEXT: dataflow.gather %table by %c to %d {sharded} : tensor<100x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x8xbf16>>
// CHECK: dataflow.carry 1 init %e next %b final %f current : !dataflow.channel<tensor<2x8xbf16>>, !dataflow.channel<tensor<2x8xbf16>>, final !dataflow.channel<tensor<2x8xbf16>>
dataflow.kernel @rows(%ids: tensor<2xi32>, %table: tensor<100x8xbf16>, %x: tensor<2x8xbf16>) -> (tensor<2x8xbf16>, tensor<2x8xbf16>) attributes {loops = #dataflow.loops<iteration 2>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<2x8xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<2x8xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<2x8xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<2x8xbf16>>
  dataflow.load %ids to %a, %c : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>, !dataflow.channel<tensor<2xi32>>
  dataflow.load %x to %e {rate = "call"} : tensor<2x8xbf16> -> !dataflow.channel<tensor<2x8xbf16>>
  dataflow.gather %table by %a to %b : tensor<100x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x8xbf16>>
  dataflow.gather %table by %c to %d {sharded} : tensor<100x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x8xbf16>>
  dataflow.carry 1 init %e next %b final %f current : !dataflow.channel<tensor<2x8xbf16>>, !dataflow.channel<tensor<2x8xbf16>>, final !dataflow.channel<tensor<2x8xbf16>>
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<2x8xbf16>>
  dataflow.store %d result 1 : !dataflow.channel<tensor<2x8xbf16>>
}

// Exchanges between sockets: a sum tile by tile, and whole parts one behind the other.
// CHECK: dataflow.collective "all_reduce" 2 %a to %b by "ring" : !dataflow.channel<tensor<1x4xbf16>> -> !dataflow.channel<tensor<1x4xbf16>>
// CHECK: dataflow.collective "all_gather" 1 %c to %d by "one_shot" {axis = 1 : i64} : !dataflow.channel<tensor<1x8xbf16>> -> !dataflow.channel<tensor<1x16xbf16>>
// GENERIC: "dataflow.collective"(%a, %b) <{kind = "all_reduce", tiles = 2 : i64, algorithm = "ring"}>
dataflow.kernel @exchange(%x: tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x16xbf16>) {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x4xbf16>>
  dataflow.collective "all_reduce" 2 %a to %b by "ring" : !dataflow.channel<tensor<1x4xbf16>> -> !dataflow.channel<tensor<1x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.load %x to %c : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.collective "all_gather" 1 %c to %d by "one_shot" {axis = 1} : !dataflow.channel<tensor<1x8xbf16>> -> !dataflow.channel<tensor<1x16xbf16>>
  dataflow.store %d result 1 : !dataflow.channel<tensor<1x16xbf16>>
}

// A network of nothing.
// CHECK: dataflow.kernel @nothing() {
// CHECK-NEXT: }
// GENERIC: sym_name = "nothing"
dataflow.kernel @nothing() {
}

// A load reads slices of a stack by index, here of that of a layer: 2 slots of 6 columns in tiles of 3.
// CHECK: dataflow.kernel @experts(
// CHECK: dataflow.load %w by %i along 1 to %c {start = 2 : i64, stride = -1 : i64} : tensor<3x8x4x6xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<4x3xbf16>>
// GENERIC: "dataflow.load"(%w, %i, %c) <{along = 1 : i64, start = 2 : i64, stride = -1 : i64, operandSegmentSizes = array<i32: 1, 1, 0, 0, 1>}>
dataflow.kernel @experts(%w: tensor<3x8x4x6xbf16>, %ids: tensor<2xi32>, %y: memref<3x4x12xbf16>) attributes {loops = #dataflow.loops<iteration 3>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
  %c = dataflow.channel 2 : !dataflow.channel<tensor<4x3xbf16>>
  dataflow.load %ids to %i : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.load %w by %i along 1 to %c {start = 2, stride = -1} : tensor<3x8x4x6xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<4x3xbf16>>
  dataflow.store %c into %y : memref<3x4x12xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<4x3xbf16>>
}
