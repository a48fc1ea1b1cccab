// A ring stays one in streams; softcap goes to the stage of scores, all else to that of the softmax.
// RUN: kl-opt %s -p convert-kernel-to-dataflow --split-input-file | filecheck %s

// CHECK: dataflow.kernel @attend
// CHECK: dataflow.store {{.*}} into %c : memref<1x2x8x4xbf16> at %p : tensor<i32> done({{.*}}) {ring} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK: dataflow.store {{.*}} into %d : memref<1x2x8x4xbf16> at %p : tensor<i32> done({{.*}}) {ring} : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.load %c to {{.*}} after {{.*}} position %p : tensor<i32> {ring} : memref<1x2x8x4xbf16>
// CHECK-NEXT: dataflow.stage "scores.a"
// CHECK: nn.attention_scores %{{.*}}, %{{.*}} scale 5.000000e-01 {softcap = 2.000000e+01 : f64} :
// CHECK: dataflow.load %p to
// CHECK: dataflow.load %sinks to
// CHECK: dataflow.load %slopes to
// CHECK: dataflow.stage "softmax.a" firings 1 ins(%scores, %p{{.*}}, %sinks{{.*}}, %slopes{{.*}} :
// CHECK-NEXT: ^bb0([[S:%.*]]: tensor<1x2x8xf32>, [[P:%.*]]: tensor<i32>, [[SINKS:%.*]]: tensor<2xbf16>, [[SLOPES:%.*]]: tensor<2xf32>):
// CHECK-NEXT: nn.attention_softmax [[S]], [[P]], [[SINKS]], [[SLOPES]] {window = 6 : i64, ring, sinks, slopes} :
// CHECK: dataflow.load %d to {{.*}} after {{.*}} position %p : tensor<i32> {ring} : memref<1x2x8x4xbf16>
kernel.func @attend(%x: tensor<1x8xbf16>, %c: memref<1x2x8x4xbf16>, %d: memref<1x2x8x4xbf16>, %p: tensor<i32>, %sinks: tensor<2xbf16>, %slopes: tensor<2xf32>) -> tensor<1x8xbf16> {
  nn.cache_append %c[%p], %x {ring} : memref<1x2x8x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  nn.cache_append %d[%p], %x {ring} : memref<1x2x8x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %a = nn.attention %x, %c, %d, %p, %sinks, %slopes scale 0.5 {ring, window = 6, softcap = 20.0, sinks, slopes} : (tensor<1x8xbf16>, memref<1x2x8x4xbf16>, memref<1x2x8x4xbf16>, tensor<i32>, tensor<2xbf16>, tensor<2xf32>) -> tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}

// -----
// Without an append before it, a load of a ring waits for nobody and knows no position.
// CHECK: dataflow.kernel @read
// CHECK: dataflow.load %c to %{{[^ ]*}} : memref<1x2x8x4xbf16>
// CHECK: nn.attention_softmax {{.*}} {ring} :
kernel.func @read(%x: tensor<1x8xbf16>, %c: memref<1x2x8x4xbf16>, %d: memref<1x2x8x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  %a = nn.attention %x, %c, %d, %p scale 0.5 {ring} : (tensor<1x8xbf16>, memref<1x2x8x4xbf16>, memref<1x2x8x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}
