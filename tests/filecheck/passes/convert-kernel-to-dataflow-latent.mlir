// Latent attention: keys and values are one cache, of entries [latent, rope], and values its first columns.
// RUN: kl-opt %s -p convert-kernel-to-dataflow --split-input-file | filecheck %s
// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{tile-bytes=64 least-tiles=4 least-run-bytes=1}" --split-input-file | filecheck %s --check-prefix=TILED
// RUN: kl-opt %s -p "convert-kernel-to-dataflow{shared-cache-percent=0}" --split-input-file | filecheck %s --check-prefix=TWICE

// One load feeds both, and waits for the append once; tiled, both have the tiles that the scores take.
// CHECK-LABEL: dataflow.kernel @latent
// CHECK: dataflow.store %{{.*}} into %c : memref<1x1x16x6xbf16> at %p : tensor<i32> done([[T:%[0-9]+]] :
// CHECK: dataflow.load %c to [[K:%keys]], [[V:%values]] after [[T]] : !dataflow.channel<!dataflow.token> position %p
// CHECK-NOT: dataflow.load %c
// CHECK: nn.attention_values %{{.*}}, %{{.*}}, %{{.*}} {value_dim = 4 : i64} : (tensor<1x2x16xf32>, tensor<1x1x16x6xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
// TILED-LABEL: dataflow.kernel @latent
// TILED-DAG: %keys = dataflow.channel 1 : !dataflow.channel<tensor<1x1x4x6xbf16>>
// TILED-DAG: %values = dataflow.channel 1 : !dataflow.channel<tensor<1x1x4x6xbf16>>
// TILED: dataflow.load %c to %keys, %values
// TILED: dataflow.stage "scores.a" firings 4
// TILED: dataflow.stage "values.a" firings 4
// Where SRAM may not hold the cache, it is read twice.
// TWICE-LABEL: dataflow.kernel @latent
// TWICE: dataflow.load %c to %keys after
// TWICE: dataflow.load %c to %values after
kernel.func @latent(%q: tensor<1x12xbf16>, %x: tensor<1x6xbf16>, %c: memref<1x1x16x6xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  nn.cache_append %c[%p], %x : memref<1x1x16x6xbf16>, tensor<i32>, tensor<1x6xbf16>
  %a = nn.attention %q, %c, %c, %p scale 0.5 {value_dim = 4} : (tensor<1x12xbf16>, memref<1x1x16x6xbf16>, memref<1x1x16x6xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}

// -----
// A product for each head is cut at whole heads: here of its 8 heads 2 at a time, 4 columns of x and 6 of the result.
// TILED-LABEL: dataflow.kernel @heads
// TILED: %x_1 = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
// TILED: %w_1 = dataflow.channel 1 : !dataflow.channel<tensor<4x3xbf16>>
// TILED: dataflow.stage "head_matmul.y" firings 4 {{.*}} periods [1, 1] outs
// TILED: nn.head_matmul %{{.*}}, %{{.*}} : (tensor<1x4xbf16>, tensor<4x3xbf16>) -> tensor<1x6xbf16>
kernel.func @heads(%x: tensor<1x16xbf16>, %w: tensor<16x3xbf16>) -> tensor<1x24xbf16> {
  %y = nn.head_matmul %x, %w : (tensor<1x16xbf16>, tensor<16x3xbf16>) -> tensor<1x24xbf16>
  kernel.return %y : tensor<1x24xbf16>
}
