// What cannot be split over four sockets, and the way out. Nothing is left whole on the quiet.
// RUN: kl-opt %s -p shard-tensors{sockets=4} --split-input-file --verify-diagnostics | filecheck %s

// Columns that do split, but through the middle of a head.
// CHECK: 6 heads do not split evenly over 4 sockets
// CHECK: help: take a number of sockets that divides them{{$}}
nn.weight @w : tensor<8x24xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x24xbf16> {
  %w = nn.get_global @w : tensor<8x24xbf16>
  %q = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x24xbf16>) -> tensor<1x24xbf16>
  %r = nn.rope %q, %position {head_dim = 4, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x24xbf16>, tensor<i32>) -> tensor<1x24xbf16>
  func.return %r : tensor<1x24xbf16>
}

// -----
// Heads can be padded, but the host reads none of zeros: a group of 3 on 2 sockets makes 4.
// CHECK: operand 0 of nn.observe is needed whole, and comes in 4 parts along axis 1, padded from 30 to 40
// CHECK: help: take a number of sockets that divides the elements: zeros cannot be gathered
nn.weight @w : tensor<8x30xbf16>
nn.state @keys : memref<1x2x16x5xbf16>
nn.state @values : memref<1x2x16x5xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) {
  %w = nn.get_global @w : tensor<8x30xbf16>
  %keys = nn.get_global @keys : memref<1x2x16x5xbf16>
  %values = nn.get_global @values : memref<1x2x16x5xbf16>
  %q = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x30xbf16>) -> tensor<1x30xbf16>
  %a = nn.attention %q, %keys, %values, %position scale 5.0e-01 : (tensor<1x30xbf16>, memref<1x2x16x5xbf16>, memref<1x2x16x5xbf16>, tensor<i32>) -> tensor<1x30xbf16>
  nn.observe %a as "a" : tensor<1x30xbf16>
  func.return
}

// -----
// A query that is whole on every socket has no part to attend with.
// CHECK: operand 0 of nn.attention is needed in 4 parts along axis 1, and comes whole
// CHECK: help: compute it from a product with a weight, by operations that keep heads apart
nn.weight @w : tensor<8x16xbf16>
nn.weight @norm : tensor<16xbf16>
nn.state @keys : memref<1x4x16x4xbf16>
nn.state @values : memref<1x4x16x4xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16xbf16>
  %norm = nn.get_global @norm : tensor<16xbf16>
  %keys = nn.get_global @keys : memref<1x4x16x4xbf16>
  %values = nn.get_global @values : memref<1x4x16x4xbf16>
  %q = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  %n = nn.layer_norm %q, %norm eps 1.0e-05 : (tensor<1x16xbf16>, tensor<16xbf16>) -> tensor<1x16xbf16>
  %a = nn.attention %n, %keys, %values, %position scale 5.0e-01 : (tensor<1x16xbf16>, memref<1x4x16x4xbf16>, memref<1x4x16x4xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %a : tensor<1x16xbf16>
}

// -----
// One value cannot go to the cache in two parts and be the query in four.
// CHECK: operand 0 of nn.attention is needed in 4 parts along axis 1, and comes in 2 parts along axis 1
nn.weight @w : tensor<8x16xbf16>
nn.state @wide : memref<1x2x16x8xbf16>
nn.state @keys : memref<1x4x16x4xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x16xbf16> {
  %w = nn.get_global @w : tensor<8x16xbf16>
  %wide = nn.get_global @wide : memref<1x2x16x8xbf16>
  %keys = nn.get_global @keys : memref<1x4x16x4xbf16>
  %q = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  nn.cache_append %wide[%position], %q : memref<1x2x16x8xbf16>, tensor<i32>, tensor<1x16xbf16>
  %a = nn.attention %q, %keys, %keys, %position scale 5.0e-01 : (tensor<1x16xbf16>, memref<1x4x16x4xbf16>, memref<1x4x16x4xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  func.return %a : tensor<1x16xbf16>
}

// -----
// Each use of a weight asks for its own split.
// CHECK: @w is needed in 4 parts along axis 1 by nn.matmul at {{.*}}invalid.mlir:[[# @LINE + 6]]:3, and in 4 parts along axis 0 by nn.embedding at {{.*}}invalid.mlir:[[# @LINE + 5]]:3
// CHECK: help: declare it twice, once for each use
nn.weight @w : tensor<8x8xbf16>
func.func @step(%ids: tensor<1xi32>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<8x8xbf16>
  %x = nn.embedding %ids, %w : (tensor<1xi32>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// Also where a layer is one of the two, or does not read it at all.
// CHECK: @w is needed whole by func.func at {{.*}}invalid.mlir:[[# @LINE + 3]]:1, and in 4 parts along axis 1 by nn.matmul at {{.*}}invalid.mlir:[[# @LINE + 9]]:3
nn.weight @w : tensor<8x8xbf16>
// CHECK: help: declare it twice, once for each use
func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<8x8xbf16>
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.call @layer(%y, %w) : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}

// -----
// Only weights and states lie where the compiler wants them.
// CHECK: the right-hand side of the product is no weight or state of the module, so it cannot be split over the sockets
// CHECK: help: declare it as one, or run on one socket
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// A layer is given a weight by one call and a value by another.
// CHECK: the right-hand side of the product is no weight or state of the module
nn.weight @w : tensor<8x8xbf16>
func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>, %v: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<8x8xbf16>
  %y = nn.call @layer(%x, %w) : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.call @layer(%y, %v) : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}

// -----
// CHECK: the table is no weight or state of the module
func.func @step(%ids: tensor<1xi32>, %table: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %x = nn.embedding %ids, %table : (tensor<1xi32>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %x : tensor<1x8xbf16>
}

// -----
// CHECK: the cache is no weight or state of the module
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>, %cache: memref<1x2x16x4xbf16>) {
  nn.cache_append %cache[%position], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: there is no rule for how nn.attention_softmax runs on 4 sockets
// CHECK: help: run it on one socket, or give the operation a method `shard`
func.func @step(%x: tensor<1x2x8xf32>, %position: tensor<i32>) -> tensor<1x2x8xf32> {
  %y = nn.attention_softmax %x, %position : (tensor<1x2x8xf32>, tensor<i32>) -> tensor<1x2x8xf32>
  func.return %y : tensor<1x2x8xf32>
}

// -----
// CHECK: @inner is called here and is no layer
// CHECK: help: call private functions, from the step alone
func.func private @inner(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  func.return %x : tensor<1x8xbf16>
}
func.func private @outer(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.call @inner(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.call @outer(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// CHECK: the model is split over 2 sockets already, not over 4
// CHECK: help: start from the whole model
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64}>} {
  nn.weight @w : tensor<8x4xbf16> {shard_axis = 1, shard_parts = 2}
}

// -----
// CHECK: @k is a kernel.func already
// CHECK: help: run shard-tensors before outline-kernels
kernel.func @k() {
  kernel.return
}

// -----
// CHECK: @step has 2 blocks
// CHECK: help: give it a body of one block
func.func @step() {
  "cf.br"() [^bb1] : () -> ()
^bb1:
  func.return
}
