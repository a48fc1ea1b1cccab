// Where no token is drawn, and why.
// RUN: kl-opt %s -p sample-tokens --split-input-file --verify-diagnostics | filecheck %s
// RUN: kl-opt %s -p "sample-tokens{temperature=0}" --split-input-file --verify-diagnostics | filecheck %s --check-prefix=COLD
// RUN: kl-opt %s -p "sample-tokens{top-k=0}" --split-input-file --verify-diagnostics | filecheck %s --check-prefix=FEW
// RUN: kl-opt %s -p "sample-tokens{top-p=1.5}" --split-input-file --verify-diagnostics | filecheck %s --check-prefix=MUCH

// COLD: temperature is 0; it is above 0, and argmax is what 0 stands for
// FEW: top_k is 0; at least one column is kept
// MUCH: top_p is 1.5; it is above 0, and 1 at most
func.func @step(%x: tensor<1x8xf32>, %p: tensor<i32>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x8xf32>) -> tensor<1xi32>
  func.return %y : tensor<1xi32>
}

// -----
// CHECK: the step has 0 inputs that are a position, and draws by one
func.func @step(%x: tensor<1x8xf32>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x8xf32>) -> tensor<1xi32>
  func.return %y : tensor<1xi32>
}

// -----
// CHECK: the step has 2 inputs that are a position, and draws by one
func.func @step(%x: tensor<1x8xf32>, %p: tensor<i32>, %q: tensor<i64>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x8xf32>) -> tensor<1xi32>
  func.return %y : tensor<1xi32>
}

// -----
// CHECK: the step returns 0 values that are tokens of logits, not one
func.func @step(%x: tensor<1x8xf32>, %p: tensor<i32>) -> tensor<1x8xf32> {
  func.return %x : tensor<1x8xf32>
}

// -----
// CHECK: the module has 0 functions that are a step, not one
kernel.func @k(%x: tensor<1x8xf32>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x8xf32>) -> tensor<1xi32>
  kernel.return %y : tensor<1xi32>
}
