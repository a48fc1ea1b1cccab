// RUN: kl-opt %s -p convert-dataflow-to-rdu --split-input-file | filecheck %s
// RUN: kl-opt %s -p convert-dataflow-to-rdu,convert-dataflow-to-rdu --split-input-file | filecheck %s

// Streams walk by bytes. @w is [4, 8, 16] of 2 bytes: a row is 32 bytes, 4 columns 8, a slice 256; iteration i reads slice
// 3 - i, from byte 768 downwards. A stack of results goes on by what it stores in a pass. What runs once has one pass.
// Everything else stays as it is; a result has its address behind those of the arguments.
// CHECK-LABEL: dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<4x8x16xbf16>, %o: memref<4x1x16xbf16>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 0 : i64, hops = 3 : i64} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: %b = dataflow.channel 8 {pmus = 2 : i64, pmu_first = 0 : i64, hops = 5 : i64} : !dataflow.channel<tensor<8x4xbf16>>
// CHECK: dataflow.load %x to %a, %d {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 16, 2>}>, rate = "call"} : tensor<1x8xbf16>
// CHECK-NEXT: dataflow.load %w to %b {rdu.walk = #rdu.walk<{tiles = 4 : i64, tile_stride = 8 : i64, start = 768 : i64, pass_stride = -256 : i64, strides = array<i64: 32, 2>}>, start = 3 : i64, stride = -1 : i64} : tensor<4x8x16xbf16>
// CHECK-NEXT: dataflow.stage "matmul" firings 4 ins(%a, %b : {{.*}}) periods [16, 1] outs(%c : {{.*}}) periods [1] attributes {ii = 10 : i64, latency = 58 : i64, pcus = 3 : i64, pcu_first = 1 : i64} {
// CHECK: nn.matmul
// CHECK: dataflow.store %c into %o : memref<4x1x16xbf16> {rdu.walk = #rdu.walk<{tiles = 4 : i64, tile_stride = 8 : i64, start = 0 : i64, pass_stride = 32 : i64, strides = array<i64: 32, 2>}>, start = 0 : i64, stride = 1 : i64} : {{.*}}
// CHECK-NEXT: dataflow.store %d result 0 {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 16, 2>}>, rate = "call"} : {{.*}}
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<4x8x16xbf16>, %o: memref<4x1x16xbf16>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 8 {pmus = 2, pmu_first = 0, hops = 5} : !dataflow.channel<tensor<8x4xbf16>>
  %c = dataflow.channel 4 {pmus = 0, pmu_first = 2, hops = 2} : !dataflow.channel<tensor<1x4xbf16>>
  %d = dataflow.channel 1 {pmus = 0, pmu_first = 2, hops = 2} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a, %d {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b {start = 3, stride = -1} : tensor<4x8x16xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
  dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x4xbf16>>) periods [16, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] attributes {ii = 10, latency = 58, pcus = 3, pcu_first = 1} {
  ^bb0(%e: tensor<1x8xbf16>, %f: tensor<8x4xbf16>):
    %g = nn.matmul %e, %f : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
    dataflow.yield %g : tensor<1x4xbf16>
  }
  dataflow.store %c into %o : memref<4x1x16xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.store %d result 0 {rate = "call"} : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// At a position of a cache [2, 2, 16, 4] of 2 bytes, positions are 8 bytes apart, heads 128, batches 256. A tile [2, 4]
// is one head, the next one 128 bytes further. The load waits at tile position / 4, as its tiles have 4 positions.
// CHECK-LABEL: dataflow.kernel @append
// CHECK: dataflow.store %a into %k : memref<2x2x16x4xbf16> at %p : tensor<i32> done(%t : !dataflow.channel<!dataflow.token>) {rdu.walk = #rdu.walk<{tiles = 2 : i64, tile_stride = 128 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 256, 128, 2>, position_stride = 8 : i64}>}
// CHECK: dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {rdu.walk = #rdu.walk<{tiles = 4 : i64, tile_stride = 32 : i64, start = 0 : i64, pass_stride = 0 : i64, strides = array<i64: 256, 128, 8, 2>, positions_per_tile = 4 : i64}>}
dataflow.kernel @append(%x: tensor<2x8xbf16>, %k: memref<2x2x16x4xbf16>, %p: tensor<i32>) -> tensor<2x2x16x4xbf16> {
  %a = dataflow.channel 2 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<2x4xbf16>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<2x2x4x4xbf16>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<2x8xbf16> -> !dataflow.channel<tensor<2x4xbf16>>
  dataflow.store %a into %k : memref<2x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<2x4xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> : memref<2x2x16x4xbf16> -> !dataflow.channel<tensor<2x2x4x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<2x2x4x4xbf16>>
}

// -----
// Units that stream nothing have no walk.
// CHECK-LABEL: dataflow.kernel @rows
// CHECK: dataflow.carry 1 init %i next %m final %f current %c :
// CHECK: dataflow.gather %table by %c to %n : tensor<9x2xf32>
dataflow.kernel @rows(%ids: tensor<2xi32>, %table: tensor<9x2xf32>) -> tensor<2xi32> attributes {loops = #dataflow.loops<iteration 2>} {
  %i = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %n = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2x2xf32>>
  %m = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %f = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  %c = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<2xi32>>
  dataflow.load %ids to %i {rate = "call"} : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
  dataflow.carry 1 init %i next %m final %f current %c : !dataflow.channel<tensor<2xi32>>, !dataflow.channel<tensor<2xi32>>, !dataflow.channel<tensor<2xi32>> final !dataflow.channel<tensor<2xi32>>
  dataflow.gather %table by %c to %n : tensor<9x2xf32>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<2x2xf32>>
  dataflow.stage "argmax" firings 1 ins(%n : !dataflow.channel<tensor<2x2xf32>>) periods [1] outs(%m : !dataflow.channel<tensor<2xi32>>) periods [1] attributes {ii = 1, latency = 49, pcus = 1, pcu_first = 0} {
  ^bb0(%0: tensor<2x2xf32>):
    %1 = nn.argmax %0 : (tensor<2x2xf32>) -> tensor<2xi32>
    dataflow.yield %1 : tensor<2xi32>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<2xi32>>
}

// -----
// Last tiles that hang over have the shape of what is left: 2 of 8 columns in tiles of 3; 1 of 5 heads of 4 elements in
// tiles of 2, which a position of a cache has at (0, 20 x 16, 4); 1 of 7 positions in tiles of 2.
// CHECK-LABEL: dataflow.kernel @ragged
// CHECK: dataflow.load %x {{.*}}rdu.walk = #rdu.walk<{tiles = 3 : i64, tile_stride = 12 : i64, {{.*}}last = array<i64: 1, 2>{{.*}}}>
// CHECK: dataflow.store {{.*}} result 0 {{.*}}tiles = 3 : i64, tile_stride = 12 : i64, {{.*}}last = array<i64: 1, 2>
// CHECK: dataflow.store {{.*}} at %at {{.*}}tiles = 3 : i64, tile_stride = 224 : i64, {{.*}}last = array<i64: 1, 1, 4>
// CHECK: dataflow.load %y {{.*}}tiles = 4 : i64, tile_stride = 32 : i64, {{.*}}positions_per_tile = 2 : i64{{.*}}last = array<i64: 1, 5, 1, 4>
// CHECK: dataflow.store {{.*}} result 1 {{.*}}tiles = 4 : i64, tile_stride = 32 : i64, {{.*}}last = array<i64: 1, 5, 1, 4>
dataflow.kernel @ragged(%x: tensor<1x8xf32>, %k: tensor<1x20xf32>, %y: memref<1x5x7x4xf32>, %at: tensor<i32>) -> (tensor<1x8xf32>, tensor<1x5x7x4xf32>) {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<1x3xf32>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<1x8xf32>>
  %c = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<1x5x2x4xf32>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<1x8xf32> -> !dataflow.channel<tensor<1x3xf32>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<1x3xf32>>
  dataflow.load %k to %b : tensor<1x20xf32> -> !dataflow.channel<tensor<1x8xf32>>
  dataflow.store %b into %y : memref<1x5x7x4xf32> at %at : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x8xf32>>
  dataflow.load %y to %c after %t : !dataflow.channel<!dataflow.token> position %at : tensor<i32> : memref<1x5x7x4xf32> -> !dataflow.channel<tensor<1x5x2x4xf32>>
  dataflow.store %c result 1 : !dataflow.channel<tensor<1x5x2x4xf32>>
}
kernel.schedule @step() -> () attributes {addresses = array<i64>} {
  kernel.return
}

// -----
// The launch. A program is loaded where the kernel changes; arguments have the address of their region and an offset:
// slice 3 of @w is 3 x 128 = 384 bytes behind its beginning, a stack is where its first part is. Regions are named as
// values are, in this module with a number where a name is taken; the step returns the last value.
// CHECK: rdu.region @w "weight" "hbm" 0 : tensor<4x64xbf16> from "layers.{layer}.w" {transposed, stacked}
// CHECK-NEXT: rdu.region @v0 "weight" "hbm" 512 : tensor<128xbf16>
// CHECK-NEXT: rdu.region @v1 "weight" "hbm" 768 : tensor<128xbf16>
// CHECK-NEXT: rdu.region @k "state" "hbm" 1024 : memref<64xbf16>
// CHECK-NEXT: rdu.region @x "input" "hbm" 1280 : tensor<64xbf16>
// CHECK-NEXT: rdu.region @y "value" "hbm" 1536 : memref<64xbf16>
// CHECK-NEXT: rdu.region @y_1 "value" "hbm" 1792 : memref<64xbf16>
// CHECK-NEXT: rdu.region @copy.out0 "value" "hbm" 2048 : memref<64xbf16>
// CHECK: rdu.schedule @step inputs [@x] outputs [@copy.out0, @x] {
// CHECK-NEXT: rdu.load_program @copy
// CHECK-NEXT: rdu.load_arguments @copy [@x, @y] offsets [0, 0]
// CHECK-NEXT: rdu.execute @copy
// CHECK-NEXT: rdu.load_arguments @copy [@w, @y_1] offsets [384, 0]
// CHECK-NEXT: rdu.execute @copy
// CHECK-NEXT: rdu.observe @y_1 as "hidden"
// CHECK-NEXT: rdu.load_program @none
// CHECK-NEXT: rdu.load_arguments @none [@v0, @k] offsets [0, 0]
// CHECK-NEXT: rdu.execute @none
// CHECK-NEXT: rdu.load_program @copy
// CHECK-NEXT: rdu.load_arguments @copy [@y_1, @copy.out0] offsets [0, 0]
// CHECK-NEXT: rdu.execute @copy
// CHECK-NOT: nn.
// CHECK-NOT: kernel.schedule
nn.weight @w : tensor<4x64xbf16> from "layers.{layer}.w" {transposed, stacked, address = 0}
nn.weight @v0 : tensor<128xbf16> {address = 512}
nn.weight @v1 : tensor<128xbf16> {address = 768}
nn.state @k : memref<64xbf16> {address = 1024}
dataflow.kernel @copy(%x: tensor<64xbf16>) -> tensor<64xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<64xbf16>>
  dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<64xbf16>>
}
dataflow.kernel @none(%v: tensor<2x128xbf16>, %k: memref<64xbf16>) {
}
kernel.schedule @step(%x: tensor<64xbf16>) -> (tensor<64xbf16>, tensor<64xbf16>) attributes {addresses = array<i64: 1280>} {
  %w = nn.get_global @w : tensor<4x64xbf16>
  %v0 = nn.get_global @v0 : tensor<128xbf16>
  %v1 = nn.get_global @v1 : tensor<128xbf16>
  %v = kernel.stack %v0, %v1 : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  %k = nn.get_global @k : memref<64xbf16>
  %y = kernel.call @copy(%x) {addresses = array<i64: 1536>} : (tensor<64xbf16>) -> tensor<64xbf16>
  %y_1 = kernel.call @copy[3](%w) {addresses = array<i64: 1792>} : (tensor<4x64xbf16>) -> tensor<64xbf16>
  nn.observe %y_1 as "hidden" : tensor<64xbf16>
  kernel.call @none(%v, %k) {addresses = array<i64>} : (tensor<2x128xbf16>, memref<64xbf16>) -> ()
  %0 = kernel.call @copy(%y_1) {addresses = array<i64: 2048>} : (tensor<64xbf16>) -> tensor<64xbf16>
  kernel.return %0, %x : tensor<64xbf16>, tensor<64xbf16>
}

// -----
// Units keep their rate: once a decode step, once a call; a result of the steps is written slice by slice, and a
// carry that nobody takes the last value of has no final one.
// CHECK-LABEL: dataflow.kernel @steps(
// CHECK-SAME: attributes {loops = #dataflow.loops<step 2>}
// CHECK: dataflow.load %x to %a {{{.*}}rate = "call"}
// CHECK-NEXT: dataflow.carry 1 init %a next %b current %c {rate = "step"} :
// CHECK-NEXT: dataflow.counter %p to %d :
// CHECK-NEXT: dataflow.stage "rope" firings 1 {{.*}} attributes {{{.*}}rate = "step"{{.*}}} {
// CHECK: dataflow.store %e result 0 {rdu.walk = #rdu.walk<{tiles = 1 : i64, tile_stride = 0 : i64, start = 0 : i64, pass_stride = 16 : i64, strides = array<i64: 16, 2>}>, start = 0 : i64, stride = 1 : i64, rate = "step"}
dataflow.kernel @steps(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> tensor<2x1x8xbf16> attributes {loops = #dataflow.loops<step 2>} {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %c = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<i32>>
  %e = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 1} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.carry 1 init %a next %b current %c {rate = "step"} : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.counter %p to %d : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.stage "rope" firings 1 ins(%c, %d : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<i32>>) periods [1, 1] outs(%b, %e : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 1] attributes {rate = "step", ii = 1, latency = 2, pcus = 1, pcu_first = 0} {
  ^bb0(%h: tensor<1x8xbf16>, %at: tensor<i32>):
    %y = nn.rope %h, %at {head_dim = 8, frequencies = array<f64: 1.0, 0.1, 0.01, 0.001>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
    dataflow.yield %y, %y : tensor<1x8xbf16>, tensor<1x8xbf16>
  }
  dataflow.store %e result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<1x8xbf16>>
}
