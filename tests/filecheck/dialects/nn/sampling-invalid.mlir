// What the verifier of drawing tokens refuses, and what it says.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: temperature is 0; it is above 0, and argmax is what 0 stands for
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 0.0 : f64, seed = 0 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: temperature is -1; it is above 0
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = -1.0 : f64, seed = 0 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: temperature is inf; it is above 0
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 0x7FF0000000000000 : f64, seed = 0 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: top_k is 0; at least one column is kept
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64, top_k = 0 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: top_p is 0; it is above 0, and 1 at most
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64, top_p = 0.0 : f64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: top_p is 1.5; it is above 0, and 1 at most
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64, top_p = 1.5 : f64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: seed is -1; it is not below 0
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = -1 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: sample takes [batch, vocabulary], got (8,)
func.func @step(%x: tensor<8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64} : (tensor<8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: sample takes one position, a scalar tensor<i32>
func.func @step(%x: tensor<2x8xf32>, %p: tensor<2xi32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64} : (tensor<2x8xf32>, tensor<2xi32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: result is (3,), should be (2,)
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<3xi32>
  func.return
}

// -----
// CHECK: columns 0 to 299 in a tensor<1xi8>, which holds 127 at most
func.func @step(%x: tensor<1x300xf32>, %p: tensor<i32>) {
  %y = nn.sample %x, %p {temperature = 1.0 : f64, seed = 0 : i64} : (tensor<1x300xf32>, tensor<i32>) -> tensor<1xi8>
  func.return
}
