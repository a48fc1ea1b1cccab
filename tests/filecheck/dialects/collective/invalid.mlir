// What the verifiers of the dialect refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// A sum has the type of its summands.
// CHECK: all_reduce keeps the type, tensor<1x8xbf16>
func.func @step(%x: tensor<1x8xbf16>) {
  %y = collective.all_reduce %x : (tensor<1x8xbf16>) -> tensor<1x8xf32>
  func.return
}

// -----
// Parts lie one behind the other along one axis of the whole.
// CHECK: axis 2 of a tensor of rank 2
func.func @step(%x: tensor<1x8xbf16>) {
  %y = collective.all_gather %x axis 2 : (tensor<1x8xbf16>) -> tensor<1x32xbf16>
  func.return
}

// -----
// CHECK: tensor<1x8xbf16> gathered along axis 1 is no tensor<2x32xbf16>
func.func @step(%x: tensor<1x8xbf16>) {
  %y = collective.all_gather %x axis 1 : (tensor<1x8xbf16>) -> tensor<2x32xbf16>
  func.return
}

// -----
// CHECK: tensor<1x8xbf16> gathered along axis 1 is no tensor<1x32xf32>
func.func @step(%x: tensor<1x8xbf16>) {
  %y = collective.all_gather %x axis 1 : (tensor<1x8xbf16>) -> tensor<1x32xf32>
  func.return
}

// -----
// CHECK: tensor<1x8xbf16> gathered along axis 1 is no tensor<1xbf16>
func.func @step(%x: tensor<1x8xbf16>) {
  %y = collective.all_gather %x axis 1 : (tensor<1x8xbf16>) -> tensor<1xbf16>
  func.return
}

// -----
// CHECK: extent 12 is no multiple of 8
func.func @step(%x: tensor<1x8xbf16>) {
  %y = collective.all_gather %x axis 1 : (tensor<1x8xbf16>) -> tensor<1x12xbf16>
  func.return
}

// -----
// CHECK: ids are (1, 1); embedding takes one dimension, [batch], or a scalar
func.func @step(%ids: tensor<1x1xi32>, %table: tensor<4x8xbf16>) {
  %y = collective.sharded_embedding %ids, %table : (tensor<1x1xi32>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: table is (8,); embedding takes [rows, hidden]
func.func @step(%ids: tensor<1xi32>, %table: tensor<8xbf16>) {
  %y = collective.sharded_embedding %ids, %table : (tensor<1xi32>, tensor<8xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: result is (1, 4), should be (1, 8)
func.func @step(%ids: tensor<1xi32>, %table: tensor<4x8xbf16>) {
  %y = collective.sharded_embedding %ids, %table : (tensor<1xi32>, tensor<4x8xbf16>) -> tensor<1x4xbf16>
  func.return
}

// -----
// CHECK: own_experts keeps the type, tensor<2x2xi32>
func.func @step(%ids: tensor<2x2xi32>) {
  %own = collective.own_experts %ids of 4 : (tensor<2x2xi32>) -> tensor<4xi32>
  func.return
}

// -----
// CHECK: each socket has 0 experts
func.func @step(%ids: tensor<2x2xi32>) {
  %own = collective.own_experts %ids of 0 : (tensor<2x2xi32>) -> tensor<2x2xi32>
  func.return
}
