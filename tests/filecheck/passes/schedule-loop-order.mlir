// RUN: not kl-opt %s -p schedule-loop 2>&1 | filecheck %s
// Units stand behind what makes, in their iteration, what they take.
// CHECK: error: dataflow.store takes %b in front of what puts tiles into it
// CHECK: help: let units stand in program order
dataflow.kernel @swapped(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {ii = 1, latency = 2} {
  ^bb0(%c: tensor<1x8xbf16>):
    %d = nn.silu %c : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %d : tensor<1x8xbf16>
  }
}
