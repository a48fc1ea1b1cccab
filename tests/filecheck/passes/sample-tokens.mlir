// The argmax that a step ends with becomes a drawing by its position; others stay.
// RUN: kl-opt %s -p "sample-tokens{temperature=0.8 top-k=4 top-p=0.5 seed=3}" | filecheck %s
// RUN: kl-opt %s -p sample-tokens | filecheck %s --check-prefix=PLAIN
// RUN: kl-opt %s -p "sample-tokens,sample-tokens{temperature=2.0 seed=9}" | filecheck %s --check-prefix=AGAIN

// CHECK-LABEL: func.func @step
// CHECK: nn.argmax %e
// CHECK: %next = nn.sample %y, %position {temperature = 8.000000e-01 : f64, top_k = 4 : i64, top_p = 5.000000e-01 : f64, seed = 3 : i64} : (tensor<2x8xbf16>, tensor<i32>) -> tensor<2xi32>
// CHECK-NEXT: func.return %next : tensor<2xi32>

// PLAIN: nn.sample %y, %position {temperature = 1.000000e+00 : f64, seed = 0 : i64}
// PLAIN-NOT: nn.argmax %y

// AGAIN: nn.sample %y, %position {temperature = 2.000000e+00 : f64, seed = 9 : i64}
// AGAIN-NEXT: func.return
nn.weight @table : tensor<8x8xbf16>
func.func @step(%token: tensor<2xi32>, %position: tensor<i32>) -> tensor<2xi32> {
  %t = nn.get_global @table : tensor<8x8xbf16>
  %e = nn.embedding %token, %t : (tensor<2xi32>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %i = nn.argmax %e : (tensor<2x8xbf16>) -> tensor<2xi32>
  %y = nn.embedding %i, %t : (tensor<2xi32>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %next = nn.argmax %y : (tensor<2x8xbf16>) -> tensor<2xi32>
  func.return %next : tensor<2xi32>
}
