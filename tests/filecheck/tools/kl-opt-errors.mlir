// An error shows its place, the source line and a caret; with --verify-diagnostics the next piece is still worked on.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s
// Without it, the tool fails.
// RUN: not kl-opt %s --split-input-file

func.func @f(%x: tensor<1x8xbf16>, %w: tensor<4x8xbf16>) {
  // CHECK:      kl-opt-errors.mlir:[[# @LINE + 3]]:3: error: inner extents differ: (1, 8) x (4, 8)
  // CHECK-NEXT: %y = nn.matmul
  // CHECK-NEXT: ^
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----

// CHECK: func.func @g
// CHECK-NOT: error:
func.func @g() {
  func.return
}
