// With --verify-diagnostics an error is printed as xDSL has it, and the next piece is still worked on.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s
// Without it, the tool fails and shows the place, the source line and a caret.
// RUN: not kl-opt %s --split-input-file 2>&1 | filecheck %s --check-prefix PLACE

func.func @f(%x: tensor<1x8xbf16>, %w: tensor<4x8xbf16>) {
  // CHECK:      Operation does not verify: inner extents differ: (1, 8) x (4, 8)
  // PLACE:      kl-opt-errors.mlir:[[# @LINE + 3]]:3: error: inner extents differ: (1, 8) x (4, 8)
  // PLACE-NEXT: %y = nn.matmul
  // PLACE-NEXT: ^
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----

// CHECK: func.func @g
// CHECK-NOT: error:
func.func @g() {
  func.return
}
