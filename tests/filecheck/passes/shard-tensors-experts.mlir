// A mixture of experts over sockets: routers are whole everywhere, experts are split.
// RUN: kl-opt %s -p shard-tensors{sockets=2} --split-input-file | filecheck %s

// Each socket has its part of each expert; gates are whole, and what they scale stays split. One exchange.
// CHECK: nn.weight @router : tensor<8x8xbf16>
// CHECK-NEXT: nn.weight @bias : tensor<8xf32>
// CHECK-NEXT: nn.weight @up : tensor<8x8x3xbf16> {shard_axis = 2 : i64, shard_parts = 2 : i64}
// CHECK-NEXT: nn.weight @up_bias : tensor<8x3xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// CHECK-NEXT: nn.weight @down : tensor<8x3x8xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// CHECK-NEXT: nn.weight @down_bias : tensor<8x8xbf16>
// CHECK: %s = nn.matmul %x, %router : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
// CHECK-NEXT: nn.cast
// CHECK-NEXT: nn.add %f, %bias : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
// CHECK-NEXT: nn.top_k
// CHECK-NEXT: nn.take
// CHECK-NEXT: nn.sum
// CHECK-NEXT: nn.div
// CHECK-NEXT: nn.distinct
// CHECK-NEXT: nn.spread {{.*}} -> tensor<2x4xf32>
// CHECK-NEXT: nn.gather_slices %up, %e along 1 : (tensor<8x8x3xbf16>, tensor<4xi32>) -> tensor<8x12xbf16>
// CHECK-NEXT: nn.matmul {{.*}} -> tensor<2x12xbf16>
// CHECK-NEXT: nn.gather_slices %up_bias, %e along 0 : (tensor<8x3xbf16>, tensor<4xi32>) -> tensor<12xbf16>
// CHECK-NEXT: nn.add
// CHECK-NEXT: nn.scale %{{.*}}, %g : (tensor<2x12xbf16>, tensor<2x4xf32>) -> tensor<2x12xbf16>
// CHECK-NEXT: nn.gather_slices %down, %e along 0 : (tensor<8x3x8xbf16>, tensor<4xi32>) -> tensor<12x8xbf16>
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: collective.all_reduce
// CHECK-NEXT: nn.gather_slices %down_bias, %e along 0 : (tensor<8x8xbf16>, tensor<4xi32>) -> tensor<4x8xbf16>
// CHECK-NEXT: nn.matmul %g, {{.*}} : (tensor<2x4xf32>, tensor<4x8xbf16>) -> tensor<2x8xf32>
// CHECK-NOT: collective
// CHECK: func.return
nn.weight @router : tensor<8x8xbf16>
nn.weight @bias : tensor<8xf32>
nn.weight @up : tensor<8x8x6xbf16>
nn.weight @up_bias : tensor<8x6xbf16>
nn.weight @down : tensor<8x6x8xbf16>
nn.weight @down_bias : tensor<8x8xbf16>
func.func @step(%x: tensor<2x8xbf16>) -> (tensor<2x8xbf16>, tensor<2x8xf32>) {
  %router = nn.get_global @router : tensor<8x8xbf16>
  %bias = nn.get_global @bias : tensor<8xf32>
  %up = nn.get_global @up : tensor<8x8x6xbf16>
  %up_bias = nn.get_global @up_bias : tensor<8x6xbf16>
  %down = nn.get_global @down : tensor<8x6x8xbf16>
  %down_bias = nn.get_global @down_bias : tensor<8x8xbf16>
  %s = nn.matmul %x, %router : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %f = nn.cast %s : (tensor<2x8xbf16>) -> tensor<2x8xf32>
  %c = nn.add %f, %bias : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %ids = nn.top_k %c of 2 : (tensor<2x8xf32>) -> tensor<2x2xi32>
  %w = nn.take %f, %ids : (tensor<2x8xf32>, tensor<2x2xi32>) -> tensor<2x2xf32>
  %t = nn.sum %w : (tensor<2x2xf32>) -> tensor<2x1xf32>
  %n = nn.div %w, %t : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  %e = nn.distinct %ids of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.spread %n, %ids, %e : (tensor<2x2xf32>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x4xf32>
  %cu = nn.gather_slices %up, %e along 1 : (tensor<8x8x6xbf16>, tensor<4xi32>) -> tensor<8x24xbf16>
  %a = nn.matmul %x, %cu : (tensor<2x8xbf16>, tensor<8x24xbf16>) -> tensor<2x24xbf16>
  %cb = nn.gather_slices %up_bias, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<24xbf16>
  %b = nn.add %a, %cb : (tensor<2x24xbf16>, tensor<24xbf16>) -> tensor<2x24xbf16>
  %h = nn.scale %b, %g : (tensor<2x24xbf16>, tensor<2x4xf32>) -> tensor<2x24xbf16>
  %r = nn.gather_slices %down, %e along 0 : (tensor<8x6x8xbf16>, tensor<4xi32>) -> tensor<24x8xbf16>
  %y = nn.matmul %h, %r : (tensor<2x24xbf16>, tensor<24x8xbf16>) -> tensor<2x8xbf16>
  %q = nn.gather_slices %down_bias, %e along 0 : (tensor<8x8xbf16>, tensor<4xi32>) -> tensor<4x8xbf16>
  %z = nn.matmul %g, %q : (tensor<2x4xf32>, tensor<4x8xbf16>) -> tensor<2x8xf32>
  func.return %y, %z : tensor<2x8xbf16>, tensor<2x8xf32>
}

// -----
// A single column stays whole where the columns of the other side are split.
// CHECK: %m = nn.sum %x : (tensor<2x8xbf16>) -> tensor<2x1xbf16>
// CHECK: %a = nn.matmul %x, %w : (tensor<2x8xbf16>, tensor<8x4xbf16>) -> tensor<2x4xbf16>
// CHECK-NEXT: %b = nn.mul %m, %a : (tensor<2x1xbf16>, tensor<2x4xbf16>) -> tensor<2x4xbf16>
// CHECK-NEXT: nn.matmul %b, %v : (tensor<2x4xbf16>, tensor<4x8xbf16>) -> tensor<2x8xbf16>
// CHECK-NEXT: collective.all_reduce
nn.weight @w : tensor<8x8xbf16>
nn.weight @v : tensor<8x8xbf16>
func.func @step(%x: tensor<2x8xbf16>) -> tensor<2x8xbf16> {
  %m = nn.sum %x : (tensor<2x8xbf16>) -> tensor<2x1xbf16>
  %w = nn.get_global @w : tensor<8x8xbf16>
  %v = nn.get_global @v : tensor<8x8xbf16>
  %a = nn.matmul %x, %w : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %b = nn.mul %m, %a : (tensor<2x1xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %c = nn.matmul %b, %v : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  func.return %c : tensor<2x8xbf16>
}

// -----
// A long row is gathered where it is needed whole: every socket has its part of the columns of the product.
// CHECK: nn.weight @w : tensor<8x512xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// CHECK: nn.matmul %x, %w : (tensor<2x8xbf16>, tensor<8x512xbf16>) -> tensor<2x512xbf16>
// CHECK-NEXT: nn.silu
// CHECK-NEXT: collective.all_gather
// CHECK-NEXT: nn.softmax
nn.weight @w : tensor<8x1024xbf16>
func.func @step(%x: tensor<2x8xbf16>) -> tensor<2x1024xbf16> {
  %w = nn.get_global @w : tensor<8x1024xbf16>
  %a = nn.matmul %x, %w : (tensor<2x8xbf16>, tensor<8x1024xbf16>) -> tensor<2x1024xbf16>
  %b = nn.silu %a : (tensor<2x1024xbf16>) -> tensor<2x1024xbf16>
  %m = nn.softmax %b : (tensor<2x1024xbf16>) -> tensor<2x1024xbf16>
  func.return %m : tensor<2x1024xbf16>
}

// -----
// The product that gives a single column is whole on every socket: a shared expert's gate.
// CHECK: nn.weight @gate : tensor<8x1xbf16>
// CHECK-NOT: collective
// CHECK: nn.mul %g, %a : (tensor<2x1xbf16>, tensor<2x4xbf16>) -> tensor<2x4xbf16>
nn.weight @gate : tensor<8x1xbf16>
nn.weight @w : tensor<8x8xbf16>
func.func @step(%x: tensor<2x8xbf16>) -> tensor<2x8xbf16> {
  %gate = nn.get_global @gate : tensor<8x1xbf16>
  %w = nn.get_global @w : tensor<8x8xbf16>
  %g = nn.matmul %x, %gate : (tensor<2x8xbf16>, tensor<8x1xbf16>) -> tensor<2x1xbf16>
  %a = nn.matmul %x, %w : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %b = nn.mul %g, %a : (tensor<2x1xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return %b : tensor<2x8xbf16>
}
