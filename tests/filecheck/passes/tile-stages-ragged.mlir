// RUN: kl-opt %s -p "tile-stages{tile-bytes=512 least-tiles=4 least-run-bytes=2}" --split-input-file | filecheck %s
// RUN: kl-opt %s -p "tile-stages{tile-bytes=512 least-tiles=4 least-run-bytes=16}" --split-input-file | filecheck %s --check-prefix=RUNS

// Extents that are prime: 37 columns are 9 tiles of 4 and one of 1 with zeros behind it; what follows fires as often,
// and the norm gathers 10 tiles of 4 and trims them to 37. Where runs are to have 16 bytes, tiles have 8 columns.
// CHECK-LABEL: dataflow.kernel @chain
// CHECK: %b = dataflow.channel 1 : !dataflow.channel<tensor<64x4xbf16>>
// CHECK: dataflow.load %w to %b : tensor<64x37xbf16> -> !dataflow.channel<tensor<64x4xbf16>>
// CHECK-NEXT: dataflow.stage "matmul" firings 10 ins(%a, %b : {{.*}}) periods [10, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] {
// CHECK: dataflow.stage "silu" firings 10 ins(%c : {{.*}}) periods [1] outs(%d : {{.*}}) periods [1] {
// CHECK: dataflow.stage "norm" firings 1 ins(%d, %g : !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<37xbf16>>) periods [1, 1] outs(%e : !dataflow.channel<tensor<1x37xbf16>>) periods [1] {
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x37xbf16>, {{.*}}: tensor<37xbf16>):
// RUNS-LABEL: dataflow.kernel @chain
// RUNS: dataflow.stage "matmul" firings 5 ins(%a, %b : {{.*}}, !dataflow.channel<tensor<64x8xbf16>>)
dataflow.kernel @chain(%x: tensor<1x64xbf16>, %w: tensor<64x37xbf16>, %n: tensor<37xbf16>) -> tensor<1x37xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<64x37xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x37xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x37xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x37xbf16>>
  %g = dataflow.channel 1 : !dataflow.channel<tensor<37xbf16>>
  dataflow.load %x to %a : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %w to %b : tensor<64x37xbf16> -> !dataflow.channel<tensor<64x37xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x64xbf16>>, !dataflow.channel<tensor<64x37xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x37xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x64xbf16>, %1: tensor<64x37xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x64xbf16>, tensor<64x37xbf16>) -> tensor<1x37xbf16>
    dataflow.yield %2 : tensor<1x37xbf16>
  }
  dataflow.stage "silu" firings 1 ins(%c : !dataflow.channel<tensor<1x37xbf16>>) periods [1] outs(%d : !dataflow.channel<tensor<1x37xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x37xbf16>):
    %1 = nn.silu %0 : (tensor<1x37xbf16>) -> tensor<1x37xbf16>
    dataflow.yield %1 : tensor<1x37xbf16>
  }
  dataflow.load %n to %g : tensor<37xbf16> -> !dataflow.channel<tensor<37xbf16>>
  dataflow.stage "norm" firings 1 ins(%d, %g : !dataflow.channel<tensor<1x37xbf16>>, !dataflow.channel<tensor<37xbf16>>) periods [1, 1] outs(%e : !dataflow.channel<tensor<1x37xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x37xbf16>, %1: tensor<37xbf16>):
    %2 = nn.rms_norm %0, %1 eps 1.0e-05 : (tensor<1x37xbf16>, tensor<37xbf16>) -> tensor<1x37xbf16>
    dataflow.yield %2 : tensor<1x37xbf16>
  }
  dataflow.store %e result 0 : !dataflow.channel<tensor<1x37xbf16>>
}

// -----
// 19 positions are 3 tiles of 5 and one of 4. Probabilities have a zero behind the last one, values zeros: a sum in
// order stays as it is.
// CHECK-LABEL: dataflow.kernel @attend
// CHECK: dataflow.load %c to %k : memref<1x2x19x4xbf16> -> !dataflow.channel<tensor<1x2x5x4xbf16>>
// CHECK-NEXT: dataflow.stage "scores" firings 4 ins(%q, %k : {{.*}}) periods [4, 1] outs(%s : !dataflow.channel<tensor<1x2x5xf32>>) periods [1] {
// CHECK: dataflow.stage "softmax" firings 1 ins(%s, %p : {{.*}}) periods [1, 1] outs(%r : !dataflow.channel<tensor<1x2x19xf32>>) periods [1] {
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x2x19xf32>, {{.*}}: tensor<i32>):
// CHECK: dataflow.stage "values" firings 4 ins(%r, %v : !dataflow.channel<tensor<1x2x19xf32>>, !dataflow.channel<tensor<1x2x5x4xbf16>>) periods [4, 1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [4] {
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x2x5xf32>, {{.*}}: tensor<1x2x5x4xbf16>, {{.*}}: tensor<1x8xf64>):
dataflow.kernel @attend(%x: tensor<1x8xbf16>, %c: memref<1x2x19x4xbf16>, %at: tensor<i32>) -> tensor<1x8xbf16> {
  %q = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %k = dataflow.channel 1 : !dataflow.channel<tensor<1x2x19x4xbf16>>
  %s = dataflow.channel 1 : !dataflow.channel<tensor<1x2x19xf32>>
  %p = dataflow.channel 1 : !dataflow.channel<tensor<i32>>
  %r = dataflow.channel 1 : !dataflow.channel<tensor<1x2x19xf32>>
  %v = dataflow.channel 1 : !dataflow.channel<tensor<1x2x19x4xbf16>>
  %o = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %q : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %c to %k : memref<1x2x19x4xbf16> -> !dataflow.channel<tensor<1x2x19x4xbf16>>
  dataflow.stage "scores" firings 1 ins(%q, %k : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x2x19x4xbf16>>) periods [1, 1] outs(%s : !dataflow.channel<tensor<1x2x19xf32>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<1x2x19x4xbf16>):
    %2 = nn.attention_scores %0, %1 scale 0.5 : (tensor<1x8xbf16>, tensor<1x2x19x4xbf16>) -> tensor<1x2x19xf32>
    dataflow.yield %2 : tensor<1x2x19xf32>
  }
  dataflow.load %at to %p : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.stage "softmax" firings 1 ins(%s, %p : !dataflow.channel<tensor<1x2x19xf32>>, !dataflow.channel<tensor<i32>>) periods [1, 1] outs(%r : !dataflow.channel<tensor<1x2x19xf32>>) periods [1] {
  ^bb0(%0: tensor<1x2x19xf32>, %1: tensor<i32>):
    %2 = nn.attention_softmax %0, %1 : (tensor<1x2x19xf32>, tensor<i32>) -> tensor<1x2x19xf32>
    dataflow.yield %2 : tensor<1x2x19xf32>
  }
  dataflow.load %c to %v : memref<1x2x19x4xbf16> -> !dataflow.channel<tensor<1x2x19x4xbf16>>
  dataflow.stage "values" firings 1 ins(%r, %v : !dataflow.channel<tensor<1x2x19xf32>>, !dataflow.channel<tensor<1x2x19x4xbf16>>) periods [1, 1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x2x19xf32>, %1: tensor<1x2x19x4xbf16>, %2: tensor<1x8xf64>):
    %3 = nn.attention_values %0, %1, %2 : (tensor<1x2x19xf32>, tensor<1x2x19x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
    %4 = nn.cast %3 : (tensor<1x8xf64>) -> tensor<1x8xbf16>
    dataflow.yield %4, %3 : tensor<1x8xbf16>, tensor<1x8xf64>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// What is added up must have zeros where the last tile hangs over. The sigmoid of zero is none, so 19 positions
// are 19 tiles of 1 here, as no other divides them.
// CHECK-LABEL: dataflow.kernel @grown
// CHECK: dataflow.stage "values" firings 19 ins(%r, %v : !dataflow.channel<tensor<1x2x1xf32>>, !dataflow.channel<tensor<1x2x1x4xbf16>>) periods [1, 1]
dataflow.kernel @grown(%p: tensor<1x2x19xf32>, %c: memref<1x2x19x4xbf16>) -> tensor<1x8xbf16> {
  %r = dataflow.channel 1 : !dataflow.channel<tensor<1x2x19xf32>>
  %v = dataflow.channel 1 : !dataflow.channel<tensor<1x2x19x4xbf16>>
  %o = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %p to %r : tensor<1x2x19xf32> -> !dataflow.channel<tensor<1x2x19xf32>>
  dataflow.load %c to %v : memref<1x2x19x4xbf16> -> !dataflow.channel<tensor<1x2x19x4xbf16>>
  dataflow.stage "values" firings 1 ins(%r, %v : !dataflow.channel<tensor<1x2x19xf32>>, !dataflow.channel<tensor<1x2x19x4xbf16>>) periods [1, 1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x2x19xf32>, %1: tensor<1x2x19x4xbf16>, %2: tensor<1x8xf64>):
    %9 = nn.sigmoid %0 : (tensor<1x2x19xf32>) -> tensor<1x2x19xf32>
    %3 = nn.attention_values %9, %1, %2 : (tensor<1x2x19xf32>, tensor<1x2x19x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
    %4 = nn.cast %3 : (tensor<1x8xf64>) -> tensor<1x8xbf16>
    dataflow.yield %4, %3 : tensor<1x8xbf16>, tensor<1x8xf64>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
