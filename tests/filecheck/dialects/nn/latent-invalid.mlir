// Heads that do not fit one another.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: (1, 12) times heads of (12, 5) is no (1, 16)
func.func @step(%x: tensor<1x12xf32>, %w: tensor<12x5xf32>) {
  %y = nn.head_matmul %x, %w : (tensor<1x12xf32>, tensor<12x5xf32>) -> tensor<1x16xf32>
  func.return
}

// -----
// CHECK: (1, 12) times heads of (15, 5) transposed is no (1, 15)
func.func @step(%x: tensor<1x12xf32>, %w: tensor<15x5xf32>) {
  %y = nn.head_matmul %x, %w {transposed} : (tensor<1x12xf32>, tensor<15x5xf32>) -> tensor<1x15xf32>
  func.return
}

// -----
// CHECK: parts of [12, 8] columns have not as many heads of [4, 4]
func.func @step(%x: tensor<1x12xf32>, %z: tensor<1x8xf32>) {
  %y = nn.concat %x, %z {head_columns = array<i64: 4, 4>} : (tensor<1x12xf32>, tensor<1x8xf32>) -> tensor<1x20xf32>
  func.return
}

// -----
// CHECK: rows of 12 have no heads of 5
func.func @step(%x: tensor<1x12xf32>) {
  %y = nn.slice %x from 0 {head_columns = 5} : (tensor<1x12xf32>) -> tensor<1x4xf32>
  func.return
}

// -----
// CHECK: columns 3 to 5 of a tensor with 4
func.func @step(%x: tensor<1x12xf32>) {
  %y = nn.slice %x from 3 {head_columns = 4} : (tensor<1x12xf32>) -> tensor<1x6xf32>
  func.return
}

// -----
// CHECK: value_dim is 4; heads of the values have 3 columns
func.func @step(%q: tensor<1x6xf32>, %k: memref<1x1x4x3xf32>, %p: tensor<i32>) {
  %y = nn.attention %q, %k, %k, %p scale 0.5 {value_dim = 4} : (tensor<1x6xf32>, memref<1x1x4x3xf32>, memref<1x1x4x3xf32>, tensor<i32>) -> tensor<1x8xf32>
  func.return
}

// -----
// CHECK: keys are (1, 1, 4, 3), values (1, 1, 5, 3): they differ in the size of a head alone
func.func @step(%q: tensor<1x6xf32>, %k: memref<1x1x4x3xf32>, %v: memref<1x1x5x3xf32>, %p: tensor<i32>) {
  %y = nn.attention %q, %k, %v, %p scale 0.5 : (tensor<1x6xf32>, memref<1x1x4x3xf32>, memref<1x1x5x3xf32>, tensor<i32>) -> tensor<1x6xf32>
  func.return
}

// -----
// CHECK: the result is tensor<1x6xf32>, should be tensor<1x4xf32>
func.func @step(%q: tensor<1x6xf32>, %k: memref<1x1x4x3xf32>, %p: tensor<i32>) {
  %y = nn.attention %q, %k, %k, %p scale 0.5 {value_dim = 2} : (tensor<1x6xf32>, memref<1x1x4x3xf32>, memref<1x1x4x3xf32>, tensor<i32>) -> tensor<1x6xf32>
  func.return
}
