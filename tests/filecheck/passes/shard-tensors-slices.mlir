// Each socket has a part of each expert: gate and up by columns, down by rows, and one sum over the sockets behind it.
// RUN: kl-opt %s -p shard-tensors{sockets=2} --split-input-file --verify-diagnostics | filecheck %s

// CHECK: nn.weight @gate : tensor<6x8x2xbf16> {shard_axis = 2 : i64, shard_parts = 2 : i64}
// CHECK-NEXT: nn.weight @bias : tensor<6x2xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// CHECK-NEXT: nn.weight @down : tensor<6x2x8xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// CHECK: nn.distinct %ids of 6 : (tensor<2x2xi32>) -> tensor<4xi32>
// CHECK: nn.gather_slices %gate, %e along 1 : (tensor<6x8x2xbf16>, tensor<4xi32>) -> tensor<8x8xbf16>
// CHECK: nn.matmul {{.*}} -> tensor<2x8xbf16>
// CHECK: nn.gather_slices %bias, %e along 0 : (tensor<6x2xbf16>, tensor<4xi32>) -> tensor<8xbf16>
// CHECK: nn.gather_slices %down, %e along 0 : (tensor<6x2x8xbf16>, tensor<4xi32>) -> tensor<8x8xbf16>
// CHECK-NEXT: [[P:%.*]] = nn.matmul %{{.*}} : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
// CHECK-NEXT: collective.all_reduce [[P]]
nn.weight @gate : tensor<6x8x4xbf16>
nn.weight @bias : tensor<6x4xbf16>
nn.weight @down : tensor<6x4x8xbf16>
func.func @step(%x: tensor<2x8xbf16>, %ids: tensor<2x2xi32>) -> tensor<2x8xbf16> {
  %gate = nn.get_global @gate : tensor<6x8x4xbf16>
  %bias = nn.get_global @bias : tensor<6x4xbf16>
  %down = nn.get_global @down : tensor<6x4x8xbf16>
  %e = nn.distinct %ids of 6 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.gather_slices %gate, %e along 1 : (tensor<6x8x4xbf16>, tensor<4xi32>) -> tensor<8x16xbf16>
  %1 = nn.matmul %x, %g : (tensor<2x8xbf16>, tensor<8x16xbf16>) -> tensor<2x16xbf16>
  %b = nn.gather_slices %bias, %e along 0 : (tensor<6x4xbf16>, tensor<4xi32>) -> tensor<16xbf16>
  %2 = nn.add %1, %b : (tensor<2x16xbf16>, tensor<16xbf16>) -> tensor<2x16xbf16>
  %d = nn.gather_slices %down, %e along 0 : (tensor<6x4x8xbf16>, tensor<4xi32>) -> tensor<16x8xbf16>
  %3 = nn.matmul %2, %d : (tensor<2x16xbf16>, tensor<16x8xbf16>) -> tensor<2x8xbf16>
  func.return %3 : tensor<2x8xbf16>
}

// -----
// CHECK: 5 columns of each expert do not split evenly over 2 sockets
// CHECK: help: take a number of sockets that divides them{{$}}
nn.weight @gate : tensor<6x8x5xbf16>
func.func @step(%x: tensor<2x8xbf16>, %e: tensor<4xi32>) -> tensor<2x20xbf16> {
  %gate = nn.get_global @gate : tensor<6x8x5xbf16>
  %g = nn.gather_slices %gate, %e along 1 : (tensor<6x8x5xbf16>, tensor<4xi32>) -> tensor<8x20xbf16>
  %1 = nn.matmul %x, %g : (tensor<2x8xbf16>, tensor<8x20xbf16>) -> tensor<2x20xbf16>
  func.return %1 : tensor<2x20xbf16>
}

// -----
// CHECK: 5 columns of each expert do not split evenly over 2 sockets
// CHECK: help: {{.*}}them, or give each whole experts: --expert-sharding sockets, or shard-tensors{experts=sockets}
nn.weight @gate : tensor<6x8x5xbf16>
func.func @step(%x: tensor<2x8xbf16>, %ids: tensor<2x2xi32>) -> tensor<2x20xbf16> {
  %gate = nn.get_global @gate : tensor<6x8x5xbf16>
  %e = nn.distinct %ids of 6 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.gather_slices %gate, %e along 1 : (tensor<6x8x5xbf16>, tensor<4xi32>) -> tensor<8x20xbf16>
  %1 = nn.matmul %x, %g : (tensor<2x8xbf16>, tensor<8x20xbf16>) -> tensor<2x20xbf16>
  func.return %1 : tensor<2x20xbf16>
}

// -----
// Nor do experts divide.
// CHECK: 5 columns of each expert do not split evenly over 2 sockets
// CHECK: help: take a number of sockets that divides them{{$}}
nn.weight @gate : tensor<7x8x5xbf16>
func.func @step(%x: tensor<2x8xbf16>, %ids: tensor<2x2xi32>) -> tensor<2x20xbf16> {
  %gate = nn.get_global @gate : tensor<7x8x5xbf16>
  %e = nn.distinct %ids of 7 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.gather_slices %gate, %e along 1 : (tensor<7x8x5xbf16>, tensor<4xi32>) -> tensor<8x20xbf16>
  %1 = nn.matmul %x, %g : (tensor<2x8xbf16>, tensor<8x20xbf16>) -> tensor<2x20xbf16>
  func.return %1 : tensor<2x20xbf16>
}
