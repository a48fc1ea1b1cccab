// What the verifiers of routers and of slices of experts refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: nn.softmax takes [batch, columns], got (8,)
func.func @step(%x: tensor<8xf32>) {
  %y = nn.softmax %x : (tensor<8xf32>) -> tensor<8xf32>
  func.return
}

// -----
// CHECK: element types differ: tensor<2x8xf32> -> tensor<2x8xbf16>
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.softmax %x : (tensor<2x8xf32>) -> tensor<2x8xbf16>
  func.return
}

// -----
// CHECK: nn.softmax keeps the type, tensor<2x8xf32>
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.softmax %x : (tensor<2x8xf32>) -> tensor<2x4xf32>
  func.return
}

// -----
// CHECK: result is (2,), should be (2, 1)
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.sum %x : (tensor<2x8xf32>) -> tensor<2xf32>
  func.return
}

// -----
// CHECK: the 9 best of 8
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 9 : (tensor<2x8xf32>) -> tensor<2x9xi32>
  func.return
}

// -----
// CHECK: the 0 best of 8
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 0 : (tensor<2x8xf32>) -> tensor<2x0xi32>
  func.return
}

// -----
// CHECK: result is (2, 3), should be (2, 2)
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 2 : (tensor<2x8xf32>) -> tensor<2x3xi32>
  func.return
}

// -----
// CHECK: groups, kept and best are given together
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 2 {groups = 2 : i64} : (tensor<2x8xf32>) -> tensor<2x2xi32>
  func.return
}

// -----
// CHECK: 8 columns do not divide into 3 groups
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 2 {groups = 3 : i64, kept = 1 : i64, best = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x2xi32>
  func.return
}

// -----
// CHECK: the 5 best of 4 groups
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 2 {groups = 4 : i64, kept = 5 : i64, best = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x2xi32>
  func.return
}

// -----
// CHECK: the sum of the 3 best of 2 columns of a group
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 2 {groups = 4 : i64, kept = 2 : i64, best = 3 : i64} : (tensor<2x8xf32>) -> tensor<2x2xi32>
  func.return
}

// -----
// CHECK: 2 groups of 2 have 4 columns, 5 are wanted
func.func @step(%x: tensor<2x8xf32>) {
  %y = nn.top_k %x of 5 {groups = 4 : i64, kept = 2 : i64, best = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x5xi32>
  func.return
}

// -----
// CHECK: ids are those of 3 rows, x has 2
func.func @step(%x: tensor<2x8xf32>, %i: tensor<3x2xi32>) {
  %y = nn.take %x, %i : (tensor<2x8xf32>, tensor<3x2xi32>) -> tensor<3x2xf32>
  func.return
}

// -----
// CHECK: ids name some of 16 columns, x has 8
func.func @step(%x: tensor<2x8xf32>, %s: tensor<2x16xf32>) {
  %i = nn.top_k %s of 2 : (tensor<2x16xf32>) -> tensor<2x2xi32>
  %y = nn.take %x, %i : (tensor<2x8xf32>, tensor<2x2xi32>) -> tensor<2x2xf32>
  func.return
}

// -----
// CHECK: weights are (2, 2), ids (2, 3); both are [B, K]
func.func @step(%w: tensor<2x2xf32>, %i: tensor<2x3xi32>, %e: tensor<4xi32>) {
  %y = nn.spread %w, %i, %e : (tensor<2x2xf32>, tensor<2x3xi32>, tensor<4xi32>) -> tensor<2x4xf32>
  func.return
}

// -----
// CHECK: result is (2, 3), should be (2, 4)
func.func @step(%w: tensor<2x2xf32>, %i: tensor<2x2xi32>, %e: tensor<4xi32>) {
  %y = nn.spread %w, %i, %e : (tensor<2x2xf32>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x3xf32>
  func.return
}

// -----
// CHECK: the experts are those of other ids
func.func @step(%w: tensor<2x2xf32>, %i: tensor<2x2xi32>, %j: tensor<2x2xi32>) {
  %e = nn.distinct %j of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %y = nn.spread %w, %i, %e : (tensor<2x2xf32>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x4xf32>
  func.return
}

// -----
// CHECK: x is (2, 26), gates are (2, 4); each place has equally many columns
func.func @step(%x: tensor<2x26xf32>, %g: tensor<2x4xf32>) {
  %y = nn.scale %x, %g : (tensor<2x26xf32>, tensor<2x4xf32>) -> tensor<2x26xf32>
  func.return
}

// -----
// CHECK: x is (3, 24), gates are (2, 4); each place has equally many columns
func.func @step(%x: tensor<3x24xf32>, %g: tensor<2x4xf32>) {
  %y = nn.scale %x, %g : (tensor<3x24xf32>, tensor<2x4xf32>) -> tensor<3x24xf32>
  func.return
}

// -----
// CHECK: 3 of 2 experts
func.func @step(%i: tensor<2x3xi32>) {
  %e = nn.distinct %i of 2 : (tensor<2x3xi32>) -> tensor<2xi32>
  func.return
}

// -----
// CHECK: 0 experts of all sockets
func.func @step(%i: tensor<2x2xi32>) {
  %e = nn.distinct %i of 8 {parts = 0 : i64} : (tensor<2x2xi32>) -> tensor<4xi32>
  func.return
}

// -----
// CHECK: result is (8,), should be (4,)
func.func @step(%i: tensor<2x2xi32>) {
  %e = nn.distinct %i of 8 : (tensor<2x2xi32>) -> tensor<8xi32>
  func.return
}

// -----
// CHECK: ids name some of 16 columns, there are 8 experts
func.func @step(%s: tensor<2x16xf32>) {
  %i = nn.top_k %s of 2 : (tensor<2x16xf32>) -> tensor<2x2xi32>
  %e = nn.distinct %i of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  func.return
}

// -----
// CHECK: ids name some of 8 experts, the stack has 16
func.func @step(%i: tensor<2x2xi32>, %w: tensor<16x5x6xbf16>) {
  %e = nn.distinct %i of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %y = nn.gather_slices %w, %e along 1 : (tensor<16x5x6xbf16>, tensor<4xi32>) -> tensor<5x24xbf16>
  func.return
}

// -----
// CHECK: ids are (2, 2); gather_slices takes a row of them
func.func @step(%i: tensor<2x2xi32>, %w: tensor<8x5x6xbf16>) {
  %y = nn.gather_slices %w, %i along 1 : (tensor<8x5x6xbf16>, tensor<2x2xi32>) -> tensor<5x24xbf16>
  func.return
}

// -----
// CHECK: along axis 2 of slices (5, 6)
func.func @step(%e: tensor<4xi32>, %w: tensor<8x5x6xbf16>) {
  %y = nn.gather_slices %w, %e along 2 : (tensor<8x5x6xbf16>, tensor<4xi32>) -> tensor<5x24xbf16>
  func.return
}

// -----
// CHECK: result is (4, 7), should be (4, 6)
func.func @step(%e: tensor<4xi32>, %b: tensor<8x6xbf16>) {
  %y = nn.gather_slices %b, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<4x7xbf16>
  func.return
}

// -----
// CHECK: shapes differ: (2, 8), (3, 1) -> (2, 8)
func.func @step(%x: tensor<2x8xf32>, %s: tensor<3x1xf32>) {
  %y = nn.div %x, %s : (tensor<2x8xf32>, tensor<3x1xf32>) -> tensor<2x8xf32>
  func.return
}

// -----
// CHECK: shapes differ: (2, 1), (2, 8) -> (2, 1)
func.func @step(%x: tensor<2x8xf32>, %s: tensor<2x1xf32>) {
  %y = nn.add %s, %x : (tensor<2x1xf32>, tensor<2x8xf32>) -> tensor<2x1xf32>
  func.return
}
