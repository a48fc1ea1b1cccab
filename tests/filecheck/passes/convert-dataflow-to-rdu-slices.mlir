// Loads by index say where in a slice a tile begins, how far slices are from one another, and how tiles cut slots.
// RUN: kl-opt %s -p convert-dataflow-to-rdu | filecheck %s

// CHECK-LABEL: dataflow.kernel @experts
// Slices [16, 12] of 2 bytes are 384 bytes, the 5 of a layer 1920, from the last layer to the first. A tile of 4 columns
// has part of one of 2 slots, each of which has 3 such tiles, 8 bytes apart.
// CHECK: dataflow.load %w by %i along 1 to %a {rdu.walk = #rdu.walk<{tiles = 6 : i64, tile_stride = 8 : i64, start = 3840 : i64, pass_stride = -1920 : i64, strides = array<i64: 24, 2>, slots = 2 : i64, slot_stride = 384 : i64, slots_per_tile = 1 : i64, tiles_per_slot = 3 : i64}>
// Tiles of 5 of 12 columns have these of both slots, one below the other; the last tile has 2.
// CHECK: dataflow.load %w by %j along 0 to %b {rdu.walk = #rdu.walk<{tiles = 3 : i64, tile_stride = 10 : i64, start = 0 : i64, pass_stride = 1920 : i64, strides = array<i64: 24, 2>, last = array<i64: 32, 2>, slots = 2 : i64, slot_stride = 384 : i64, slots_per_tile = 2 : i64, tiles_per_slot = 3 : i64}>
// Slices of one axis are rows: a tile has 8 bytes of both.
// CHECK: dataflow.load %r by %k along 0 to %c {rdu.walk = #rdu.walk<{tiles = 3 : i64, tile_stride = 8 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 24, 2>, slots = 2 : i64, slot_stride = 24 : i64, slots_per_tile = 2 : i64, tiles_per_slot = 3 : i64}>
// Whole slots in a tile.
// CHECK: dataflow.load %r by %l along 0 to %d {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 2>, slots = 2 : i64, slot_stride = 24 : i64, slots_per_tile = 2 : i64, tiles_per_slot = 1 : i64}>
dataflow.kernel @experts(%e: tensor<2xi32>, %w: tensor<3x5x16x12xbf16>, %r: tensor<5x12xbf16>, %o: memref<3x16x24xbf16>, %p: memref<3x32x12xbf16>, %q: memref<2x12xbf16>, %s: memref<24xbf16>) attributes {loops = #dataflow.loops<iteration 3>} {
  %i = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %j = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %k = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %l = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<16x4xbf16>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<32x5xbf16>>
  %c = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2x4xbf16>>
  %d = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<24xbf16>>
  dataflow.load %e to %i, %j, %k, %l : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>, !dataflow.channel<tensor<2xi32>>, !dataflow.channel<tensor<2xi32>>, !dataflow.channel<tensor<2xi32>>
  dataflow.load %w by %i along 1 to %a {start = 2, stride = -1} : tensor<3x5x16x12xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<16x4xbf16>>
  dataflow.load %w by %j along 0 to %b {start = 0, stride = 1} : tensor<3x5x16x12xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<32x5xbf16>>
  dataflow.load %r by %k along 0 to %c : tensor<5x12xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x4xbf16>>
  dataflow.load %r by %l along 0 to %d : tensor<5x12xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<24xbf16>>
  dataflow.store %a into %o : memref<3x16x24xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<16x4xbf16>>
  dataflow.store %b into %p : memref<3x32x12xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<32x5xbf16>>
  dataflow.store %c into %q : memref<2x12xbf16> : !dataflow.channel<tensor<2x4xbf16>>
  dataflow.store %d into %s : memref<24xbf16> : !dataflow.channel<tensor<24xbf16>>
}
