// Slices that ids name are read by who streams them: they stand in the kernel of their reader, and each has its own.
// RUN: kl-opt %s -p outline-kernels{granularity=op} | filecheck %s
// RUN: kl-opt %s -p outline-kernels{granularity=op},merge-identical-kernels,convert-kernel-to-dataflow | filecheck %s --check-prefix=LOADS
// RUN: kl-opt %s -p outline-kernels{granularity=block} | filecheck %s --check-prefix=BLOCK

// CHECK: kernel.func @layer.{{[a-z]*}}(%ids: tensor<2x2xi32>) -> tensor<4xi32> {
// CHECK-NEXT: nn.distinct
// CHECK-NEXT: kernel.return
// Products that share their left side are one kernel, with the slices of both.
// CHECK: kernel.func @layer.gate_up
// CHECK-NEXT: [[G:%.*]] = nn.gather_slices %gate
// CHECK-NEXT: nn.matmul %x, [[G]]
// CHECK-NEXT: [[U:%.*]] = nn.gather_slices %up
// CHECK-NEXT: nn.matmul %x, [[U]]
// CHECK: kernel.func @layer.activation
// CHECK-NOT: gather_slices
// The slices of @down have two readers: each reads its own.
// CHECK: kernel.func @layer.down
// CHECK-NEXT: [[D:%.*]] = nn.gather_slices %down
// CHECK-NEXT: nn.matmul %{{.*}}, [[D]]
// CHECK: kernel.func @layer.{{.*}}
// CHECK-NEXT: [[D:%.*]] = nn.gather_slices %down
// CHECK-NEXT: nn.matmul %{{.*}}, [[D]]
// The two kernels of @down are equal, and so one.
// LOADS-COUNT-3: dataflow.load %{{gate|up|down}} by
// BLOCK: kernel.func @layer
// BLOCK-COUNT-4: nn.gather_slices
// BLOCK: kernel.schedule
nn.weight @gate : tensor<2x6x8x4xbf16> {stacked}
nn.weight @up : tensor<2x6x8x4xbf16> {stacked}
nn.weight @down : tensor<2x6x4x8xbf16> {stacked}
func.func private @layer(%x: tensor<2x8xbf16>, %ids: tensor<2x2xi32>, %gate: tensor<6x8x4xbf16>, %up: tensor<6x8x4xbf16>, %down: tensor<6x4x8xbf16>) -> tensor<2x8xbf16> {
  %e = nn.distinct %ids of 6 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.gather_slices %gate, %e along 1 : (tensor<6x8x4xbf16>, tensor<4xi32>) -> tensor<8x16xbf16>
  %u = nn.gather_slices %up, %e along 1 : (tensor<6x8x4xbf16>, tensor<4xi32>) -> tensor<8x16xbf16>
  %d = nn.gather_slices %down, %e along 0 : (tensor<6x4x8xbf16>, tensor<4xi32>) -> tensor<16x8xbf16>
  %1 = nn.matmul %x, %g : (tensor<2x8xbf16>, tensor<8x16xbf16>) -> tensor<2x16xbf16>
  %2 = nn.matmul %x, %u : (tensor<2x8xbf16>, tensor<8x16xbf16>) -> tensor<2x16xbf16>
  %3 = nn.silu %1 : (tensor<2x16xbf16>) -> tensor<2x16xbf16>
  %4 = nn.mul %3, %2 : (tensor<2x16xbf16>, tensor<2x16xbf16>) -> tensor<2x16xbf16>
  %5 = nn.matmul %4, %d : (tensor<2x16xbf16>, tensor<16x8xbf16>) -> tensor<2x8xbf16>
  %6 = nn.matmul %2, %d : (tensor<2x16xbf16>, tensor<16x8xbf16>) -> tensor<2x8xbf16>
  %7 = nn.mul %5, %6 : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return %7 : tensor<2x8xbf16>
}
func.func @step(%x: tensor<2x8xbf16>, %ids: tensor<2x2xi32>) -> tensor<2x8xbf16> {
  %gate = nn.get_global @gate : tensor<2x6x8x4xbf16>
  %up = nn.get_global @up : tensor<2x6x8x4xbf16>
  %down = nn.get_global @down : tensor<2x6x4x8xbf16>
  %y = nn.call @layer[1] (%x, %ids, %gate, %up, %down) : (tensor<2x8xbf16>, tensor<2x2xi32>, tensor<2x6x8x4xbf16>, tensor<2x6x8x4xbf16>, tensor<2x6x4x8xbf16>) -> tensor<2x8xbf16>
  func.return %y : tensor<2x8xbf16>
}
