// Rings, and what attention can be told, are printed as they were read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s

// CHECK: nn.state @l.k : memref<3x1x2x4x4xbf16> ring {stacked}
// CHECK-NEXT: nn.state @k : memref<1x2x4x4xbf16> ring
nn.state @l.k : memref<3x1x2x4x4xbf16> ring {stacked}
nn.state @k : memref<1x2x4x4xbf16> ring

// A layer that takes a ring knows it as one.
// CHECK: nn.cache_append %k[%position], %x {ring} : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
// CHECK: nn.attention %x, %k, %k, %position scale 5.000000e-01 {ring, window = 3 : i64} : (
func.func private @l(%x: tensor<1x8xbf16>, %position: tensor<i32>, %k: memref<1x2x4x4xbf16>) -> tensor<1x8xbf16> {
  nn.cache_append %k[%position], %x {ring} : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %y = nn.attention %x, %k, %k, %position scale 0.5 {ring, window = 3} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// CHECK: %y = nn.attention %x, %k, %k, %position, %sinks, %slopes scale 5.000000e-01 {ring, softcap = 3.000000e+01 : f64, sinks, slopes} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>, tensor<2xbf16>, tensor<2xf32>) -> tensor<1x8xbf16>
// CHECK-NEXT: %z = nn.call @l[2] (%y, %position, %stack)
// CHECK: %s = nn.attention_scores %q, %keys scale 5.000000e-01 {softcap = 3.000000e+01 : f64} : (
// CHECK-NEXT: %p = nn.attention_softmax %s, %position, %slopes {window = 2 : i64, ring, slopes} : (tensor<1x2x4xf32>, tensor<i32>, tensor<2xf32>) -> tensor<1x2x4xf32>
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>, %sinks: tensor<2xbf16>, %slopes: tensor<2xf32>) -> tensor<1x8xbf16> {
  %k = nn.get_global @k : memref<1x2x4x4xbf16>
  %stack = nn.get_global @l.k : memref<3x1x2x4x4xbf16>
  %y = nn.attention %x, %k, %k, %position, %sinks, %slopes scale 0.5 {ring, softcap = 30.0, sinks, slopes} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>, tensor<2xbf16>, tensor<2xf32>) -> tensor<1x8xbf16>
  %z = nn.call @l[2](%y, %position, %stack) : (tensor<1x8xbf16>, tensor<i32>, memref<3x1x2x4x4xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}

func.func private @tiles(%q: tensor<1x8xbf16>, %keys: tensor<1x2x4x4xbf16>, %position: tensor<i32>, %slopes: tensor<2xf32>) -> tensor<1x2x4xf32> {
  %s = nn.attention_scores %q, %keys scale 0.5 {softcap = 30.0} : (tensor<1x8xbf16>, tensor<1x2x4x4xbf16>) -> tensor<1x2x4xf32>
  %p = nn.attention_softmax %s, %position, %slopes {window = 2, ring, slopes} : (tensor<1x2x4xf32>, tensor<i32>, tensor<2xf32>) -> tensor<1x2x4xf32>
  func.return %p : tensor<1x2x4xf32>
}
