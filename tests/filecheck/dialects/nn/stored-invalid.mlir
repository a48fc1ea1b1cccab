// What the verifiers of stored weights refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: format 'f8'; known: f8e4m3, i8, i4, f4e2m1
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s {format = "f8", block = array<i64: 8, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: block is [8], the result has 2 dimensions
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 8>} : (tensor<8x8xi8>, tensor<1x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: block is [0, 8]; each is at least 1
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 0, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: pieces of 3 along an axis of 8
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 8, 8>, pieces = array<i64: 0, 3>} : (tensor<8x8xi8>, tensor<1x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: 7 codes of i4 are no whole bytes
func.func @step(%w: tensor<3x8xi8>, %s: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s {format = "i4", block = array<i64: 8, 8>} : (tensor<3x8xi8>, tensor<1x1xf32>) -> tensor<7x8xbf16>
  func.return
}

// -----
// CHECK: codes are a tensor<8x8xi8>, should be a tensor<4x8xi8>
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s {format = "i4", block = array<i64: 8, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: scales are (2, 1); blocks [4, 3] make (2, 3)
func.func @step(%w: tensor<8x8xi8>, %s: tensor<2x1xf32>) {
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 4, 3>} : (tensor<8x8xi8>, tensor<2x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: f4e2m1 with scales of 8 bits has a scale of the tensor, too
func.func @step(%w: tensor<4x8xi8>, %s: tensor<1x8xf8E4M3FN>) {
  %x = nn.dequantize %w, %s {format = "f4e2m1", block = array<i64: 8, 1>} : (tensor<4x8xi8>, tensor<1x8xf8E4M3FN>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: f8e4m3 has no zero points
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>, %z: tensor<1x1xi8>) {
  %x = nn.dequantize %w, %s, %z {format = "f8e4m3", block = array<i64: 8, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>, tensor<1x1xi8>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: zero points are a tensor<1x8xi8>
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>, %z: tensor<1x8xi8>) {
  %x = nn.dequantize %w, %s, %z {format = "i8", block = array<i64: 8, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>, tensor<1x8xi8>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: f8e4m3 has no scale of the tensor
func.func @step(%w: tensor<8x8xi8>, %s: tensor<1x1xf32>, %z: tensor<1x1xf32>) {
  %x = nn.dequantize %w, %s, %z {format = "f8e4m3", block = array<i64: 8, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: the scale of the tensor is (1, 2), should be (1, 1)
func.func @step(%w: tensor<4x8xi8>, %s: tensor<1x8xf8E4M3FN>, %z: tensor<1x2xf32>) {
  %x = nn.dequantize %w, %s, %z {format = "f4e2m1", block = array<i64: 8, 1>} : (tensor<4x8xi8>, tensor<1x8xf8E4M3FN>, tensor<1x2xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// CHECK: is no part of a stored weight
nn.weight @w : tensor<8x8xi8> {stored = #nn.stored<"numbers", "i8", array<i64: 8, 8>, array<i64: 8, 8>, "">}

// -----
// CHECK: give `shard_repeats` with `shard_axis` and `shard_parts`
nn.weight @w : tensor<8x8xf32> {shard_repeats = 2}

// -----
// CHECK: shard_repeats is 0; it must be positive
nn.weight @w : tensor<8x8xf32> {shard_axis = 0, shard_parts = 2, shard_repeats = 0}
