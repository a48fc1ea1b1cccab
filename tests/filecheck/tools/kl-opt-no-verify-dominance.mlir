// In an SSA region a use before the definition is an error, unless the option accepts it, as xdsl-opt does.
// RUN: not kl-opt %s --allow-unregistered-dialect 2>&1 | filecheck %s --check-prefix REFUSED
// RUN: kl-opt %s --allow-unregistered-dialect --no-verify-dominance | filecheck %s

func.func @f() {
  // REFUSED: kl-opt-no-verify-dominance.mlir:[[# @LINE + 2]]:3: error: operand 0 of builtin.unregistered (%later)
  // CHECK: "t.use"(%later)
  "t.use"(%later) : (i32) -> ()
  %later = "t.def"() : () -> i32
  func.return
}
