// RUN: kl-opt %s -p "plan-memory{spill=true}" --split-input-file | filecheck %s
// RUN: kl-opt %s -p "plan-memory{spill=true},plan-memory{spill=true}" --split-input-file | filecheck %s

// HBM has 5120 bytes. The table (8192 bytes, of which a step gathers one row of 64) and @wide (2048, read by one call) do
// not fit with the rest, the table costs least. DDR has addresses of its own; @narrow, read by two calls, stays.
// CHECK: nn.weight @table : tensor<128x32xbf16> {address = 0 : i64, tier = "ddr"}
// CHECK-NEXT: nn.weight @narrow : tensor<32x16xbf16> {address = 0 : i64}
// CHECK-NEXT: nn.weight @wide : tensor<32x32xbf16> {address = 1024 : i64}
// CHECK: kernel.schedule @step({{.*}}) -> {{.*}} attributes {addresses = array<i64: 3072>} {
// CHECK: kernel.call @rows(%ids, %table) {addresses = array<i64: 3328>}
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 5120}>} {
  nn.weight @table : tensor<128x32xbf16>
  nn.weight @narrow : tensor<32x16xbf16>
  nn.weight @wide : tensor<32x32xbf16>
  dataflow.kernel @rows(%ids: tensor<1xi32>, %table: tensor<128x32xbf16>) -> tensor<1x32xbf16> {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1xi32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
    dataflow.load %ids to %a : tensor<1xi32> -> !dataflow.channel<tensor<1xi32>>
    dataflow.gather %table by %a to %b : tensor<128x32xbf16>, !dataflow.channel<tensor<1xi32>> -> !dataflow.channel<tensor<1x32xbf16>>
    dataflow.store %b result 0 : !dataflow.channel<tensor<1x32xbf16>>
  }
  kernel.func @project(%x: tensor<1x32xbf16>, %w: tensor<32x32xbf16>, %n: tensor<32x16xbf16>) -> tensor<1x16xbf16> {
    %y = nn.matmul %x, %w : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
    %z = nn.matmul %y, %n : (tensor<1x32xbf16>, tensor<32x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %z : tensor<1x16xbf16>
  }
  kernel.schedule @step(%ids: tensor<1xi32>) -> tensor<1x16xbf16> {
    %table = nn.get_global @table : tensor<128x32xbf16>
    %x = kernel.call @rows(%ids, %table) : (tensor<1xi32>, tensor<128x32xbf16>) -> tensor<1x32xbf16>
    %w = nn.get_global @wide : tensor<32x32xbf16>
    %n = nn.get_global @narrow : tensor<32x16xbf16>
    %y = kernel.call @project(%x, %w, %n) : (tensor<1x32xbf16>, tensor<32x32xbf16>, tensor<32x16xbf16>) -> tensor<1x16xbf16>
    kernel.return %y : tensor<1x16xbf16>
  }
}

// -----
// The parts of a stack go together, in its order. A step reads 512 bytes of them; of the cache, as large as both, it reads
// 512 bytes and writes the 256 of a position. HBM keeps the cache, the inputs and the result of the call.
// CHECK: nn.weight @b : tensor<128xbf16> {address = 256 : i64, tier = "ddr"}
// CHECK-NEXT: nn.weight @a : tensor<128xbf16> {address = 0 : i64, tier = "ddr"}
// CHECK-NEXT: nn.state @k : memref<1x1x2x128xbf16> {address = 0 : i64}
// CHECK: kernel.schedule @step({{.*}}) attributes {addresses = array<i64: 512, 768>} {
// CHECK: kernel.call @append(%x, %k, %p) {addresses = array<i64: 1024>}
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 1536}>} {
  nn.weight @b : tensor<128xbf16>
  nn.weight @a : tensor<128xbf16>
  nn.state @k : memref<1x1x2x128xbf16>
  dataflow.kernel @append(%x: tensor<1x128xbf16>, %k: memref<1x1x2x128xbf16>, %p: tensor<i32>) -> tensor<1x1x2x128xbf16> {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1x128xbf16>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1x2x128xbf16>>
    %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
    dataflow.load %x to %a : tensor<1x128xbf16> -> !dataflow.channel<tensor<1x128xbf16>>
    dataflow.store %a into %k : memref<1x1x2x128xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x128xbf16>>
    dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> : memref<1x1x2x128xbf16> -> !dataflow.channel<tensor<1x1x2x128xbf16>>
    dataflow.store %b result 0 : !dataflow.channel<tensor<1x1x2x128xbf16>>
  }
  kernel.func @two(%s: tensor<2x128xbf16>) {
    kernel.return
  }
  kernel.schedule @step(%x: tensor<1x128xbf16>, %p: tensor<i32>) {
    %a = nn.get_global @a : tensor<128xbf16>
    %b = nn.get_global @b : tensor<128xbf16>
    %s = kernel.stack %a, %b : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
    kernel.call @two(%s) : (tensor<2x128xbf16>) -> ()
    %k = nn.get_global @k : memref<1x1x2x128xbf16>
    %y = kernel.call @append(%x, %k, %p) : (tensor<1x128xbf16>, memref<1x1x2x128xbf16>, tensor<i32>) -> tensor<1x1x2x128xbf16>
    kernel.return
  }
}

// -----
// Where all fits, nothing is spilled.
// CHECK: nn.weight @w : tensor<128xbf16> {address = 0 : i64}
// CHECK-NOT: tier
nn.weight @w : tensor<128xbf16>
kernel.schedule @step(%p: tensor<i32>) {
  kernel.return
}
