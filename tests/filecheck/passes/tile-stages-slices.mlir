// Tiles of slices that lie side by side: part of a slot, and never over its end; along other axes as of all weights.
// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{tile-bytes=256 least-tiles=4 least-run-bytes=2}" | filecheck %s
// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{tile-bytes=256 least-tiles=4 least-run-bytes=16}" | filecheck %s --check-prefix=RUNS
// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{tile-bytes=65536 least-tiles=1}" | filecheck %s --check-prefix=WHOLE

// 3 slots of 12 columns, each of 32 bytes: tiles of 8 would be of 256 bytes, and cross an end; those of 6 do not. Runs
// of 16 bytes are 8 columns, which do not divide a slot either: so they are whole slots. The sum and what follows are
// cut alike.
// CHECK-LABEL: dataflow.kernel @up
// CHECK: dataflow.load %w by %{{.*}} along 1 to %s : tensor<5x16x12xbf16>, !dataflow.channel<tensor<3xi32>> -> !dataflow.channel<tensor<16x6xbf16>>
// CHECK: dataflow.stage "matmul.p" firings 6
// CHECK: dataflow.load %b by %{{.*}} along 0 to %t : tensor<5x12xbf16>, !dataflow.channel<tensor<3xi32>> -> !dataflow.channel<tensor<6xbf16>>
// CHECK: dataflow.stage "add.u" firings 6
// CHECK: dataflow.stage "silu.y" firings 6
// RUNS-LABEL: dataflow.kernel @up
// RUNS: dataflow.load %w by {{.*}} -> !dataflow.channel<tensor<16x12xbf16>>
// RUNS: dataflow.stage "matmul.p" firings 3
// RUNS: dataflow.load %b by {{.*}} -> !dataflow.channel<tensor<12xbf16>>
// WHOLE-LABEL: dataflow.kernel @up
// WHOLE: dataflow.load %w by {{.*}} -> !dataflow.channel<tensor<16x36xbf16>>
kernel.func @up(%x: tensor<2x16xbf16>, %w: tensor<5x16x12xbf16>, %b: tensor<5x12xbf16>, %e: tensor<3xi32>) -> tensor<2x36xbf16> {
  %s = nn.gather_slices %w, %e along 1 : (tensor<5x16x12xbf16>, tensor<3xi32>) -> tensor<16x36xbf16>
  %p = nn.matmul %x, %s : (tensor<2x16xbf16>, tensor<16x36xbf16>) -> tensor<2x36xbf16>
  %t = nn.gather_slices %b, %e along 0 : (tensor<5x12xbf16>, tensor<3xi32>) -> tensor<36xbf16>
  %u = nn.add %p, %t : (tensor<2x36xbf16>, tensor<36xbf16>) -> tensor<2x36xbf16>
  %y = nn.silu %u : (tensor<2x36xbf16>) -> tensor<2x36xbf16>
  kernel.return %y : tensor<2x36xbf16>
}

// A product cuts its weight along the columns, which all slots have: 17 of them are 5 tiles of 3 and one of 2.
// CHECK-LABEL: dataflow.kernel @down
// CHECK: dataflow.load %w by %{{.*}} along 0 to %s : tensor<5x12x17xbf16>, !dataflow.channel<tensor<3xi32>> -> !dataflow.channel<tensor<36x3xbf16>>
// CHECK: dataflow.stage "matmul.y" firings 6 ins(%{{.*}}, %s : {{.*}}) periods [6, 1]
kernel.func @down(%x: tensor<2x36xbf16>, %w: tensor<5x12x17xbf16>, %e: tensor<3xi32>) -> tensor<2x17xbf16> {
  %s = nn.gather_slices %w, %e along 0 : (tensor<5x12x17xbf16>, tensor<3xi32>) -> tensor<36x17xbf16>
  %y = nn.matmul %x, %s : (tensor<2x36xbf16>, tensor<36x17xbf16>) -> tensor<2x17xbf16>
  kernel.return %y : tensor<2x17xbf16>
}

// A single slot is cut by divisors alone as well: 37 columns are 37 tiles.
// CHECK-LABEL: dataflow.kernel @one
// CHECK: dataflow.load %w by {{.*}} -> !dataflow.channel<tensor<16x1xbf16>>
kernel.func @one(%x: tensor<1x16xbf16>, %w: tensor<5x16x37xbf16>, %e: tensor<1xi32>) -> tensor<1x37xbf16> {
  %s = nn.gather_slices %w, %e along 1 : (tensor<5x16x37xbf16>, tensor<1xi32>) -> tensor<16x37xbf16>
  %y = nn.matmul %x, %s : (tensor<1x16xbf16>, tensor<16x37xbf16>) -> tensor<1x37xbf16>
  kernel.return %y : tensor<1x37xbf16>
}
