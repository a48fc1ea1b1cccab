// What works on heads of a latent cache is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK: func.func private @latent
func.func private @latent(%x: tensor<1x12xf32>, %w: tensor<12x5xf32>, %v: tensor<6x5xf32>, %r: tensor<1x3xf32>, %c: memref<1x1x4x6xf32>, %p: tensor<i32>) -> tensor<1x6xf32> {
  // CHECK-NEXT: %a = nn.head_matmul %x, %w : (tensor<1x12xf32>, tensor<12x5xf32>) -> tensor<1x15xf32>
  %a = nn.head_matmul %x, %w : (tensor<1x12xf32>, tensor<12x5xf32>) -> tensor<1x15xf32>
  // CHECK-NEXT: %q = nn.concat %a, %r {head_columns = array<i64: 5, 1>} : (tensor<1x15xf32>, tensor<1x3xf32>) -> tensor<1x18xf32>
  %q = nn.concat %a, %r {head_columns = array<i64: 5, 1>} : (tensor<1x15xf32>, tensor<1x3xf32>) -> tensor<1x18xf32>
  // CHECK-NEXT: %s = nn.slice %q from 1 {head_columns = 6 : i64} : (tensor<1x18xf32>) -> tensor<1x6xf32>
  %s = nn.slice %q from 1 {head_columns = 6} : (tensor<1x18xf32>) -> tensor<1x6xf32>
  // CHECK-NEXT: %o = nn.attention %q, %c, %c, %p scale 5.000000e-01 {value_dim = 5 : i64} : (tensor<1x18xf32>, memref<1x1x4x6xf32>, memref<1x1x4x6xf32>, tensor<i32>) -> tensor<1x15xf32>
  %o = nn.attention %q, %c, %c, %p scale 0.5 {value_dim = 5} : (tensor<1x18xf32>, memref<1x1x4x6xf32>, memref<1x1x4x6xf32>, tensor<i32>) -> tensor<1x15xf32>
  // CHECK-NEXT: %y = nn.head_matmul %o, %v {transposed} : (tensor<1x15xf32>, tensor<6x5xf32>) -> tensor<1x6xf32>
  %y = nn.head_matmul %o, %v {transposed} : (tensor<1x15xf32>, tensor<6x5xf32>) -> tensor<1x6xf32>
  func.return %y : tensor<1x6xf32>
}

// Heads of keys and of values may differ in size.
// CHECK: nn.attention %q, %k, %v, %p scale 5.000000e-01 : (tensor<1x12xf32>, memref<1x2x4x3xf32>, memref<1x2x4x5xf32>, tensor<i32>) -> tensor<1x20xf32>
func.func private @plain(%q: tensor<1x12xf32>, %k: memref<1x2x4x3xf32>, %v: memref<1x2x4x5xf32>, %p: tensor<i32>) -> tensor<1x20xf32> {
  %o = nn.attention %q, %k, %v, %p scale 0.5 : (tensor<1x12xf32>, memref<1x2x4x3xf32>, memref<1x2x4x5xf32>, tensor<i32>) -> tensor<1x20xf32>
  func.return %o : tensor<1x20xf32>
}
