// RUN: kl-opt %s -p "schedule-stages" | filecheck %s

// Products of 32-bit numbers take twice as long as those of 16 bits: 2 * 64 * 64 * 512 FLOPs on 8 PCUs are 1366 cycles
// at 384 a cycle and 2731 at 192. Dequantized ones run as what they are widened to, with a product more for each number.
// CHECK: dataflow.stage "narrow" {{.*}} ii = 1366 : i64
// CHECK: dataflow.stage "wide" {{.*}} ii = 2731 : i64
// CHECK: dataflow.stage "stored" {{.*}} ii = 1376 : i64
// CHECK: dataflow.stage "stored_wide" {{.*}} ii = 2742 : i64
dataflow.kernel @products(%x: tensor<64x64xbf16>, %w: tensor<64x512xbf16>, %u: tensor<64x512xf32>, %c: tensor<64x512xi8>, %s: tensor<1x1xf32>) {
  %a = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x64xbf16>>
  %b = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x512xbf16>>
  %d = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x64xbf16>>
  %e = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x512xf32>>
  %f = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x64xbf16>>
  %g = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x512xi8>>
  %h = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<1x1xf32>>
  %i = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x64xbf16>>
  %j = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<64x512xi8>>
  %k = dataflow.channel 1 {pmus = 1024 : i64} : !dataflow.channel<tensor<1x1xf32>>
  dataflow.load %x to %a, %d, %f, %i : tensor<64x64xbf16> -> !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x64xbf16>>
  dataflow.load %w to %b : tensor<64x512xbf16> -> !dataflow.channel<tensor<64x512xbf16>>
  dataflow.load %u to %e : tensor<64x512xf32> -> !dataflow.channel<tensor<64x512xf32>>
  dataflow.load %c to %g, %j : tensor<64x512xi8> -> !dataflow.channel<tensor<64x512xi8>>, !dataflow.channel<tensor<64x512xi8>>
  dataflow.load %s to %h, %k : tensor<1x1xf32> -> !dataflow.channel<tensor<1x1xf32>>, !dataflow.channel<tensor<1x1xf32>>
  dataflow.stage "narrow" firings 1 ins(%a, %b : !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x512xbf16>>) periods [1, 1] periods [] attributes {pcus = 8 : i64} {
  ^bb0(%0: tensor<64x64xbf16>, %1: tensor<64x512xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<64x64xbf16>, tensor<64x512xbf16>) -> tensor<64x512xbf16>
    dataflow.yield
  }
  dataflow.stage "wide" firings 1 ins(%d, %e : !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x512xf32>>) periods [1, 1] periods [] attributes {pcus = 8 : i64} {
  ^bb0(%0: tensor<64x64xbf16>, %1: tensor<64x512xf32>):
    %2 = nn.matmul %0, %1 : (tensor<64x64xbf16>, tensor<64x512xf32>) -> tensor<64x512xbf16>
    dataflow.yield
  }
  dataflow.stage "stored" firings 1 ins(%f, %g, %h : !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x512xi8>>, !dataflow.channel<tensor<1x1xf32>>) periods [1, 1, 1] periods [] attributes {pcus = 8 : i64} {
  ^bb0(%0: tensor<64x64xbf16>, %1: tensor<64x512xi8>, %2: tensor<1x1xf32>):
    %3 = nn.dequantize %1, %2 {format = "i8", block = array<i64: 64, 512>} : (tensor<64x512xi8>, tensor<1x1xf32>) -> tensor<64x512xbf16>
    %4 = nn.matmul %0, %3 : (tensor<64x64xbf16>, tensor<64x512xbf16>) -> tensor<64x512xbf16>
    dataflow.yield
  }
  dataflow.stage "stored_wide" firings 1 ins(%i, %j, %k : !dataflow.channel<tensor<64x64xbf16>>, !dataflow.channel<tensor<64x512xi8>>, !dataflow.channel<tensor<1x1xf32>>) periods [1, 1, 1] periods [] attributes {pcus = 8 : i64} {
  ^bb0(%0: tensor<64x64xbf16>, %1: tensor<64x512xi8>, %2: tensor<1x1xf32>):
    %3 = nn.dequantize %1, %2 {format = "i8", block = array<i64: 64, 512>} : (tensor<64x512xi8>, tensor<1x1xf32>) -> tensor<64x512xf32>
    %4 = nn.matmul %0, %3 : (tensor<64x64xbf16>, tensor<64x512xf32>) -> tensor<64x512xbf16>
    dataflow.yield
  }
}
