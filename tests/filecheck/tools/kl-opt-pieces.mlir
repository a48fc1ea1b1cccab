// What is shown of passes begins anew with each piece of a file.
// RUN: kl-opt %s --split-input-file --allow-unregistered-dialect -p canonicalize,cse --print-ir-after-change 2>&1 >/dev/null | filecheck %s
// CHECK:     IR after canonicalize
// CHECK-NOT:  arith.constant
// CHECK-NOT: IR after

// RUN: kl-opt %s --split-input-file --allow-unregistered-dialect -p canonicalize --statistics 2>&1 >/dev/null | filecheck %s --check-prefix=NAMES
// NAMES:      canonicalize: 6 operations before, 5 after
// NAMES-NEXT:   - 1 arith.constant
// NAMES-NOT:  canonicalize

func.func @f() {
  %0 = arith.constant 1 : i32
  func.return
}

// -----

"test.kept"() : () -> ()
