// Every operation of the dialect is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// The machine names what differs from the default one.
// CHECK: builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 64 : i64, pcus = 32 : i64}>} {
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 64, pcus = 32}>} {

// Regions of each kind; values may share addresses.
// CHECK-NEXT: rdu.region @w "weight" "hbm" 0 : tensor<4x8x16xbf16> from "layers.{layer}.w" {transposed, stacked}
// CHECK-NEXT: rdu.region @k "state" "ddr" 0 : memref<4x1x2x16x4xbf16> {stacked}
// CHECK-NEXT: rdu.region @x "input" "hbm" 1024 : tensor<1x8xbf16>
// CHECK-NEXT: rdu.region @p "input" "hbm" 1280 : tensor<i32>
// CHECK-NEXT: rdu.region @y "value" "hbm" 1536 : memref<1x16xbf16>
// CHECK-NEXT: rdu.region @z "value" "hbm" 1536 : memref<1x8xbf16>
// GENERIC: "rdu.region"() <{sym_name = "w", kind = "weight", tier = "hbm", address = 0 : i64, type = tensor<4x8x16xbf16>, checkpoint = "layers.{layer}.w", transposed, stacked}> : () -> ()
rdu.region @w "weight" "hbm" 0 : tensor<4x8x16xbf16> from "layers.{layer}.w" {transposed, stacked}
rdu.region @k "state" "ddr" 0 : memref<4x1x2x16x4xbf16> {stacked}
rdu.region @x "input" "hbm" 1024 : tensor<1x8xbf16>
rdu.region @p "input" "hbm" 1280 : tensor<i32>
rdu.region @y "value" "hbm" 1536 : memref<1x16xbf16>
rdu.region @z "value" "hbm" 1536 : memref<1x8xbf16>

// A planned kernel: channels with their PMUs, streams with walks, a stage on its PCUs.
// CHECK: dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> {
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 0 : i64, hops = 3 : i64} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK: dataflow.load %w to %b {rdu.walk = #rdu.walk<{tiles = 4 : i64, tile_stride = 8 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 32, 2>}>} : tensor<8x16xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
// CHECK-NEXT: dataflow.stage "matmul" firings 4 ins(%a, %b : {{.*}}) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] attributes {ii = 10 : i64, latency = 58 : i64, pcus = 3 : i64, pcu_first = 0 : i64} {
// CHECK: dataflow.yield %f : tensor<1x4xbf16>
// CHECK: dataflow.store %c result 0 {rdu.walk = #rdu.walk<{tiles = 4 : i64, tile_stride = 8 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 32, 2>}>} : !dataflow.channel<tensor<1x4xbf16>>
// GENERIC: "dataflow.load"(%w, %b) <{operandSegmentSizes = array<i32: 1, 0, 0, 0, 1>}> {rdu.walk = #rdu.walk<{tiles = 4 : i64, tile_stride = 8 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 32, 2>}>} :
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x16xbf16>) -> tensor<1x16xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 4 {pmus = 1, pmu_first = 0, hops = 5} : !dataflow.channel<tensor<8x4xbf16>>
  %c = dataflow.channel 2 {pmus = 0, pmu_first = 1, hops = 2} : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 16, 2>}>} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b {rdu.walk = #rdu.walk<{tiles = 4, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 32, 2>}>} : tensor<8x16xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
  dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x4xbf16>>) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] attributes {ii = 10, latency = 58, pcus = 3, pcu_first = 0} {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x4xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
    dataflow.yield %f : tensor<1x4xbf16>
  }
  dataflow.store %c result 0 {rdu.walk = #rdu.walk<{tiles = 4, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 32, 2>}>} : !dataflow.channel<tensor<1x4xbf16>>
}

// A looped kernel carries a value, appends it to slice 3 - i of a cache and reads the slice behind the token.
// CHECK: dataflow.kernel @append(
// CHECK: dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 16, 2>}>, rate = "call"}
// CHECK-NEXT: dataflow.carry 1 init %a next %d final %e current %b :
// CHECK-NEXT: dataflow.store %b into %k : memref<4x1x2x16x4xbf16> at %p : tensor<i32> done(%t : !dataflow.channel<!dataflow.token>) {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 256 : i64, start = 768 : i64, pass_stride = -256 : i64, strides = array<i64: 256, 128, 2>, position_stride = 8 : i64}>, start = 3 : i64, stride = -1 : i64} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.load %k to %f after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 768 : i64, pass_stride = -256 : i64, strides = array<i64: 256, 128, 8, 2>, positions_per_tile = 16 : i64}>, start = 3 : i64, stride = -1 : i64} : memref<4x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
dataflow.kernel @append(%x: tensor<1x8xbf16>, %k: memref<4x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %a = dataflow.channel 2 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %e = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %f = dataflow.channel 2 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a {rate = "call", rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 16, 2>}>} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.carry 1 init %a next %d final %e current %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>> final !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %b into %k : memref<4x1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {start = 3, stride = -1, rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 256, start = 768, pass_stride = -256, strides = array<i64: 256, 128, 2>, position_stride = 8}>} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %f after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 3, stride = -1, rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 768, pass_stride = -256, strides = array<i64: 256, 128, 8, 2>, positions_per_tile = 16}>} : memref<4x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "values" firings 1 ins(%f : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] outs(%d : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {ii = 4, latency = 52, pcus = 1, pcu_first = 0} {
  ^bb0(%h: tensor<1x2x16x4xbf16>, %q: tensor<1x8xbf16>):
    dataflow.yield %q, %q : tensor<1x8xbf16>, tensor<1x8xbf16>
  }
  dataflow.store %e result 0 {rate = "call", rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 16, 2>}>} : !dataflow.channel<tensor<1x8xbf16>>
}

// Rows by index.
// CHECK: dataflow.gather %table by %a to %b : tensor<100x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x8xbf16>>
dataflow.kernel @rows(%ids: tensor<2xi32>, %table: tensor<100x8xbf16>) -> tensor<2x8xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<2xi32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<2x8xbf16>>
  dataflow.load %ids to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.gather %table by %a to %b : tensor<100x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x8xbf16>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 16, 2>}>} : !dataflow.channel<tensor<2x8xbf16>>
}

// A sum over the sockets.
// CHECK: dataflow.collective "all_reduce" 1 %a to %b by "one_shot" : !dataflow.channel<tensor<8xbf16>> -> !dataflow.channel<tensor<8xbf16>>
dataflow.kernel @sum(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<8xbf16>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 2>}>} : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.collective "all_reduce" 1 %a to %b by "one_shot" : !dataflow.channel<tensor<8xbf16>> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 2>}>} : !dataflow.channel<tensor<8xbf16>>
}

// The launch: three commands, and the host that reads a region. @project works on slice 3 of @w.
// CHECK: rdu.schedule @step inputs [@x, @p] outputs [@z] {
// CHECK-NEXT: rdu.load_program @project
// CHECK-NEXT: rdu.load_arguments @project [@x, @w, @y] offsets [0, 768, 0]
// CHECK-NEXT: rdu.execute @project
// CHECK-NEXT: rdu.observe @y as "hidden"
// CHECK-NEXT: rdu.load_program @append
// CHECK-NEXT: rdu.load_arguments @append [@x, @k, @p, @z] offsets [0, 0, 0, 0]
// CHECK-NEXT: rdu.execute @append
// GENERIC: "rdu.schedule"() <{sym_name = "step", inputs = [@x, @p], outputs = [@z]}> ({
// GENERIC: "rdu.load_arguments"() <{kernel = @project, memory_regions = [@x, @w, @y], offsets = array<i64: 0, 768, 0>}> : () -> ()
rdu.schedule @step inputs [@x, @p] outputs [@z] {
  rdu.load_program @project
  rdu.load_arguments @project [@x, @w, @y] offsets [0, 768, 0]
  rdu.execute @project
  rdu.observe @y as "hidden"
  rdu.load_program @append
  rdu.load_arguments @append [@x, @k, @p, @z] offsets [0, 0, 0, 0]
  rdu.execute @append
}
}
