// What planning has left open has no form on the machine.
// RUN: kl-opt %s -p convert-dataflow-to-rdu --split-input-file --verify-diagnostics | filecheck %s

// CHECK: @w has no address; run plan-memory first
kernel.schedule @step() attributes {addresses = array<i64>} {
  kernel.return
}
nn.weight @w : tensor<8xbf16>

// -----
// CHECK: kernel.schedule needs 1 addresses; run plan-memory first
kernel.schedule @step(%x: tensor<8xbf16>) {
  kernel.return
}

// -----
// CHECK: kernel.call needs 1 addresses; run plan-memory first
dataflow.kernel @copy(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}
kernel.schedule @step(%x: tensor<8xbf16>) attributes {addresses = array<i64: 0>} {
  %y = kernel.call @copy(%x) {addresses = array<i64: 256, 512>} : (tensor<8xbf16>) -> tensor<8xbf16>
  kernel.return
}

// -----
// CHECK: %a has no pmus; run allocate-units and place-units first
dataflow.kernel @copy(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: %a has no hops; run allocate-units and place-units first
dataflow.kernel @copy(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0} : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: none has no ii; run allocate-units, schedule-stages and place-units first
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] attributes {pcus = 1, pcu_first = 0} {
    dataflow.yield
  }
}

// -----
// A load that waits for an append must be cut along the positions, the last dimension but one; here it is cut along heads.
// CHECK: a gated load is tiled along axis 1; its positions lie along axis 2
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x1x16x4xbf16>>
  %t = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 0} : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x1x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x1x16x4xbf16>>
}
