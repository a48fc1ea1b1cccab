// RUN: kl-opt %s -p schedule-loop --split-input-file --verify-diagnostics | filecheck %s

// CHECK: @unscheduled has stages without schedule; run schedule-stages first
dataflow.kernel @unscheduled(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%c: tensor<1x8xbf16>):
    %d = nn.silu %c : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %d : tensor<1x8xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// A schedule by hand is believed as far as units can keep it.
// CHECK: stage 'silu': an II of 1 cycles; its body and its ports take 2 at least (inputs 2, compute 1, outputs 2)
dataflow.kernel @fast(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<4x8xf32>>
  %b = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<4x8xf32>>
  dataflow.load %x to %a : tensor<4x8xf32> -> !dataflow.channel<tensor<4x8xf32>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<4x8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<4x8xf32>>) periods [1] attributes {ii = 1, latency = 60, pcus = 1} {
  ^bb0(%c: tensor<4x8xf32>):
    %d = nn.silu %c : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dataflow.yield %d : tensor<4x8xf32>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<4x8xf32>>
}

// -----
// What is slower is kept, and the loop is as slow.
// CHECK-NOT: error
// CHECK: dataflow.kernel @slow({{.*}} latency = 1321 : i64
// CHECK: attributes {ii = 50 : i64, latency = 999 : i64
dataflow.kernel @slow(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<4x8xf32>>
  %b = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<4x8xf32>>
  dataflow.load %x to %a : tensor<4x8xf32> -> !dataflow.channel<tensor<4x8xf32>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<4x8xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<4x8xf32>>) periods [1] attributes {ii = 50, latency = 999, pcus = 1} {
  ^bb0(%c: tensor<4x8xf32>):
    %d = nn.silu %c : (tensor<4x8xf32>) -> tensor<4x8xf32>
    dataflow.yield %d : tensor<4x8xf32>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<4x8xf32>>
}
