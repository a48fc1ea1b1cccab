// Latent attention over sockets: each has the matrices and queries of its heads, and the whole cache of latents.
// RUN: kl-opt %s -p shard-tensors{sockets=4} | filecheck %s
// RUN: kl-opt %s -p shard-tensors{sockets=3} --remarks 2>&1 | filecheck %s --check-prefix=PADDED

// CHECK: nn.weight @wq : tensor<16x12xf32> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @wk : tensor<8x6xf32> {shard_axis = 0 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @wv : tensor<10x6xf32> {shard_axis = 0 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @wo : tensor<10x16xf32> {shard_axis = 0 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.state @latents : memref<1x1x8x8xf32>
// 8 heads on 3 sockets are 3 on each, the last of zeros: runs of elements and of zeros, by the columns of a head.
// PADDED-DAG: padded with zeros to 9
// PADDED-DAG: nn.weight @wq : tensor<16x18xf32> {shard_axis = 1 : i64, shard_parts = 3 : i64, shard_runs = array<i64: 48, 6>}
// PADDED-DAG: nn.weight @wk : tensor<12x6xf32> {shard_axis = 0 : i64, shard_parts = 3 : i64, shard_runs = array<i64: 32, 4>}
// PADDED-DAG: nn.weight @wv : tensor<15x6xf32> {shard_axis = 0 : i64, shard_parts = 3 : i64, shard_runs = array<i64: 40, 5>}
// PADDED-DAG: nn.weight @wo : tensor<15x16xf32> {shard_axis = 0 : i64, shard_parts = 3 : i64, shard_runs = array<i64: 40, 5>}
nn.weight @wq : tensor<16x48xf32>
nn.weight @wk : tensor<32x6xf32>
nn.weight @wv : tensor<40x6xf32>
nn.weight @wo : tensor<40x16xf32>
nn.state @latents : memref<1x1x8x8xf32>

// CHECK: func.func @step
func.func @step(%x: tensor<1x16xf32>, %p: tensor<i32>) -> tensor<1x16xf32> {
  %wq = nn.get_global @wq : tensor<16x48xf32>
  %wk = nn.get_global @wk : tensor<32x6xf32>
  %wv = nn.get_global @wv : tensor<40x6xf32>
  %wo = nn.get_global @wo : tensor<40x16xf32>
  %c = nn.get_global @latents : memref<1x1x8x8xf32>
  // CHECK: %q = nn.matmul %x, %wq : (tensor<1x16xf32>, tensor<16x12xf32>) -> tensor<1x12xf32>
  %q = nn.matmul %x, %wq : (tensor<1x16xf32>, tensor<16x48xf32>) -> tensor<1x48xf32>
  // CHECK-NEXT: %n = nn.slice %q from 0 {head_columns = 6 : i64} : (tensor<1x12xf32>) -> tensor<1x8xf32>
  %n = nn.slice %q from 0 {head_columns = 6} : (tensor<1x48xf32>) -> tensor<1x32xf32>
  // CHECK-NEXT: %r = nn.slice %q from 4 {head_columns = 6 : i64} : (tensor<1x12xf32>) -> tensor<1x4xf32>
  %r = nn.slice %q from 4 {head_columns = 6} : (tensor<1x48xf32>) -> tensor<1x16xf32>
  // CHECK-NEXT: %a = nn.head_matmul %n, %wk : (tensor<1x8xf32>, tensor<8x6xf32>) -> tensor<1x12xf32>
  %a = nn.head_matmul %n, %wk : (tensor<1x32xf32>, tensor<32x6xf32>) -> tensor<1x48xf32>
  // CHECK-NEXT: %s = nn.concat %a, %r {head_columns = array<i64: 6, 2>} : (tensor<1x12xf32>, tensor<1x4xf32>) -> tensor<1x16xf32>
  %s = nn.concat %a, %r {head_columns = array<i64: 6, 2>} : (tensor<1x48xf32>, tensor<1x16xf32>) -> tensor<1x64xf32>
  // CHECK-NEXT: %t = nn.attention %s, %c, %c, %p {{.*}} : (tensor<1x16xf32>, memref<1x1x8x8xf32>, memref<1x1x8x8xf32>, tensor<i32>) -> tensor<1x12xf32>
  %t = nn.attention %s, %c, %c, %p scale 0.5 {value_dim = 6} : (tensor<1x64xf32>, memref<1x1x8x8xf32>, memref<1x1x8x8xf32>, tensor<i32>) -> tensor<1x48xf32>
  // CHECK-NEXT: %o = nn.head_matmul %t, %wv {transposed} : (tensor<1x12xf32>, tensor<10x6xf32>) -> tensor<1x10xf32>
  %o = nn.head_matmul %t, %wv {transposed} : (tensor<1x48xf32>, tensor<40x6xf32>) -> tensor<1x40xf32>
  // CHECK-NEXT: [[Y:%.*]] = nn.matmul %o, %wo : (tensor<1x10xf32>, tensor<10x16xf32>) -> tensor<1x16xf32>
  // CHECK-NEXT: collective.all_reduce [[Y]]
  %y = nn.matmul %o, %wo : (tensor<1x40xf32>, tensor<40x16xf32>) -> tensor<1x16xf32>
  func.return %y : tensor<1x16xf32>
}
