// Norms and biases on sockets: what belongs to heads goes with them, a norm of whole rows adds up its squares.
// RUN: kl-opt %s -p shard-tensors{sockets=2} --split-input-file | filecheck %s

// 3 query heads of 2 numbers on 2 sockets: a bias has its zeros where the columns of the product have them.
// The gain of each head goes with the head, one for all heads is whole. So is the bias behind a sum.
// CHECK: nn.weight @wq : tensor<8x4xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 6, 2>}
// CHECK-NEXT: nn.weight @bq : tensor<4xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 6, 2>}
// CHECK-NEXT: nn.weight @heads : tensor<2x2xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 3, 1>}
// CHECK-NEXT: nn.weight @gain : tensor<2xbf16>
// CHECK-NEXT: nn.weight @wo : tensor<4x8xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 6, 2>}
// CHECK-NEXT: nn.weight @bo : tensor<8xbf16>
// CHECK: %b = nn.add %q, %bq : (tensor<1x4xbf16>, tensor<4xbf16>) -> tensor<1x4xbf16>
// CHECK-NEXT: %n = nn.rms_norm %b, %gain eps 1.000000e-05 group 2 : (tensor<1x4xbf16>, tensor<2xbf16>) -> tensor<1x4xbf16>
// CHECK-NEXT: %m = nn.layer_norm %n, %heads eps 1.000000e-05 group 2 : (tensor<1x4xbf16>, tensor<2x2xbf16>) -> tensor<1x4xbf16>
// CHECK: [[S:%.+]] = collective.all_reduce %o
// CHECK-NEXT: %p = nn.add [[S]], %bo : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
nn.weight @wq : tensor<8x6xbf16>
nn.weight @bq : tensor<6xbf16>
nn.weight @heads : tensor<3x2xbf16>
nn.weight @gain : tensor<2xbf16>
nn.weight @wo : tensor<6x8xbf16>
nn.weight @bo : tensor<8xbf16>
nn.state @keys : memref<1x1x16x2xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x8xbf16> {
  %wq = nn.get_global @wq : tensor<8x6xbf16>
  %bq = nn.get_global @bq : tensor<6xbf16>
  %heads = nn.get_global @heads : tensor<3x2xbf16>
  %gain = nn.get_global @gain : tensor<2xbf16>
  %wo = nn.get_global @wo : tensor<6x8xbf16>
  %bo = nn.get_global @bo : tensor<8xbf16>
  %keys = nn.get_global @keys : memref<1x1x16x2xbf16>
  %q = nn.matmul %x, %wq : (tensor<1x8xbf16>, tensor<8x6xbf16>) -> tensor<1x6xbf16>
  %b = nn.add %q, %bq : (tensor<1x6xbf16>, tensor<6xbf16>) -> tensor<1x6xbf16>
  %n = nn.rms_norm %b, %gain eps 1.0e-05 group 2 : (tensor<1x6xbf16>, tensor<2xbf16>) -> tensor<1x6xbf16>
  %m = nn.layer_norm %n, %heads eps 1.0e-05 group 2 : (tensor<1x6xbf16>, tensor<3x2xbf16>) -> tensor<1x6xbf16>
  %a = nn.attention %m, %keys, %keys, %position scale 5.0e-01 : (tensor<1x6xbf16>, memref<1x1x16x2xbf16>, memref<1x1x16x2xbf16>, tensor<i32>) -> tensor<1x6xbf16>
  %o = nn.matmul %a, %wo : (tensor<1x6xbf16>, tensor<6x8xbf16>) -> tensor<1x8xbf16>
  %p = nn.add %o, %bo : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  func.return %p : tensor<1x8xbf16>
}

// -----
// One norm over all heads: a sum of squares on each socket, their sum, and the scale of what each has. The mean
// is over the 6 numbers that are no zeros.
// CHECK: nn.weight @gain : tensor<4xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64, shard_runs = array<i64: 6, 2>}
// CHECK: [[S:%.+]] = nn.square_sum %q : (tensor<1x4xbf16>) -> tensor<1x1xf64>
// CHECK-NEXT: [[T:%.+]] = collective.all_reduce [[S]] : (tensor<1x1xf64>) -> tensor<1x1xf64>
// CHECK-NEXT: [[N:%.+]] = nn.rms_scale %q, [[T]], %gain eps 1.000000e-05 count 6 : (tensor<1x4xbf16>, tensor<1x1xf64>, tensor<4xbf16>) -> tensor<1x4xbf16>
// CHECK-NEXT: nn.attention [[N]]
nn.weight @wq : tensor<8x6xbf16>
nn.weight @gain : tensor<6xbf16>
nn.weight @wo : tensor<6x8xbf16>
nn.state @keys : memref<1x1x16x2xbf16>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>) -> tensor<1x8xbf16> {
  %wq = nn.get_global @wq : tensor<8x6xbf16>
  %gain = nn.get_global @gain : tensor<6xbf16>
  %wo = nn.get_global @wo : tensor<6x8xbf16>
  %keys = nn.get_global @keys : memref<1x1x16x2xbf16>
  %q = nn.matmul %x, %wq : (tensor<1x8xbf16>, tensor<8x6xbf16>) -> tensor<1x6xbf16>
  %n = nn.rms_norm %q, %gain eps 1.0e-05 : (tensor<1x6xbf16>, tensor<6xbf16>) -> tensor<1x6xbf16>
  %a = nn.attention %n, %keys, %keys, %position scale 5.0e-01 : (tensor<1x6xbf16>, memref<1x1x16x2xbf16>, memref<1x1x16x2xbf16>, tensor<i32>) -> tensor<1x6xbf16>
  %o = nn.matmul %a, %wo : (tensor<1x6xbf16>, tensor<6x8xbf16>) -> tensor<1x8xbf16>
  func.return %o : tensor<1x8xbf16>
}
