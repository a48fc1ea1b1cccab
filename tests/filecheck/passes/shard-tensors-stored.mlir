// Scales lie as their codes do; where parts end within blocks, scales stand several times, for finer blocks.
// RUN: kl-opt %s -p shard-tensors{sockets=16} --split-input-file | filecheck %s

// 48 of 768 columns are no multiple of 128: blocks of 16, each scale 8 times. The rows of the next product as well.
// CHECK: nn.weight @up : tensor<64x48xi8> {shard_axis = 1 : i64, shard_parts = 16 : i64}
// CHECK: nn.weight @up.scale : tensor<1x3xf32> {shard_axis = 1 : i64, shard_parts = 16 : i64, shard_repeats = 8 : i64}
// CHECK: nn.weight @down : tensor<48x64xi8> {shard_axis = 0 : i64, shard_parts = 16 : i64}
// CHECK: nn.weight @down.scale : tensor<3x1xf32> {shard_axis = 0 : i64, shard_parts = 16 : i64, shard_repeats = 8 : i64}
// CHECK: nn.dequantize %{{.*}}, %{{.*}} {format = "f8e4m3", block = array<i64: 64, 16>} : (tensor<64x48xi8>, tensor<1x3xf32>) -> tensor<64x48xbf16>
// CHECK: nn.dequantize %{{.*}}, %{{.*}} {format = "f8e4m3", block = array<i64: 16, 64>} : (tensor<48x64xi8>, tensor<3x1xf32>) -> tensor<48x64xbf16>
// CHECK: collective.all_reduce
nn.weight @up : tensor<64x768xi8>
nn.weight @up.scale : tensor<1x6xf32>
nn.weight @down : tensor<768x64xi8>
nn.weight @down.scale : tensor<6x1xf32>
func.func @step(%x: tensor<1x64xbf16>) -> tensor<1x64xbf16> {
  %up = nn.get_global @up : tensor<64x768xi8>
  %us = nn.get_global @up.scale : tensor<1x6xf32>
  %down = nn.get_global @down : tensor<768x64xi8>
  %ds = nn.get_global @down.scale : tensor<6x1xf32>
  %u = nn.dequantize %up, %us {format = "f8e4m3", block = array<i64: 64, 128>} : (tensor<64x768xi8>, tensor<1x6xf32>) -> tensor<64x768xbf16>
  %h = nn.matmul %x, %u : (tensor<1x64xbf16>, tensor<64x768xbf16>) -> tensor<1x768xbf16>
  %d = nn.dequantize %down, %ds {format = "f8e4m3", block = array<i64: 128, 64>} : (tensor<768x64xi8>, tensor<6x1xf32>) -> tensor<768x64xbf16>
  %y = nn.matmul %h, %d : (tensor<1x768xbf16>, tensor<768x64xbf16>) -> tensor<1x64xbf16>
  func.return %y : tensor<1x64xbf16>
}

// -----
// Columns that are padded have scales of zeros, so that zero points make nothing of them; 90 columns end in a block.
// CHECK: nn.weight @w : tensor<8x6xi8> {shard_axis = 1 : i64, shard_parts = 16 : i64, shard_runs = array<i64: 90, 6>}
// CHECK: nn.weight @w.scale : tensor<1x3xf32> {shard_axis = 1 : i64, shard_parts = 16 : i64, shard_runs = array<i64: 45, 3>, shard_repeats = 16 : i64}
// CHECK: nn.weight @w.zero : tensor<1x3xi8> {shard_axis = 1 : i64, shard_parts = 16 : i64, shard_runs = array<i64: 45, 3>, shard_repeats = 16 : i64}
// CHECK: block = array<i64: 8, 2>
nn.weight @w : tensor<8x90xi8>
nn.weight @w.scale : tensor<1x3xf32>
nn.weight @w.zero : tensor<1x3xi8>
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
  %w = nn.get_global @w : tensor<8x90xi8>
  %s = nn.get_global @w.scale : tensor<1x3xf32>
  %z = nn.get_global @w.zero : tensor<1x3xi8>
  %u = nn.dequantize %w, %s, %z {format = "i8", block = array<i64: 8, 32>} : (tensor<8x90xi8>, tensor<1x3xf32>, tensor<1x3xi8>) -> tensor<8x90xbf16>
  %h = nn.matmul %x, %u : (tensor<1x8xbf16>, tensor<8x90xbf16>) -> tensor<1x90xbf16>
  %y = nn.argmax %h : (tensor<1x90xbf16>) -> tensor<1xi32>
  func.return %y : tensor<1xi32>
}

// -----
// One scale for all columns stays whole, and so does the scale of all scales.
// CHECK: nn.weight @w : tensor<8x6xi8> {shard_axis = 1 : i64, shard_parts = 16 : i64}
// CHECK: nn.weight @w.scale : tensor<4x1xf8E4M3FN>
// CHECK-NOT: shard
// CHECK: nn.weight @w.tensor_scale : tensor<1x1xf32>
// CHECK-NOT: shard
// CHECK: block = array<i64: 4, 6>
nn.weight @w : tensor<8x96xi8>
nn.weight @w.scale : tensor<4x1xf8E4M3FN>
nn.weight @w.tensor_scale : tensor<1x1xf32>
func.func @step(%x: tensor<1x16xbf16>) -> tensor<1xi32> {
  %w = nn.get_global @w : tensor<8x96xi8>
  %s = nn.get_global @w.scale : tensor<4x1xf8E4M3FN>
  %t = nn.get_global @w.tensor_scale : tensor<1x1xf32>
  %u = nn.dequantize %w, %s, %t {format = "f4e2m1", block = array<i64: 4, 96>} : (tensor<8x96xi8>, tensor<4x1xf8E4M3FN>, tensor<1x1xf32>) -> tensor<16x96xbf16>
  %h = nn.matmul %x, %u : (tensor<1x16xbf16>, tensor<16x96xbf16>) -> tensor<1x96xbf16>
  %y = nn.argmax %h : (tensor<1x96xbf16>) -> tensor<1xi32>
  func.return %y : tensor<1xi32>
}
