// What the verifiers of the dialect refuse, and what they say; `dataflow/invalid.mlir` has what all networks need.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// A machine has known parameters, positive integers.
// CHECK: unknown machine parameter 'pmu'; known: sockets, clock_hz, pcus, pmus
builtin.module attributes {rdu.machine = #rdu.machine<{pmu = 64}>} {
}

// -----
// CHECK: machine parameter pmus is 0; it must be positive
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 0}>} {
}

// -----
// CHECK: machine parameter pmus is "many", not an integer
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = "many"}>} {
}

// -----
// A region lies in its tier: 16 KiB of HBM end at byte 16384.
// CHECK: region kind 'cache'; known: weight, state, input, value
rdu.region @x "cache" "hbm" 0 : tensor<8xf32>

// -----
// CHECK: memory tier 'flash'; known: hbm, ddr
rdu.region @x "value" "flash" 0 : tensor<8xf32>

// -----
// CHECK: @x begins at byte -4
rdu.region @x "value" "hbm" -4 : tensor<8xf32>

// -----
// CHECK: @x ends at byte 16416 of hbm, which holds 16384
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 16384}>} {
  rdu.region @x "value" "hbm" 16384 : tensor<8xf32>
}

// -----
// CHECK: @x ends at byte 16388 of ddr, which holds 16384
builtin.module attributes {rdu.machine = #rdu.machine<{ddr_bytes = 16384}>} {
  rdu.region @x "value" "ddr" 16356 : tensor<8xf32>
}

// -----
// Whatever is alive all the time overlaps nothing: @a takes bytes 0 to 31.
// CHECK: @b begins at byte 28 of hbm, @a ends at byte 32
rdu.region @a "weight" "hbm" 0 : tensor<8xf32>
rdu.region @b "state" "hbm" 28 : memref<8xf32>
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// A small region inside a large one hides nothing from a third.
// CHECK: @c begins at byte 40 of hbm, @a ends at byte 64
rdu.region @a "value" "hbm" 0 : memref<16xf32>
rdu.region @b "value" "hbm" 8 : memref<4xf32>
rdu.region @c "input" "hbm" 40 : tensor<4xf32>
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// The same bytes of two tiers are not the same.
// CHECK-NOT: error
// CHECK: rdu.region @b "weight" "ddr" 0 : tensor<8xf32>
rdu.region @a "weight" "hbm" 0 : tensor<8xf32>
rdu.region @b "weight" "ddr" 0 : tensor<8xf32>
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// What is launched is planned for the machine: units have one task each and exist.
// CHECK: PCU 5 belongs to 'a' and to 'b'
dataflow.kernel @k() {
  dataflow.stage "a" firings 1 periods [] periods [] attributes {ii = 1, latency = 1, pcus = 6, pcu_first = 0} {
    dataflow.yield
  }
  dataflow.stage "b" firings 1 periods [] periods [] attributes {ii = 1, latency = 1, pcus = 2, pcu_first = 5} {
    dataflow.yield
  }
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: PCU 7 of a machine with 4
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 4}>} {
  dataflow.kernel @k() {
    dataflow.stage "a" firings 1 periods [] periods [] attributes {ii = 1, latency = 1, pcus = 6, pcu_first = 2} {
      dataflow.yield
    }
  }
  rdu.schedule @step inputs [] outputs [] {
  ^bb0:
  }
}

// -----
// CHECK: a has no pcu_first; run allocate-units, schedule-stages and place-units first
dataflow.kernel @k() {
  dataflow.stage "a" firings 1 periods [] periods [] attributes {ii = 1, latency = 1, pcus = 6} {
    dataflow.yield
  }
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: PMU 1 belongs to 'a' and to 'b'
dataflow.kernel @k(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %a = dataflow.channel 1 {pmus = 2, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 1, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a, %b {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
  dataflow.store %b result 1 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// A channel in a FIFO takes no PMU, so it may have the number of another one's.
// CHECK-NOT: error
// CHECK: dataflow.channel 1 {pmus = 0 : i64, pmu_first = 1 : i64
dataflow.kernel @k(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %a = dataflow.channel 1 {pmus = 2, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 1, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a, %b {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
  dataflow.store %b result 1 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// Without launch commands a module is no program, and its kernels need not be planned.
// CHECK-NOT: error
// CHECK: dataflow.channel 1 {pmus = 1 : i64, pmu_first = 1 : i64
dataflow.kernel @k(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %a = dataflow.channel 1 {pmus = 2, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 1, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a, %b {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>, !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
  dataflow.store %b result 1 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}

// -----
// Nothing is faster than its units can be: the 128 bytes of a tile take a port of 64 bytes 2 cycles.
// CHECK: stage 's': an II of 1 cycles; its body and its ports take 2 at least (inputs 2, compute 1, outputs 2)
dataflow.kernel @k(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 50, hops = 2} : !dataflow.channel<tensor<4x8xf32>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 51, hops = 3} : !dataflow.channel<tensor<4x8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<4x8xf32> -> !dataflow.channel<tensor<4x8xf32>>
  dataflow.stage "s" firings 1 ins(%a : !dataflow.channel<tensor<4x8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<4x8xf32>>) periods [1] attributes {ii = 1, latency = 50, pcus = 1, pcu_first = 50} {
  ^bb0(%c: tensor<4x8xf32>):
    %d = nn.silu %c : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dataflow.yield %d : tensor<4x8xf32>
  }
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<4x8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: stage 's': a latency of 49 cycles; its body and its ports take 50 at least (II 2, held inputs 0, late outputs 0, pipeline 48)
dataflow.kernel @k(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 50, hops = 2} : !dataflow.channel<tensor<4x8xf32>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 51, hops = 3} : !dataflow.channel<tensor<4x8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<4x8xf32> -> !dataflow.channel<tensor<4x8xf32>>
  dataflow.stage "s" firings 1 ins(%a : !dataflow.channel<tensor<4x8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<4x8xf32>>) periods [1] attributes {ii = 2, latency = 49, pcus = 1, pcu_first = 50} {
  ^bb0(%c: tensor<4x8xf32>):
    %d = nn.silu %c : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dataflow.yield %d : tensor<4x8xf32>
  }
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<4x8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// PMU 50 lies in the third column, two hops from the edge.
// CHECK: %a has 1 hops; its places take 2 at least
dataflow.kernel @k(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 50, hops = 1} : !dataflow.channel<tensor<4x8xf32>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 51, hops = 3} : !dataflow.channel<tensor<4x8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<4x8xf32> -> !dataflow.channel<tensor<4x8xf32>>
  dataflow.stage "s" firings 1 ins(%a : !dataflow.channel<tensor<4x8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<4x8xf32>>) periods [1] attributes {ii = 2, latency = 50, pcus = 1, pcu_first = 50} {
  ^bb0(%c: tensor<4x8xf32>):
    %d = nn.silu %c : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dataflow.yield %d : tensor<4x8xf32>
  }
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<4x8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// Slower is a choice.
// CHECK-NOT: error
// CHECK: attributes {ii = 3 : i64, latency = 500 : i64
dataflow.kernel @k(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 50, hops = 7} : !dataflow.channel<tensor<4x8xf32>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 51, hops = 3} : !dataflow.channel<tensor<4x8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<4x8xf32> -> !dataflow.channel<tensor<4x8xf32>>
  dataflow.stage "s" firings 1 ins(%a : !dataflow.channel<tensor<4x8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<4x8xf32>>) periods [1] attributes {ii = 3, latency = 500, pcus = 1, pcu_first = 50} {
  ^bb0(%c: tensor<4x8xf32>):
    %d = nn.silu %c : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dataflow.yield %d : tensor<4x8xf32>
  }
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : !dataflow.channel<tensor<4x8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// Channels fit: 129 tiles of 4096 bytes are one too many for a PMU of 512 KiB, 129 of 4 for a FIFO of 512 bytes.
// CHECK: 129 tiles take 528384 bytes, 1 PMUs hold 524288
dataflow.kernel @k(%x: tensor<1024xf32>) -> tensor<1024xf32> {
  %a = dataflow.channel 129 {pmus = 1, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1024xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<1024xf32> -> !dataflow.channel<tensor<1024xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<1024xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: 129 tiles take 516 bytes, 0 PMUs hold 512
dataflow.kernel @k(%x: tensor<1xf32>) -> tensor<1xf32> {
  %a = dataflow.channel 129 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<1xf32> -> !dataflow.channel<tensor<1xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<1xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: %a has no pmus; run allocate-units and place-units first
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: %a has no hops; run allocate-units and place-units first
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: a has no latency; run allocate-units, schedule-stages and place-units first
dataflow.kernel @k() {
  dataflow.stage "a" firings 1 periods [] periods [] attributes {ii = 1, pcus = 1, pcu_first = 0} {
    dataflow.yield
  }
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// Streams have a walk, with a stride per dimension of the tile; a tile of a cache is written as [batch, heads, head_dim].
// CHECK: dataflow.store has no rdu.walk; run convert-dataflow-to-rdu first
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: 2 strides for a tile of rank 1
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4, 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// 8 elements are two tiles of 3 and one of 2: a walk of three whole tiles would read one behind the end.
// CHECK: the last tile of a walk is like the others, that of its stream is (2,)
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<3xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 3, tile_stride = 12, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<3xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 3, tile_stride = 12, start = 0, pass_stride = 0, strides = array<i64: 4>, last = array<i64: 2>}>} : !dataflow.channel<tensor<3xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: 2 strides for a tile of rank 3
dataflow.kernel @k(%x: tensor<1x8xf32>, %y: memref<1x2x9x4xf32>, %p: tensor<i32>) -> tensor<1x2x9x4xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x2x9x4xf32>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
  dataflow.store %a into %y : memref<1x2x9x4xf32> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4, 4>, position_stride = 16}>} : !dataflow.channel<tensor<1x8xf32>>
  dataflow.load %y to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 16, 4>, positions_per_tile = 9}>} : memref<1x2x9x4xf32> -> !dataflow.channel<tensor<1x2x9x4xf32>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 16, 4>}>} : !dataflow.channel<tensor<1x2x9x4xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK-NOT: error
// CHECK: positions_per_tile = 9 : i64
dataflow.kernel @k(%x: tensor<1x8xf32>, %y: memref<1x2x9x4xf32>, %p: tensor<i32>) -> tensor<1x2x9x4xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x2x9x4xf32>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
  dataflow.store %a into %y : memref<1x2x9x4xf32> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 4>, position_stride = 16}>} : !dataflow.channel<tensor<1x8xf32>>
  dataflow.load %y to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 16, 4>, positions_per_tile = 9}>} : memref<1x2x9x4xf32> -> !dataflow.channel<tensor<1x2x9x4xf32>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 16, 4>}>} : !dataflow.channel<tensor<1x2x9x4xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: a walk of 2 tiles for a stream of 4
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 2, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<2xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<2xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: give `at` and `position_stride` together
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>, position_stride = 16}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// A walk by index says where slots lie, and how they are cut.
// CHECK: slots, slots_per_tile and tiles_per_slot of a walk are (None, None, None), those of its stream (2, 1, 4)
dataflow.kernel @k(%w: tensor<4x8xf32>, %i: tensor<2xi32>) -> tensor<16xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xf32>>
  dataflow.load %i to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.load %w by %a along 0 to %b {rdu.walk = #rdu.walk<{tiles = 8, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<4x8xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2xf32>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 8, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<2xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: slots, slots_per_tile and tiles_per_slot of a walk are (2, 2, 8), those of its stream (2, 1, 4)
dataflow.kernel @k(%w: tensor<4x8xf32>, %i: tensor<2xi32>) -> tensor<16xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xf32>>
  dataflow.load %i to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.load %w by %a along 0 to %b {rdu.walk = #rdu.walk<{tiles = 8, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>, slots = 2, slot_stride = 32, slots_per_tile = 2, tiles_per_slot = 8}>} : tensor<4x8xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2xf32>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 8, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<2xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: give `by` of a stream and `slot_stride` of its walk together
dataflow.kernel @k(%w: tensor<4x8xf32>, %i: tensor<2xi32>) -> tensor<16xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xf32>>
  dataflow.load %i to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.load %w by %a along 0 to %b {rdu.walk = #rdu.walk<{tiles = 8, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>, slots = 2, slots_per_tile = 1, tiles_per_slot = 4}>} : tensor<4x8xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2xf32>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 8, tile_stride = 8, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<2xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: give `after`, `position` and `positions_per_tile` together
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>, positions_per_tile = 8}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: positions_per_tile is 0; the least is 1
dataflow.kernel @k(%x: tensor<1x8xf32>, %y: memref<1x2x9x4xf32>, %p: tensor<i32>) -> tensor<1x2x9x4xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xf32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x2x9x4xf32>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 32, 4>}>} : tensor<1x8xf32> -> !dataflow.channel<tensor<1x8xf32>>
  dataflow.store %a into %y : memref<1x2x9x4xf32> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 4>, position_stride = 16}>} : !dataflow.channel<tensor<1x8xf32>>
  dataflow.load %y to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 16, 4>, positions_per_tile = 0}>} : memref<1x2x9x4xf32> -> !dataflow.channel<tensor<1x2x9x4xf32>>
  dataflow.store %b result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 288, 144, 16, 4>}>} : !dataflow.channel<tensor<1x2x9x4xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// A walk has all its numbers and no others.
// CHECK: a walk needs `pass_stride`
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: a walk has no number 'steps'
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>, steps = 1}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: tiles of a walk is "many", not an integer
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = "many", tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// CHECK: a walk needs `strides`, an array of bytes
dataflow.kernel @k(%x: tensor<8xf32>) -> tensor<8xf32> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<8xf32>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = 4}>} : tensor<8xf32> -> !dataflow.channel<tensor<8xf32>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 4>}>} : !dataflow.channel<tensor<8xf32>>
}
rdu.schedule @step inputs [] outputs [] {
^bb0:
}

// -----
// The launch is a list of commands whose names exist.
// CHECK: nn.get_global in a launch schedule; only launch commands stand there
nn.weight @w : tensor<8xf32>
rdu.schedule @step inputs [] outputs [] {
  %w = nn.get_global @w : tensor<8xf32>
}

// -----
// CHECK: 'rdu.execute' expects parent op 'rdu.schedule'
rdu.execute @k

// -----
// CHECK: @x is no dataflow.kernel of this module
rdu.region @x "input" "hbm" 0 : tensor<8xf32>
rdu.schedule @step inputs [] outputs [] {
  rdu.load_program @x
}

// -----
// CHECK: @k is no region of this module
dataflow.kernel @k() {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.observe @k as "k"
}

// -----
// CHECK: @x is no region of this module
rdu.schedule @step inputs [@x] outputs [] {
  ^bb0:
}

// -----
// CHECK: @y is no region of this module
rdu.schedule @step inputs [] outputs [@y] {
  ^bb0:
}

// -----
// CHECK: input @w is a region of kind 'weight'; the caller fills an 'input'
rdu.region @w "weight" "hbm" 0 : tensor<8xf32>
rdu.schedule @step inputs [@w] outputs [] {
  ^bb0:
}

// -----
// An argument load sets all addresses, inside their regions: @k works on 32 bytes.
// CHECK: 0 arguments for @k, which takes 1
dataflow.kernel @k(%x: tensor<8xf32>) {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [] offsets []
}

// -----
// CHECK: 2 offsets for 1 arguments
rdu.region @x "input" "hbm" 0 : tensor<8xf32>
dataflow.kernel @k(%x: tensor<8xf32>) {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [@x] offsets [0, 0]
}

// -----
// CHECK: @x::@y is no flat name
rdu.region @x "input" "hbm" 0 : tensor<8xf32>
dataflow.kernel @k(%x: tensor<8xf32>) {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [@x::@y] offsets [0]
}

// -----
// CHECK: @y is no region of this module
dataflow.kernel @k(%x: tensor<8xf32>) {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [@y] offsets [0]
}

// -----
// CHECK: @k works on bytes 4 to 36 of @x, which has 32
rdu.region @x "input" "hbm" 0 : tensor<8xf32>
dataflow.kernel @k(%x: tensor<8xf32>) {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [@x] offsets [4]
}

// -----
// CHECK: @k works on bytes -4 to 28 of @x, which has 32
rdu.region @x "input" "hbm" 0 : tensor<8xf32>
dataflow.kernel @k(%x: tensor<8xf32>) {
}
rdu.schedule @step inputs [] outputs [] {
  rdu.load_arguments @k [@x] offsets [-4]
}
