// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{tile-bytes=9000 least-tiles=4 least-run-bytes=2}" --split-input-file | filecheck %s

// Codes are widened in the stage that multiplies them. Tiles hold whole blocks of 128 columns, and the last one half
// of a block; a tile of codes goes with one of scales.
// CHECK-LABEL: dataflow.kernel @blocks
// CHECK: dataflow.load %w to %{{.*}} : tensor<64x576xi8> -> !dataflow.channel<tensor<64x128xi8>>
// CHECK: dataflow.load %s to %{{.*}} : tensor<2x5xf32> -> !dataflow.channel<tensor<2x1xf32>>
// CHECK: dataflow.stage "matmul.y" firings 5 ins({{.*}}) periods [5, 1, 1] outs({{.*}}<tensor<1x128xbf16>>) periods [1]
// CHECK: nn.dequantize %{{.*}}, %{{.*}} {format = "f8e4m3", block = array<i64: 32, 128>, along = 1 : i64} : (tensor<64x128xi8>, tensor<2x1xf32>) -> tensor<64x128xbf16>
// CHECK-NEXT: nn.matmul {{.*}} -> tensor<1x128xbf16>
kernel.func @blocks(%x: tensor<1x64xbf16>, %w: tensor<64x576xi8>, %s: tensor<2x5xf32>) -> tensor<1x576xbf16> {
  %u = nn.dequantize %w, %s {format = "f8e4m3", block = array<i64: 32, 128>} : (tensor<64x576xi8>, tensor<2x5xf32>) -> tensor<64x576xbf16>
  %y = nn.matmul %x, %u : (tensor<1x64xbf16>, tensor<64x576xbf16>) -> tensor<1x576xbf16>
  kernel.return %y : tensor<1x576xbf16>
}

// -----
// Read the other way round, tiles are rows: two codes in a byte, 32 of them to a zero point.
// CHECK-LABEL: dataflow.kernel @rows
// CHECK: dataflow.load %w to %{{.*}} : tensor<128x64xi8> -> !dataflow.channel<tensor<32x64xi8>>
// CHECK: dataflow.load %s to %{{.*}} : tensor<8x64xf16> -> !dataflow.channel<tensor<2x64xf16>>
// CHECK: dataflow.load %z to %{{.*}} : tensor<8x64xi8> -> !dataflow.channel<tensor<2x64xi8>>
// CHECK: dataflow.stage "matmul.y" firings 4
// CHECK: nn.dequantize {{.*}} along = 0 : i64} : (tensor<32x64xi8>, tensor<2x64xf16>, tensor<2x64xi8>) -> tensor<64x64xbf16>
kernel.func @rows(%x: tensor<1x64xbf16>, %w: tensor<128x64xi8>, %s: tensor<8x64xf16>, %z: tensor<8x64xi8>) -> tensor<1x256xbf16> {
  %u = nn.dequantize %w, %s, %z {format = "i4", block = array<i64: 32, 1>} : (tensor<128x64xi8>, tensor<8x64xf16>, tensor<8x64xi8>) -> tensor<256x64xbf16>
  %y = nn.matmul %x, %u {transposed} : (tensor<1x64xbf16>, tensor<256x64xbf16>) -> tensor<1x256xbf16>
  kernel.return %y : tensor<1x256xbf16>
}

// -----
// A scale for all columns is held.
// CHECK-LABEL: dataflow.kernel @held
// CHECK: dataflow.load %s to %{{.*}} : tensor<2x1xf32> -> !dataflow.channel<tensor<2x1xf32>>
// CHECK: dataflow.stage "matmul.y" firings 4 ins({{.*}}) periods [4, 1, 4]
kernel.func @held(%x: tensor<1x64xbf16>, %w: tensor<64x256xi8>, %s: tensor<2x1xf32>) -> tensor<1x256xbf16> {
  %u = nn.dequantize %w, %s {format = "i8", block = array<i64: 32, 256>} : (tensor<64x256xi8>, tensor<2x1xf32>) -> tensor<64x256xbf16>
  %y = nn.matmul %x, %u : (tensor<1x64xbf16>, tensor<64x256xbf16>) -> tensor<1x256xbf16>
  kernel.return %y : tensor<1x256xbf16>
}
