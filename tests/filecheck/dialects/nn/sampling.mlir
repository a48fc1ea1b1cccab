// Drawing a token is read as it is printed.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK-LABEL: func.func @step
func.func @step(%x: tensor<2x8xbf16>, %p: tensor<i32>) -> tensor<2xi32> {
  // CHECK-NEXT: nn.sample %x, %p {temperature = 8.000000e-01 : f64, seed = 7 : i64} : (tensor<2x8xbf16>, tensor<i32>) -> tensor<2xi32>
  %a = nn.sample %x, %p {temperature = 8.0e-01 : f64, seed = 7 : i64} : (tensor<2x8xbf16>, tensor<i32>) -> tensor<2xi32>
  // CHECK-NEXT: nn.sample %x, %p {temperature = 2.000000e+00 : f64, top_k = 40 : i64, top_p = 1.000000e+00 : f64, seed = 0 : i64} : (tensor<2x8xbf16>, tensor<i32>) -> tensor<2xi32>
  %b = nn.sample %x, %p {temperature = 2.0 : f64, top_k = 40 : i64, top_p = 1.0 : f64, seed = 0 : i64} : (tensor<2x8xbf16>, tensor<i32>) -> tensor<2xi32>
  func.return %b : tensor<2xi32>
}
