// Heads and columns that do not divide the sockets are padded with zeros, and a remark says so.
// RUN: kl-opt %s -p shard-tensors{sockets=4} --split-input-file | filecheck %s
// RUN: kl-opt %s -p shard-tensors{sockets=4} --split-input-file --remarks 2>&1 | filecheck %s --check-prefix=REMARK

// 2 KV heads on 4 sockets: each is on 2, with its 3 query heads as 2 and 1, and one of zeros (a head has 2
// numbers: 6, then 2 zeros). The rows of the product behind meet them with zeros of their own.
// CHECK: nn.weight @wq : tensor<8x4xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 6, 2, 6, 2>}
// CHECK-NEXT: nn.weight @wk : tensor<8x2xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// CHECK-NEXT: nn.weight @wo : tensor<4x8xbf16> {shard_axis = 0 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 6, 2, 6, 2>}
// CHECK-NEXT: nn.state @keys : memref<1x1x16x2xbf16>
// CHECK: nn.rope %q, %position {{.*}} : (tensor<1x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
// CHECK: %a = nn.attention %qr, %keys, %keys, %position {{.*}} : (tensor<1x4xbf16>, memref<1x1x16x2xbf16>, {{.*}}) -> tensor<1x4xbf16>
// CHECK-NEXT: %o = nn.matmul %a, %wo : (tensor<1x4xbf16>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: collective.all_reduce %o
// REMARK: shard-tensors-padding.mlir:[[# @LINE + 14]]:3: remark: 6 query heads do not divide among 4 sockets: padded with zeros to 8
nn.weight @wq : tensor<8x12xbf16>
nn.weight @wk : tensor<8x4xbf16>
nn.weight @wo : tensor<12x8xbf16>
nn.state @keys : memref<1x2x16x2xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x8xbf16> {
  %wq = nn.get_global @wq : tensor<8x12xbf16>
  %wk = nn.get_global @wk : tensor<8x4xbf16>
  %wo = nn.get_global @wo : tensor<12x8xbf16>
  %keys = nn.get_global @keys : memref<1x2x16x2xbf16>
  %q = nn.matmul %x, %wq : (tensor<1x8xbf16>, tensor<8x12xbf16>) -> tensor<1x12xbf16>
  %k = nn.matmul %x, %wk : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
  %qr = nn.rope %q, %position {head_dim = 2, frequencies = array<f64: 1.0>} : (tensor<1x12xbf16>, tensor<i32>) -> tensor<1x12xbf16>
  nn.cache_append %keys[%position], %k : memref<1x2x16x2xbf16>, tensor<i32>, tensor<1x4xbf16>
  %a = nn.attention %qr, %keys, %keys, %position scale 5.0e-01 : (tensor<1x12xbf16>, memref<1x2x16x2xbf16>, memref<1x2x16x2xbf16>, tensor<i32>) -> tensor<1x12xbf16>
  %o = nn.matmul %a, %wo : (tensor<1x12xbf16>, tensor<12x8xbf16>) -> tensor<1x8xbf16>
  func.return %o : tensor<1x8xbf16>
}

// -----
// 3 KV heads on 4 sockets become 4, the last with its cache of zeros; the query heads go with them.
// CHECK: nn.weight @wq : tensor<8x4xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 12, 4>}
// CHECK-NEXT: nn.weight @wk : tensor<8x2xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 6, 2>}
// CHECK-NEXT: nn.weight @wo : tensor<4x8xbf16> {shard_axis = 0 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 12, 4>}
// CHECK-NEXT: nn.state @keys : memref<1x1x16x2xbf16>
// REMARK: remark: 3 KV heads do not divide among 4 sockets: padded with zeros to 4
// REMARK: remark: 6 query heads do not divide among 4 sockets: padded with zeros to 8
nn.weight @wq : tensor<8x12xbf16>
nn.weight @wk : tensor<8x6xbf16>
nn.weight @wo : tensor<12x8xbf16>
nn.state @keys : memref<1x3x16x2xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x8xbf16> {
  %wq = nn.get_global @wq : tensor<8x12xbf16>
  %wk = nn.get_global @wk : tensor<8x6xbf16>
  %wo = nn.get_global @wo : tensor<12x8xbf16>
  %keys = nn.get_global @keys : memref<1x3x16x2xbf16>
  %q = nn.matmul %x, %wq : (tensor<1x8xbf16>, tensor<8x12xbf16>) -> tensor<1x12xbf16>
  %k = nn.matmul %x, %wk : (tensor<1x8xbf16>, tensor<8x6xbf16>) -> tensor<1x6xbf16>
  nn.cache_append %keys[%position], %k : memref<1x3x16x2xbf16>, tensor<i32>, tensor<1x6xbf16>
  %a = nn.attention %q, %keys, %keys, %position scale 5.0e-01 : (tensor<1x12xbf16>, memref<1x3x16x2xbf16>, memref<1x3x16x2xbf16>, tensor<i32>) -> tensor<1x12xbf16>
  %o = nn.matmul %a, %wo : (tensor<1x12xbf16>, tensor<12x8xbf16>) -> tensor<1x8xbf16>
  func.return %o : tensor<1x8xbf16>
}

// -----
// Columns of a feed-forward block, and of the weight that is added to them: zeros behind the last, of a stack's
// last dimension, too.
// CHECK: nn.weight @up : tensor<2x8x8xbf16> {stacked, shard_axis = 2 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 30, 2>}
// CHECK-NEXT: nn.weight @bias : tensor<1x8xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 30, 2>}
// CHECK-NEXT: nn.weight @down : tensor<8x8xbf16> {shard_axis = 0 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 30, 2>}
// CHECK: func.func private @layer(%x: tensor<1x8xbf16>, %up: tensor<8x8xbf16>, %bias: tensor<1x8xbf16>, %down: tensor<8x8xbf16>)
// CHECK-NOT: all_gather
// REMARK: remark: 30 columns of the product do not divide among 4 sockets: padded with zeros to 32
nn.weight @up : tensor<2x8x30xbf16> {stacked}
nn.weight @bias : tensor<1x30xbf16>
nn.weight @down : tensor<30x8xbf16>
func.func private @layer(%x: tensor<1x8xbf16>, %up: tensor<8x30xbf16>, %bias: tensor<1x30xbf16>, %down: tensor<30x8xbf16>) -> tensor<1x8xbf16> {
  %h = nn.matmul %x, %up : (tensor<1x8xbf16>, tensor<8x30xbf16>) -> tensor<1x30xbf16>
  %b = nn.add %h, %bias : (tensor<1x30xbf16>, tensor<1x30xbf16>) -> tensor<1x30xbf16>
  %g = nn.gelu %b : (tensor<1x30xbf16>) -> tensor<1x30xbf16>
  %y = nn.matmul %g, %down : (tensor<1x30xbf16>, tensor<30x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %up = nn.get_global @up : tensor<2x8x30xbf16>
  %bias = nn.get_global @bias : tensor<1x30xbf16>
  %down = nn.get_global @down : tensor<30x8xbf16>
  %y = nn.call @layer[1](%x, %up, %bias, %down) : (tensor<1x8xbf16>, tensor<2x8x30xbf16>, tensor<1x30xbf16>, tensor<30x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
