// Whole experts on each socket, with places for as many of its own as can be named.
// RUN: kl-opt %s -p "shard-tensors{sockets=2 experts=sockets}" | filecheck %s

// CHECK: nn.weight @up : tensor<4x16x6xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64}
// CHECK: nn.weight @down : tensor<4x6x16xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64}
// CHECK: %[[A:.*]] = collective.own_experts %ids of 4 : (tensor<3x2xi32>) -> tensor<3x2xi32>
// CHECK: %[[E:.*]] = nn.distinct %[[A]] of 4 {parts = 2 : i64} : (tensor<3x2xi32>) -> tensor<4xi32>
// CHECK: %[[B:.*]] = collective.own_experts %ids of 4 : (tensor<3x2xi32>) -> tensor<3x2xi32>
// CHECK: %[[G:.*]] = nn.spread %w, %[[B]], %[[E]] : {{.*}} -> tensor<3x4xbf16>
// CHECK: nn.gather_slices %{{.*}}, %[[E]] along 1 : (tensor<4x16x6xbf16>, tensor<4xi32>) -> tensor<16x24xbf16>
// CHECK: nn.scale %{{.*}}, %[[G]] : (tensor<3x24xbf16>, tensor<3x4xbf16>) -> tensor<3x24xbf16>
// CHECK: %[[Y:.*]] = nn.matmul %{{.*}} : (tensor<3x24xbf16>, tensor<24x16xbf16>) -> tensor<3x16xbf16>
// CHECK: collective.all_reduce %[[Y]]
nn.weight @up : tensor<8x16x6xbf16>
nn.weight @down : tensor<8x6x16xbf16>
func.func @step(%x: tensor<3x16xbf16>, %w: tensor<3x2xbf16>, %ids: tensor<3x2xi32>) -> tensor<3x16xbf16> {
  %up = nn.get_global @up : tensor<8x16x6xbf16>
  %down = nn.get_global @down : tensor<8x6x16xbf16>
  %experts = nn.distinct %ids of 8 : (tensor<3x2xi32>) -> tensor<6xi32>
  %gates = nn.spread %w, %ids, %experts : (tensor<3x2xbf16>, tensor<3x2xi32>, tensor<6xi32>) -> tensor<3x6xbf16>
  %ups = nn.gather_slices %up, %experts along 1 : (tensor<8x16x6xbf16>, tensor<6xi32>) -> tensor<16x36xbf16>
  %h = nn.matmul %x, %ups : (tensor<3x16xbf16>, tensor<16x36xbf16>) -> tensor<3x36xbf16>
  %a = nn.silu %h : (tensor<3x36xbf16>) -> tensor<3x36xbf16>
  %s = nn.scale %a, %gates : (tensor<3x36xbf16>, tensor<3x6xbf16>) -> tensor<3x36xbf16>
  %downs = nn.gather_slices %down, %experts along 0 : (tensor<8x6x16xbf16>, tensor<6xi32>) -> tensor<36x16xbf16>
  %y = nn.matmul %s, %downs : (tensor<3x36xbf16>, tensor<36x16xbf16>) -> tensor<3x16xbf16>
  func.return %y : tensor<3x16xbf16>
}
