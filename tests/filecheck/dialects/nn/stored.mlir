// Stored weights and what widens them are read as they are printed.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK: nn.weight @w : tensor<8x12xi8> from "w" {transposed, stored = #nn.stored<"codes", "f8e4m3", array<i64: 8, 12>, array<i64: 4, 8>, "">}
nn.weight @w : tensor<8x12xi8> from "w" {transposed, stored = #nn.stored<"codes", "f8e4m3", array<i64: 8, 12>, array<i64: 4, 8>, "">}
// CHECK: nn.weight @w.scale : tensor<2x3xf32> {stored = #nn.stored<"scales", "f8e4m3", array<i64: 8, 12>, array<i64: 4, 8>, "">, shard_axis = 1 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 6, 0>, shard_repeats = 4 : i64}
nn.weight @w.scale : tensor<2x3xf32> {stored = #nn.stored<"scales", "f8e4m3", array<i64: 8, 12>, array<i64: 4, 8>, "">, shard_axis = 1 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 6, 0>, shard_repeats = 4 : i64}

// The last block has 4 of 8 columns; two codes of 4 bits stand in a byte along the rows.
// CHECK-LABEL: func.func @step
func.func @step(%w: tensor<8x12xi8>, %s: tensor<2x2xf32>, %h: tensor<4x12xi8>, %t: tensor<2x12xf16>, %z: tensor<2x12xi8>) {
  // CHECK-NEXT: nn.dequantize %w, %s {format = "f8e4m3", block = array<i64: 4, 8>} : (tensor<8x12xi8>, tensor<2x2xf32>) -> tensor<8x12xbf16>
  %a = nn.dequantize %w, %s {format = "f8e4m3", block = array<i64: 4, 8>} : (tensor<8x12xi8>, tensor<2x2xf32>) -> tensor<8x12xbf16>
  // CHECK-NEXT: nn.dequantize %h, %t, %z {format = "i4", block = array<i64: 4, 1>} : (tensor<4x12xi8>, tensor<2x12xf16>, tensor<2x12xi8>) -> tensor<8x12xf32>
  %b = nn.dequantize %h, %t, %z {format = "i4", block = array<i64: 4, 1>} : (tensor<4x12xi8>, tensor<2x12xf16>, tensor<2x12xi8>) -> tensor<8x12xf32>
  func.return
}

// Pieces of 6 columns have blocks of their own, and scales of their own scales.
// CHECK-LABEL: func.func @pieces
func.func @pieces(%w: tensor<4x12xi8>, %s: tensor<2x4xf8E4M3FN>, %t: tensor<1x2xf32>) {
  // CHECK-NEXT: nn.dequantize %w, %s, %t {format = "f4e2m1", block = array<i64: 4, 4>, pieces = array<i64: 0, 6>} : (tensor<4x12xi8>, tensor<2x4xf8E4M3FN>, tensor<1x2xf32>) -> tensor<8x12xbf16>
  %a = nn.dequantize %w, %s, %t {format = "f4e2m1", block = array<i64: 4, 4>, pieces = array<i64: 0, 6>} : (tensor<4x12xi8>, tensor<2x4xf8E4M3FN>, tensor<1x2xf32>) -> tensor<8x12xbf16>
  func.return
}
