// What the verifiers of the dialect refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// Shapes are static.
// CHECK: nn.silu needs static shapes, got tensor<1x?xbf16>
func.func @step(%x: tensor<1x?xbf16>) {
  %y = nn.silu %x : (tensor<1x?xbf16>) -> tensor<1x?xbf16>
  func.return
}

// -----
// CHECK: inner extents differ: (1, 8) x (4, 8)
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<4x8xbf16>) {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: result is (1, 8), should be (1, 4)
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<8x4xbf16>) {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: matmul takes two matrices, got (8,) and (8, 4)
func.func @step(%x: tensor<8xbf16>, %w: tensor<8x4xbf16>) {
  %y = nn.matmul %x, %w : (tensor<8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
  func.return
}

// -----
// CHECK: norm gain is (4,); it should be (8,)
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<4xbf16>) {
  %y = nn.rms_norm %x, %w eps 1.0e-05 : (tensor<1x8xbf16>, tensor<4xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: shapes differ: (1, 8), (1, 4) -> (1, 8)
func.func @step(%x: tensor<1x8xbf16>, %y: tensor<1x4xbf16>) {
  %z = nn.add %x, %y : (tensor<1x8xbf16>, tensor<1x4xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: shapes differ: (1, 8) -> (8, 1)
func.func @step(%x: tensor<1x8xf32>) {
  %y = nn.cast %x : (tensor<1x8xf32>) -> tensor<8x1xbf16>
  func.return
}

// -----
// CHECK: ids are (1, 1); embedding takes one dimension, [batch], or a scalar
func.func @step(%ids: tensor<1x1xi32>, %table: tensor<16x8xbf16>) {
  %x = nn.embedding %ids, %table : (tensor<1x1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: result is (2,), should be (1,)
func.func @step(%x: tensor<1x8xbf16>) {
  %y = nn.argmax %x : (tensor<1x8xbf16>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: head_dim is 3; 2 frequencies rotate 4
func.func @step(%x: tensor<1x9xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 3 : i64, frequencies = array<f64: 1.0, 0.1>} : (tensor<1x9xbf16>, tensor<i32>) -> tensor<1x9xbf16>
  func.return
}

// -----
// CHECK: extent 6 is no multiple of head_dim 4
func.func @step(%x: tensor<1x6xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x6xbf16>, tensor<i32>) -> tensor<1x6xbf16>
  func.return
}

// -----
// CHECK: rope takes at least one frequency
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: give `long_frequencies` and `long_from` together
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0>, long_from = 8 : i64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: 1 frequencies and 2 long ones
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0>, long_frequencies = array<f64: 1.0, 0.1>, long_from = 8 : i64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: frequencies are finite
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 0x7FF0000000000000>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: long_from is -1; positions begin at 0
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) {
  %y = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0>, long_frequencies = array<f64: 0.1>, long_from = -1 : i64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: x is (1, 4), the cache takes (1, 8)
func.func @step(%keys: memref<1x2x4x4xbf16>, %x: tensor<1x4xbf16>, %position: tensor<i32>) {
  nn.cache_append %keys[%position], %x : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  func.return
}

// -----
// CHECK: x is a tensor<1x8xf32>, the cache a memref<1x2x4x4xbf16>
func.func @step(%keys: memref<1x2x4x4xbf16>, %x: tensor<1x8xf32>, %position: tensor<i32>) {
  nn.cache_append %keys[%position], %x : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xf32>
  func.return
}

// -----
// CHECK: query is (1, 6); it takes [1, a multiple of 2 * 4]
func.func @step(%q: tensor<1x6xbf16>, %keys: memref<1x2x4x4xbf16>, %position: tensor<i32>) {
  %y = nn.attention %q, %keys, %keys, %position scale 0.5 : (tensor<1x6xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>) -> tensor<1x6xbf16>
  func.return
}

// -----
// CHECK: keys are (1, 2, 4, 4), values (1, 2, 8, 4)
func.func @step(%q: tensor<1x8xbf16>, %keys: memref<1x2x4x4xbf16>, %values: memref<1x2x8x4xbf16>, %position: tensor<i32>) {
  %y = nn.attention %q, %keys, %values, %position scale 0.5 : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x8x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: attention takes one position, a scalar tensor<i32>
func.func @step(%q: tensor<1x8xbf16>, %keys: memref<1x2x4x4xbf16>, %position: tensor<1xi32>) {
  %y = nn.attention %q, %keys, %keys, %position scale 0.5 : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<1xi32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: result is (1, 4, 4), should be (1, 2, 4)
func.func @step(%q: tensor<1x8xbf16>, %keys: tensor<1x2x4x4xbf16>) {
  %y = nn.attention_scores %q, %keys scale 0.5 : (tensor<1x8xbf16>, tensor<1x2x4x4xbf16>) -> tensor<1x4x4xf32>
  func.return
}

// -----
// CHECK: attention_softmax keeps the type of the scores
func.func @step(%scores: tensor<1x2x4xf32>, %position: tensor<i32>) {
  %y = nn.attention_softmax %scores, %position : (tensor<1x2x4xf32>, tensor<i32>) -> tensor<1x2x4xbf16>
  func.return
}

// -----
// CHECK: probabilities (1, 2, 3) do not fit values (1, 2, 4, 4)
func.func @step(%p: tensor<1x2x3xf32>, %values: tensor<1x2x4x4xbf16>, %sum: tensor<1x8xf64>) {
  %y = nn.attention_values %p, %values, %sum : (tensor<1x2x3xf32>, tensor<1x2x4x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
  func.return
}

// -----
// Globals are weights and states, fetched as what they are.
// CHECK: @w is no weight or state of this module
func.func @step() {
  %w = nn.get_global @w : tensor<8xbf16>
  func.return
}

// -----
// CHECK: @w is a tensor<8xbf16>, not a tensor<4xbf16>
nn.weight @w : tensor<8xbf16>
func.func @step() {
  %w = nn.get_global @w : tensor<4xbf16>
  func.return
}

// -----
// CHECK: memref<8xbf16> should be of base attribute tensor
nn.weight @w : memref<8xbf16>

// -----
// CHECK: tensor<8xbf16> should be of base attribute memref
nn.state @s : tensor<8xbf16>

// -----
// Calls fit the layer that they name.
// CHECK: @layer is no function of this module
nn.weight @layer : tensor<8xbf16>
func.func @step(%x: tensor<8xbf16>) {
  nn.call @layer(%x) : (tensor<8xbf16>) -> ()
  func.return
}

// -----
// CHECK: @layer takes 1 operands, the call has 0
func.func private @layer(%x: tensor<8xbf16>) {
  func.return
}
func.func @step(%x: tensor<8xbf16>) {
  nn.call @layer() : () -> ()
  func.return
}

// -----
// CHECK: operand 0 of the call of @layer is a stack of tensor<8xbf16>; give the slice: @layer[0]
func.func private @layer(%x: tensor<8xbf16>) {
  func.return
}
func.func @step(%x: tensor<2x8xbf16>) {
  nn.call @layer(%x) : (tensor<2x8xbf16>) -> ()
  func.return
}

// -----
// CHECK: operand 0 of the call of @layer is a stack of 2; slice 2 is outside
func.func private @layer(%x: tensor<8xbf16>) {
  func.return
}
func.func @step(%x: tensor<2x8xbf16>) {
  nn.call @layer[2](%x) : (tensor<2x8xbf16>) -> ()
  func.return
}

// -----
// CHECK: @layer returns nothing, the call tensor<8xbf16>
func.func private @layer(%x: tensor<8xbf16>) {
  func.return
}
func.func @step(%x: tensor<8xbf16>) {
  %y = nn.call @layer(%x) : (tensor<8xbf16>) -> tensor<8xbf16>
  func.return
}

// -----
// CHECK: give `shard_axis` and `shard_parts` together
nn.weight @w : tensor<8x8xbf16> {shard_axis = 1}

// -----
// CHECK: shard_axis is 2; the weight has 2 dimensions
nn.weight @w : tensor<8x8xbf16> {shard_axis = 2, shard_parts = 4}

// -----
// CHECK: shard_parts is 0; it must be positive
nn.weight @w : tensor<8x8xbf16> {shard_axis = 1, shard_parts = 0}

// -----
// CHECK: give `shard_runs` with `shard_axis` and `shard_parts`
nn.weight @w : tensor<8x8xbf16> {shard_runs = array<i64: 8>}

// -----
// CHECK: shard_runs are [17, -1]; they are one or more numbers from 0
nn.weight @w : tensor<8x8xbf16> {shard_axis = 1, shard_parts = 2, shard_runs = array<i64: 17, -1>}

// -----
// CHECK: shard_runs make 15 elements, the parts 16
nn.weight @w : tensor<8x8xbf16> {shard_axis = 1, shard_parts = 2, shard_runs = array<i64: 12, 3>}

// -----
// CHECK: give `rows` with the name in a checkpoint
nn.weight @w : tensor<4x8xbf16> {rows = array<i64: 0, 4, 0>}

// -----
// CHECK: rows are [0, 4]; they are first, last and each
nn.weight @w : tensor<4x8xbf16> from "w" {rows = array<i64: 0, 4>}

// -----
// CHECK: the weight has 4 rows, 0 to 3 are 3
nn.weight @w : tensor<4x8xbf16> from "w" {rows = array<i64: 0, 3, 0>}

// -----
// CHECK: the weight has 8 rows, which are no multiple of 3 of each 6
nn.weight @w : tensor<4x8xbf16> from "w" {transposed, rows = array<i64: 0, 3, 6>}

// -----
// CHECK: a weight of 1 dimensions has no columns
nn.weight @w : tensor<8xbf16> from "w" {columns = array<i64: 0, 8, 0>}

// -----
// CHECK: '{expert}' in the name of a weight of 1 dimensions, with its experts
nn.weight @w : tensor<8xbf16> from "w.{expert}"

// -----
// CHECK: '{expert}' in the name of a weight of 2 dimensions, with its layers and experts
nn.weight @w : tensor<2x8xbf16> from "w.{layer}.{expert}" {stacked}

// -----
// CHECK: a weight of 1 dimensions has no columns
nn.weight @w : tensor<2x4x8xbf16> from "w.{layer}.{expert}" {stacked, columns = array<i64: 0, 8, 0>}

// -----
// CHECK: give `layers` with `stacked`
nn.weight @w : tensor<2x8xbf16> from "w.{layer}" {layers = array<i64: 0, 2>}

// -----
// CHECK: layers: 3 numbers for 2 layers
nn.weight @w : tensor<2x8xbf16> from "w.{layer}" {stacked, layers = array<i64: 0, 2, 4>}

// -----
// CHECK: layers: layers 0 and 1 both have the number 2
nn.weight @w : tensor<2x8xbf16> from "w.{layer}" {stacked, layers = array<i64: 2, 2>}

// -----
// CHECK: a weight with a value comes from no checkpoint
nn.weight @w : tensor<2xbf16> from "w" {value = dense<[1.0, 2.0]> : tensor<2xf64>}

// -----
// CHECK: the value is a tensor<3xf64>, the weight takes tensor<2xf64>
nn.weight @w : tensor<2xbf16> {value = dense<[1.0, 2.0, 3.0]> : tensor<3xf64>}
