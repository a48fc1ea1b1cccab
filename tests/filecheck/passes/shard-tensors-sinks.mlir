// Sinks and slopes are split as query heads are, with the zeros of heads that are padded.
// RUN: kl-opt %s -p shard-tensors{sockets=2} | filecheck %s

// Of 3 query heads that share a KV head each of 2 sockets has 2, one of them zeros.
// CHECK: nn.weight @wq : tensor<12x8xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 12, 4>}
// CHECK-NEXT: nn.weight @wo : tensor<8x12xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 12, 4>}
// CHECK-NEXT: nn.weight @sinks : tensor<2xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 3, 1>}
// Slopes of layers are split along their second axis.
// CHECK-NEXT: nn.weight @l.slopes : tensor<5x2xf32> {stacked, shard_axis = 1 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 3, 1>}
// CHECK-NEXT: nn.state @k : memref<1x1x8x4xbf16> ring
// CHECK: nn.attention {{.*}} ring, sinks, slopes} : (tensor<1x8xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>, tensor<2xbf16>, tensor<2xf32>) -> tensor<1x8xbf16>

nn.weight @wq : tensor<12x12xbf16>
nn.weight @wo : tensor<12x12xbf16>
nn.weight @sinks : tensor<3xbf16>
nn.weight @l.slopes : tensor<5x3xf32> {stacked}
nn.state @k : memref<1x1x8x4xbf16> ring
func.func private @l(%x: tensor<1x12xbf16>, %position: tensor<i32>, %wq: tensor<12x12xbf16>, %wo: tensor<12x12xbf16>, %sinks: tensor<3xbf16>, %slopes: tensor<3xf32>, %k: memref<1x1x8x4xbf16>) -> tensor<1x12xbf16> {
  %q = nn.matmul %x, %wq : (tensor<1x12xbf16>, tensor<12x12xbf16>) -> tensor<1x12xbf16>
  %a = nn.attention %q, %k, %k, %position, %sinks, %slopes scale 0.5 {ring, sinks, slopes} : (tensor<1x12xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>, tensor<3xbf16>, tensor<3xf32>) -> tensor<1x12xbf16>
  %y = nn.matmul %a, %wo : (tensor<1x12xbf16>, tensor<12x12xbf16>) -> tensor<1x12xbf16>
  func.return %y : tensor<1x12xbf16>
}
func.func @step(%x: tensor<1x12xbf16>, %position: tensor<i32>) -> tensor<1x12xbf16> {
  %wq = nn.get_global @wq : tensor<12x12xbf16>
  %wo = nn.get_global @wo : tensor<12x12xbf16>
  %sinks = nn.get_global @sinks : tensor<3xbf16>
  %slopes = nn.get_global @l.slopes : tensor<5x3xf32>
  %k = nn.get_global @k : memref<1x1x8x4xbf16>
  %y = nn.call @l[1](%x, %position, %wq, %wo, %sinks, %slopes, %k) : (tensor<1x12xbf16>, tensor<i32>, tensor<12x12xbf16>, tensor<12x12xbf16>, tensor<3xbf16>, tensor<5x3xf32>, memref<1x1x8x4xbf16>) -> tensor<1x12xbf16>
  func.return %y : tensor<1x12xbf16>
}
