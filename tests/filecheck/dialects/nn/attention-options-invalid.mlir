// What attention cannot be told, and rings that someone does not know as such.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// CHECK: nn.attention has sinks and slopes; operands for them: 1
func.func @step(%x: tensor<1x8xbf16>, %k: memref<1x2x4x4xbf16>, %p: tensor<i32>, %s: tensor<2xbf16>) {
  %y = nn.attention %x, %k, %k, %p, %s scale 0.5 {sinks, slopes} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>, tensor<2xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: nn.attention has no sinks or slopes; operands for them: 1
func.func @step(%x: tensor<1x8xbf16>, %k: memref<1x2x4x4xbf16>, %p: tensor<i32>, %s: tensor<2xbf16>) {
  %y = nn.attention %x, %k, %k, %p, %s scale 0.5 : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>, tensor<2xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: slopes are (3,), one a head is (2,)
func.func @step(%x: tensor<1x8xbf16>, %k: memref<1x2x4x4xbf16>, %p: tensor<i32>, %s: tensor<3xbf16>) {
  %y = nn.attention %x, %k, %k, %p, %s scale 0.5 {slopes} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>, tensor<3xbf16>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: window is 5, the ring holds the last 4 positions
func.func @step(%x: tensor<1x8xbf16>, %k: memref<1x2x4x4xbf16>, %p: tensor<i32>) {
  %y = nn.attention %x, %k, %k, %p scale 0.5 {ring, window = 5} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: window is 0; the least is 1
func.func @step(%s: tensor<1x2x4xf32>, %p: tensor<i32>) {
  %y = nn.attention_softmax %s, %p {window = 0} : (tensor<1x2x4xf32>, tensor<i32>) -> tensor<1x2x4xf32>
  func.return
}

// -----
// CHECK: softcap is -1.0; it is above 0
func.func @step(%x: tensor<1x8xbf16>, %k: memref<1x2x4x4xbf16>, %p: tensor<i32>) {
  %y = nn.attention %x, %k, %k, %p scale 0.5 {softcap = -1.0} : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return
}

// -----
// CHECK: softcap is 0.0; it is above 0
func.func @step(%q: tensor<1x8xbf16>, %k: tensor<1x2x4x4xbf16>) {
  %y = nn.attention_scores %q, %k scale 0.5 {softcap = 0.0} : (tensor<1x8xbf16>, tensor<1x2x4x4xbf16>) -> tensor<1x2x4xf32>
  func.return
}

// -----
// CHECK: scores are (2, 4); they are [batch, heads, context]
func.func @step(%s: tensor<2x4xf32>, %p: tensor<i32>) {
  %y = nn.attention_softmax %s, %p : (tensor<2x4xf32>, tensor<i32>) -> tensor<2x4xf32>
  func.return
}

// -----
// CHECK: a ring is [batch, kv_heads, context, head_dim], not [2, 4, 4]
nn.state @k : memref<2x4x4xbf16> ring

// -----
// CHECK: a ring is [batch, kv_heads, context, head_dim], not [1, 2, 4, 4]
nn.state @k : memref<1x2x4x4xbf16> ring {stacked}

// -----
// CHECK: @k is a ring, nn.cache_append takes it without `ring`
nn.state @k : memref<1x2x4x4xbf16> ring
func.func @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) {
  %k = nn.get_global @k : memref<1x2x4x4xbf16>
  nn.cache_append %k[%p], %x : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  func.return
}

// -----
// In the layers that are called with it, too.
// CHECK: @k is no ring, nn.cache_append takes it as a ring
nn.state @k : memref<3x1x2x4x4xbf16> {stacked}
func.func private @l(%x: tensor<1x8xbf16>, %p: tensor<i32>, %k: memref<1x2x4x4xbf16>) {
  nn.cache_append %k[%p], %x {ring} : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  func.return
}
func.func @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) {
  %k = nn.get_global @k : memref<3x1x2x4x4xbf16>
  nn.call @l[0](%x, %p, %k) : (tensor<1x8xbf16>, tensor<i32>, memref<3x1x2x4x4xbf16>) -> ()
  func.return
}

// -----
// And in the loops of kernels.
// CHECK: @k is a ring, nn.cache_append takes it without `ring`
nn.state @k : memref<3x1x2x4x4xbf16> ring {stacked}
kernel.func @l(%x: tensor<1x8xbf16>, %p: tensor<i32>, %k: memref<3x1x2x4x4xbf16>) {
  kernel.loop 3 stacks(%k : memref<3x1x2x4x4xbf16>) {
  ^bb0(%one: memref<1x2x4x4xbf16>):
    nn.cache_append %one[%p], %x : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
    kernel.yield
  }
  kernel.return
}
kernel.schedule @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) {
  %k = nn.get_global @k : memref<3x1x2x4x4xbf16>
  kernel.call @l(%x, %p, %k) : (tensor<1x8xbf16>, tensor<i32>, memref<3x1x2x4x4xbf16>) -> ()
  kernel.return
}
