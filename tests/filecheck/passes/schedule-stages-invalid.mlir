// Rates follow from the units; without them there is no schedule.
// RUN: kl-opt %s -p schedule-stages --split-input-file --verify-diagnostics | filecheck %s

// CHECK: @k has units without counts; run allocate-units first
dataflow.kernel @k(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: @k has units without counts; run allocate-units first
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] {
    dataflow.yield
  }
}
