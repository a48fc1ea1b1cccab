// Routers, and what reads the experts that they choose, are read as they are printed.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK-LABEL: func.func @router
func.func @router(%s: tensor<2x8xf32>) -> (tensor<2x4xf32>, tensor<4xi32>) {
  // CHECK-NEXT: nn.softmax %s : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %p = nn.softmax %s : (tensor<2x8xf32>) -> tensor<2x8xf32>
  // CHECK-NEXT: nn.top_k %p of 2 : (tensor<2x8xf32>) -> tensor<2x2xi32>
  %ids = nn.top_k %p of 2 : (tensor<2x8xf32>) -> tensor<2x2xi32>
  // CHECK-NEXT: nn.take %p, %ids : (tensor<2x8xf32>, tensor<2x2xi32>) -> tensor<2x2xf32>
  %w = nn.take %p, %ids : (tensor<2x8xf32>, tensor<2x2xi32>) -> tensor<2x2xf32>
  // CHECK-NEXT: nn.sum %w : (tensor<2x2xf32>) -> tensor<2x1xf32>
  %t = nn.sum %w : (tensor<2x2xf32>) -> tensor<2x1xf32>
  // CHECK-NEXT: nn.div %w, %t : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  %n = nn.div %w, %t : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  // CHECK-NEXT: nn.sub %t, %n : (tensor<2x1xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %m = nn.sub %t, %n : (tensor<2x1xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  // CHECK-NEXT: nn.distinct %ids of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %e = nn.distinct %ids of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  // CHECK-NEXT: nn.spread %m, %ids, %e : (tensor<2x2xf32>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x4xf32>
  %g = nn.spread %m, %ids, %e : (tensor<2x2xf32>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x4xf32>
  func.return %g, %e : tensor<2x4xf32>, tensor<4xi32>
}

// Columns in groups; the experts of one of two sockets.
// CHECK-LABEL: func.func @grouped
func.func @grouped(%s: tensor<2x8xf32>) -> tensor<4xi32> {
  // CHECK-NEXT: nn.top_k %s of 3 {groups = 4 : i64, kept = 2 : i64, best = 2 : i64} : (tensor<2x8xf32>) -> tensor<2x3xi32>
  %ids = nn.top_k %s of 3 {groups = 4 : i64, kept = 2 : i64, best = 2 : i64} : (tensor<2x8xf32>) -> tensor<2x3xi32>
  // CHECK-NEXT: %own = collective.own_experts %ids of 4
  %own = collective.own_experts %ids of 4 : (tensor<2x3xi32>) -> tensor<2x3xi32>
  // CHECK-NEXT: nn.distinct %own of 4 {parts = 2 : i64} : (tensor<2x3xi32>) -> tensor<4xi32>
  %e = nn.distinct %own of 4 {parts = 2 : i64} : (tensor<2x3xi32>) -> tensor<4xi32>
  func.return %e : tensor<4xi32>
}

// Slices side by side, one below the other, biases behind each other and as rows.
// CHECK-LABEL: func.func @slices
func.func @slices(%x: tensor<2x24xbf16>, %g: tensor<2x4xf32>, %e: tensor<4xi32>, %w: tensor<8x5x6xbf16>, %b: tensor<8x6xbf16>) -> tensor<2x24xbf16> {
  // CHECK-NEXT: nn.gather_slices %w, %e along 1 : (tensor<8x5x6xbf16>, tensor<4xi32>) -> tensor<5x24xbf16>
  %c = nn.gather_slices %w, %e along 1 : (tensor<8x5x6xbf16>, tensor<4xi32>) -> tensor<5x24xbf16>
  // CHECK-NEXT: nn.gather_slices %w, %e along 0 : (tensor<8x5x6xbf16>, tensor<4xi32>) -> tensor<20x6xbf16>
  %r = nn.gather_slices %w, %e along 0 : (tensor<8x5x6xbf16>, tensor<4xi32>) -> tensor<20x6xbf16>
  // CHECK-NEXT: nn.gather_slices %b, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<24xbf16>
  %d = nn.gather_slices %b, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<24xbf16>
  // CHECK-NEXT: nn.gather_slices %b, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<4x6xbf16>
  %s = nn.gather_slices %b, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<4x6xbf16>
  // CHECK-NEXT: nn.scale %x, %g : (tensor<2x24xbf16>, tensor<2x4xf32>) -> tensor<2x24xbf16>
  %y = nn.scale %x, %g : (tensor<2x24xbf16>, tensor<2x4xf32>) -> tensor<2x24xbf16>
  func.return %y : tensor<2x24xbf16>
}
