// RUN: kl-opt %s -p "tile-stages{tile-bytes=512 least-tiles=4 least-run-bytes=2}" --split-input-file | filecheck %s
// RUN: kl-opt %s -p "tile-stages{tile-bytes=512 least-tiles=4 least-run-bytes=2},tile-stages{tile-bytes=512 least-tiles=4}" --split-input-file | filecheck %s
// RUN: kl-opt %s -p tile-stages --split-input-file | filecheck %s --check-prefix=DEFAULT
// RUN: kl-opt %s -p "tile-stages{tile-bytes=512 cache-tile-bytes=32 least-tiles=4 least-run-bytes=2}" --split-input-file | filecheck %s --check-prefix=CACHE

// A matmul is cut along the columns of its weight: 64 rows of 2 bytes are 128 bytes a column, 512 / 128 = 4 columns
// a tile, 32 / 4 = 8 tiles. Its first operand is held for all 8 firings; what follows fires as often; the norm
// needs a whole row, it gathers the 8 tiles and fires once.
// CHECK-LABEL: dataflow.kernel @chain
// CHECK: %a = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
// CHECK-NEXT: %b = dataflow.channel 1 : !dataflow.channel<tensor<64x4xbf16>>
// CHECK-NEXT: %c = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
// CHECK-NEXT: %d = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
// CHECK: dataflow.load %w to %b : tensor<64x32xbf16> -> !dataflow.channel<tensor<64x4xbf16>>
// CHECK-NEXT: dataflow.stage "matmul" firings 8 ins(%a, %b : {{.*}}) periods [8, 1] outs(%c : {{.*}}) periods [1] {
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x64xbf16>, {{.*}}: tensor<64x4xbf16>):
// CHECK-NEXT: nn.matmul {{.*}} -> tensor<1x4xbf16>
// CHECK: dataflow.stage "silu" firings 8 ins(%c : {{.*}}) periods [1] outs(%d : {{.*}}) periods [1] {
// CHECK: dataflow.stage "norm" firings 1 ins(%d, %g : !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<32xbf16>>) periods [1, 1] outs(%e : !dataflow.channel<tensor<1x32xbf16>>)
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x32xbf16>, {{.*}}: tensor<32xbf16>):
// CHECK: dataflow.store %e result 0 : !dataflow.channel<tensor<1x32xbf16>>
dataflow.kernel @chain(%x: tensor<1x64xbf16>, %w: tensor<64x32xbf16>, %n: tensor<32xbf16>) -> tensor<1x32xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<64x32xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  %g = dataflow.channel 1 : !dataflow.channel<tensor<32xbf16>>
  dataflow.load %x to %a : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %w to %b : tensor<64x32xbf16> -> !dataflow.channel<tensor<64x32xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x64xbf16>>, !dataflow.channel<tensor<64x32xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x64xbf16>, %1: tensor<64x32xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x64xbf16>, tensor<64x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %2 : tensor<1x32xbf16>
  }
  dataflow.stage "silu" firings 1 ins(%c : !dataflow.channel<tensor<1x32xbf16>>) periods [1] outs(%d : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x32xbf16>):
    %1 = nn.silu %0 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %1 : tensor<1x32xbf16>
  }
  dataflow.load %n to %g : tensor<32xbf16> -> !dataflow.channel<tensor<32xbf16>>
  dataflow.stage "norm" firings 1 ins(%d, %g : !dataflow.channel<tensor<1x32xbf16>>, !dataflow.channel<tensor<32xbf16>>) periods [1, 1] outs(%e : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x32xbf16>, %1: tensor<32xbf16>):
    %2 = nn.rms_norm %0, %1 eps 1.0e-05 : (tensor<1x32xbf16>, tensor<32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %2 : tensor<1x32xbf16>
  }
  dataflow.store %e result 0 : !dataflow.channel<tensor<1x32xbf16>>
}

// -----
// Attention is cut along the positions of the cache: 2 heads x 4 elements x 2 bytes are 16 bytes a position, 512
// allow 32 positions, the least is 4 tiles of 16 / 4 = 4. The softmax needs all scores: it gathers 4 tiles, and its
// row is sliced again for the sum, which starts at zero, adds tile by tile and comes out once, rounded.
// With at most 32 bytes for a tile of a cache it is 32 / 16 = 2 positions, so 8 tiles; weights keep theirs, above.
// CACHE-LABEL: dataflow.kernel @chain
// CACHE: dataflow.stage "matmul" firings 8
// CACHE-LABEL: dataflow.kernel @attend
// CACHE: dataflow.load %c to %k : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x2x4xbf16>>
// CACHE-NEXT: dataflow.stage "scores" firings 8
// CACHE: dataflow.stage "values" firings 8
// CHECK-LABEL: dataflow.kernel @attend
// CHECK: dataflow.load %c to %k : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x4x4xbf16>>
// CHECK-NEXT: dataflow.stage "scores" firings 4 ins(%q, %k : {{.*}}) periods [4, 1] outs(%s : !dataflow.channel<tensor<1x2x4xf32>>) periods [1] {
// CHECK: dataflow.stage "softmax" firings 1 ins(%s, %p : {{.*}}) periods [1, 1] outs(%r : !dataflow.channel<tensor<1x2x16xf32>>) periods [1] {
// CHECK: dataflow.stage "values" firings 4 ins(%r, %v : {{.*}}) periods [4, 1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [4] {
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x2x4xf32>, {{.*}}: tensor<1x2x4x4xbf16>, {{.*}}: tensor<1x8xf64>):
// CHECK: dataflow.yield {{.*}} : tensor<1x8xbf16>, tensor<1x8xf64>
dataflow.kernel @attend(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %at: tensor<i32>) -> tensor<1x8xbf16> {
  %q = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %k = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %s = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16xf32>>
  %p = dataflow.channel 1 : !dataflow.channel<tensor<i32>>
  %r = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16xf32>>
  %v = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %o = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %q : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %c to %k : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "scores" firings 1 ins(%q, %k : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%s : !dataflow.channel<tensor<1x2x16xf32>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<1x2x16x4xbf16>):
    %2 = nn.attention_scores %0, %1 scale 0.5 : (tensor<1x8xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16xf32>
    dataflow.yield %2 : tensor<1x2x16xf32>
  }
  dataflow.load %at to %p : tensor<i32> -> !dataflow.channel<tensor<i32>>
  dataflow.stage "softmax" firings 1 ins(%s, %p : !dataflow.channel<tensor<1x2x16xf32>>, !dataflow.channel<tensor<i32>>) periods [1, 1] outs(%r : !dataflow.channel<tensor<1x2x16xf32>>) periods [1] {
  ^bb0(%0: tensor<1x2x16xf32>, %1: tensor<i32>):
    %2 = nn.attention_softmax %0, %1 : (tensor<1x2x16xf32>, tensor<i32>) -> tensor<1x2x16xf32>
    dataflow.yield %2 : tensor<1x2x16xf32>
  }
  dataflow.load %c to %v : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "values" firings 1 ins(%r, %v : !dataflow.channel<tensor<1x2x16xf32>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x2x16xf32>, %1: tensor<1x2x16x4xbf16>, %2: tensor<1x8xf64>):
    %3 = nn.attention_values %0, %1, %2 : (tensor<1x2x16xf32>, tensor<1x2x16x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
    %4 = nn.cast %3 : (tensor<1x8xf64>) -> tensor<1x8xbf16>
    dataflow.yield %4, %3 : tensor<1x8xbf16>, tensor<1x8xf64>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// A carried value has the tiles of the stage that makes it, here 4 of 8 / 4 = 2 columns, from its load to its store. What is
// loaded once a call stays whole: slice f mod 4 of %h is for firing f, in all 3 x 4 firings.
// CHECK-LABEL: dataflow.kernel @looped
// CHECK: dataflow.load %x to %i {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x2xbf16>>
// CHECK-NEXT: dataflow.carry 4 init %i next %n final %f current %a : !dataflow.channel<tensor<1x2xbf16>>,
// CHECK: dataflow.stage "matmul" firings 4 ins(%a, %b : {{.*}}) periods [4, 1] outs(%c : {{.*}}) periods [1] {
// CHECK: dataflow.stage "add" firings 4 ins(%c, %h : !dataflow.channel<tensor<1x2xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 12] outs(%n :
// CHECK: dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x2xbf16>>
dataflow.kernel @looped(%x: tensor<1x8xbf16>, %w: tensor<3x8x8xbf16>, %y: tensor<1x8xbf16>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 3>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x8xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %h = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.carry 1 init %i next %n final %f current %a : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>> final !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b {start = 0, stride = 1} : tensor<3x8x8xbf16> -> !dataflow.channel<tensor<8x8xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x8xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<8x8xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %2 : tensor<1x8xbf16>
  }
  dataflow.load %y to %h {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "add" firings 1 ins(%c, %h : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>) periods [1, 3] outs(%n : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<1x8xbf16>):
    %2 = nn.add %0, %1 : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %2 : tensor<1x8xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// Tiles for a position of a cache hold whole heads, also through a carry: 8 columns are 2 heads of 4, so no more than
// 2 tiles, though 4 is the least.
// CHECK-LABEL: dataflow.kernel @heads
// CHECK: dataflow.carry 2 init %i next %n final %f current %s, %a :
// CHECK-NEXT: dataflow.store %s into %k : memref<2x1x2x16x4xbf16> at %p : tensor<i32> {start = 0 : i64, stride = 1 : i64} : !dataflow.channel<tensor<1x4xbf16>>
// CHECK: dataflow.stage "matmul" firings 2
dataflow.kernel @heads(%x: tensor<1x8xbf16>, %w: tensor<2x8x8xbf16>, %k: memref<2x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 2>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %s = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x8xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.carry 1 init %i next %n final %f current %s, %a : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>> final !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %s into %k : memref<2x1x2x16x4xbf16> at %p : tensor<i32> {start = 0, stride = 1} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b {start = 0, stride = 1} : tensor<2x8x8xbf16> -> !dataflow.channel<tensor<8x8xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x8xbf16>>) periods [1, 1] outs(%n : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<8x8xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %2 : tensor<1x8xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// A body of several operations is cut where they agree: 8 / 4 = 2 columns through the product and what follows it. A sum
// that goes from firing to firing by other means than nn.attention_values would change, so that stage stays whole.
// CHECK-LABEL: dataflow.kernel @fused
// CHECK: dataflow.stage "fused" firings 4 ins(%a, %b :
// CHECK: nn.matmul {{.*}} -> tensor<1x2xbf16>
// CHECK-NEXT: nn.gelu {{.*}} -> tensor<1x2xbf16>
// CHECK: dataflow.stage "sum" firings 1 ins(%c : !dataflow.channel<tensor<1x2xbf16>>) periods [1] outs(%d : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
// CHECK-NEXT: ^{{.*}}({{.*}}: tensor<1x8xbf16>, {{.*}}: tensor<1x8xbf16>):
dataflow.kernel @fused(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x8xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x8xbf16> -> !dataflow.channel<tensor<8x8xbf16>>
  dataflow.stage "fused" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x8xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<8x8xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    %3 = nn.gelu %2 : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %3 : tensor<1x8xbf16>
  }
  dataflow.stage "sum" firings 1 ins(%c : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%d : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<1x8xbf16>):
    %2 = nn.add %0, %1 : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %2, %2 : tensor<1x8xbf16>, tensor<1x8xbf16>
  }
  dataflow.store %d result 0 : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// A network that is cut already, here by hand, stays as it is: %b could be cut as well.
// CHECK-LABEL: dataflow.kernel @done
// CHECK: dataflow.load %w to %b : tensor<8x8xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
// CHECK-NEXT: dataflow.stage "matmul" firings 2
// CHECK: dataflow.load %w to %e : tensor<8x8xbf16> -> !dataflow.channel<tensor<8x8xbf16>>
// CHECK-NEXT: dataflow.stage "matmul" firings 1
dataflow.kernel @done(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x4xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<8x8xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x8xbf16> -> !dataflow.channel<tensor<8x4xbf16>>
  dataflow.stage "matmul" firings 2 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x4xbf16>>) periods [2, 1] outs(%c : !dataflow.channel<tensor<1x4xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<8x4xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
    dataflow.yield %2 : tensor<1x4xbf16>
  }
  dataflow.load %w to %e : tensor<8x8xbf16> -> !dataflow.channel<tensor<8x8xbf16>>
  dataflow.stage "matmul" firings 1 ins(%c, %e : !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<8x8xbf16>>) periods [1, 1] outs(%d : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8xbf16>, %1: tensor<8x8xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    dataflow.yield %2 : tensor<1x8xbf16>
  }
  dataflow.store %d result 0 : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// Memory moves 64 bytes at a time, so unless told otherwise no row of a tile is shorter: 8 tiles of 128 columns would have
// rows of 16 x 2 = 32 bytes, 4 tiles have 64. For 512 bytes a tile, without that, it is 32 tiles of 4 columns.
// CHECK-LABEL: dataflow.kernel @bursts
// CHECK: dataflow.stage "matmul" firings 32
// DEFAULT-LABEL: dataflow.kernel @bursts
// DEFAULT: dataflow.load %w to %b : tensor<64x128xbf16> -> !dataflow.channel<tensor<64x32xbf16>>
// DEFAULT-NEXT: dataflow.stage "matmul" firings 4
dataflow.kernel @bursts(%x: tensor<1x64xbf16>, %w: tensor<64x128xbf16>) -> tensor<1x128xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<64x128xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x128xbf16>>
  dataflow.load %x to %a : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %w to %b : tensor<64x128xbf16> -> !dataflow.channel<tensor<64x128xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x64xbf16>>, !dataflow.channel<tensor<64x128xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x128xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x64xbf16>, %1: tensor<64x128xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x64xbf16>, tensor<64x128xbf16>) -> tensor<1x128xbf16>
    dataflow.yield %2 : tensor<1x128xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x128xbf16>>
}

// -----
// Kernels of operations are none of this pass's business.
// CHECK: kernel.func @square
// CHECK-NEXT: nn.mul
// CHECK-NEXT: kernel.return
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
