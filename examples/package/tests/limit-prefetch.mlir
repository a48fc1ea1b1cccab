// RUN: kl-opt %s -p "mine-limit-prefetch{most=4}" | filecheck %s

// Streams from memory become as deep as is said; what is less deep stays, and so does what stages fill.
dataflow.kernel @limited(%x: tensor<8x64xbf16>, %w: tensor<8x64xbf16>) -> tensor<8x64xbf16> {
  %0 = dataflow.channel 8 : !dataflow.channel<tensor<1x64xbf16>>
  %1 = dataflow.channel 2 : !dataflow.channel<tensor<1x64xbf16>>
  %2 = dataflow.channel 8 : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %x to %0 : tensor<8x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %w to %1 : tensor<8x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.stage "add" firings 8 ins(%0, %1 : !dataflow.channel<tensor<1x64xbf16>>, !dataflow.channel<tensor<1x64xbf16>>) periods [1, 1] outs(%2 : !dataflow.channel<tensor<1x64xbf16>>) periods [1] {
  ^bb0(%3: tensor<1x64xbf16>, %4: tensor<1x64xbf16>):
    %5 = nn.add %3, %4 : (tensor<1x64xbf16>, tensor<1x64xbf16>) -> tensor<1x64xbf16>
    dataflow.yield %5 : tensor<1x64xbf16>
  }
  dataflow.store %2 result 0 : !dataflow.channel<tensor<1x64xbf16>>
}
// CHECK-LABEL: dataflow.kernel @limited
// CHECK:         dataflow.channel 4
// CHECK:         dataflow.channel 2
// CHECK:         dataflow.channel 8
