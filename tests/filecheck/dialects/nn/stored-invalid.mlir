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

// -----
// What is read is what is stored: codes of one format, in the same blocks.
// CHECK: @w is stored as f8e4m3 in blocks of [4, 8], and read as i8 in blocks of [4, 8]
nn.weight @w : tensor<8x8xi8> {stored = #nn.stored<"codes", "f8e4m3", array<i64: 8, 8>, array<i64: 4, 8>, "">}
func.func @step(%s: tensor<2x1xf32>) {
  %w = nn.get_global @w : tensor<8x8xi8>
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 4, 8>} : (tensor<8x8xi8>, tensor<2x1xf32>) -> tensor<8x8xbf16>
  func.return
}

// -----
// In a layer that is given a slice of the stack, as well.
// CHECK: @d.w is stored as i8 in blocks of [4, 8], and read as i8 in blocks of [2, 8]
nn.weight @d.w : tensor<3x8x8xi8> {stacked, stored = #nn.stored<"codes", "i8", array<i64: 8, 8>, array<i64: 4, 8>, "">}
nn.weight @d.s : tensor<3x4x1xf32> {stacked}
func.func private @d(%w: tensor<8x8xi8>, %s: tensor<4x1xf32>) -> tensor<8x8xbf16> {
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 2, 8>} : (tensor<8x8xi8>, tensor<4x1xf32>) -> tensor<8x8xbf16>
  func.return %x : tensor<8x8xbf16>
}
func.func @step() -> tensor<8x8xbf16> {
  %w = nn.get_global @d.w : tensor<3x8x8xi8>
  %s = nn.get_global @d.s : tensor<3x4x1xf32>
  %x = nn.call @d[1](%w, %s) : (tensor<3x8x8xi8>, tensor<3x4x1xf32>) -> tensor<8x8xbf16>
  func.return %x : tensor<8x8xbf16>
}

// -----
// In a kernel, in a loop over slices.
// CHECK: @w.s is stored as i8 in blocks of [4, 8], and read as i8 in blocks of [8, 8]
nn.weight @w : tensor<3x8x8xi8> {stacked}
nn.weight @w.s : tensor<3x1x1xf32> {stacked, stored = #nn.stored<"scales", "i8", array<i64: 8, 8>, array<i64: 4, 8>, "">}
kernel.func @k(%x: tensor<1x8xbf16>, %w: tensor<3x8x8xi8>, %s: tensor<3x1x1xf32>) -> tensor<1x8xbf16> {
  %r = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w, %s : tensor<3x8x8xi8>, tensor<3x1x1xf32>) {
  ^bb0(%h: tensor<1x8xbf16>, %one: tensor<8x8xi8>, %its: tensor<1x1xf32>):
    %wide = nn.dequantize %one, %its {format = "i8", block = array<i64: 8, 8>} : (tensor<8x8xi8>, tensor<1x1xf32>) -> tensor<8x8xbf16>
    %y = nn.matmul %h, %wide : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<3x8x8xi8>
  %s = nn.get_global @w.s : tensor<3x1x1xf32>
  %y = kernel.call @k(%x, %w, %s) : (tensor<1x8xbf16>, tensor<3x8x8xi8>, tensor<3x1x1xf32>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// Of chosen experts.
// CHECK: @w is stored as i8 in blocks of [1, 4, 8], and read as i8 in blocks of [4, 4]
nn.weight @w : tensor<6x8x8xi8> {stored = #nn.stored<"codes", "i8", array<i64: 6, 8, 8>, array<i64: 1, 4, 8>, "">}
func.func @step(%s: tensor<2x4xf32>, %ids: tensor<2xi32>) {
  %w = nn.get_global @w : tensor<6x8x8xi8>
  %g = nn.gather_slices %w, %ids along 1 : (tensor<6x8x8xi8>, tensor<2xi32>) -> tensor<8x16xi8>
  %x = nn.dequantize %g, %s {format = "i8", block = array<i64: 4, 4>} : (tensor<8x16xi8>, tensor<2x4xf32>) -> tensor<8x16xbf16>
  func.return
}

// -----
// Finer blocks are those of parts, along the axis that is split, and no other.
// CHECK: @w is stored as i8 in blocks of [4, 8], and read as i8 in blocks of [2, 4]
nn.weight @w : tensor<8x4xi8> {stored = #nn.stored<"codes", "i8", array<i64: 8, 8>, array<i64: 4, 8>, "">, shard_axis = 1, shard_parts = 2}
func.func @step(%s: tensor<4x1xf32>) {
  %w = nn.get_global @w : tensor<8x4xi8>
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 2, 4>} : (tensor<8x4xi8>, tensor<4x1xf32>) -> tensor<8x4xbf16>
  func.return
}

// -----
// CHECK: @w.zero has the zeros, and is read as the codes
nn.weight @w.zero : tensor<8x8xi8> {stored = #nn.stored<"zeros", "i8", array<i64: 8, 8>, array<i64: 1, 1>, "">}
func.func @step(%s: tensor<8x8xf32>) {
  %w = nn.get_global @w.zero : tensor<8x8xi8>
  %x = nn.dequantize %w, %s {format = "i8", block = array<i64: 1, 1>} : (tensor<8x8xi8>, tensor<8x8xf32>) -> tensor<8x8xbf16>
  func.return
}
