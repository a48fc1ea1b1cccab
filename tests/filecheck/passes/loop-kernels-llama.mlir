// The layers of a model become one call, whether they are one kernel each, two blocks or ten kernels as in a
// GPU inference library: 4 calls are left, and the kernels that the loop has taken the place of are gone.
// RUN: kl-opt %s -p outline-kernels,merge-identical-kernels,loop-kernels | filecheck %s
// RUN: kl-opt %s -p outline-kernels{granularity=block},merge-identical-kernels,loop-kernels | filecheck %s
// RUN: kl-opt %s -p outline-kernels{granularity=op},merge-identical-kernels,loop-kernels | filecheck %s
// RUN: kl-opt %s -p outline-kernels,convert-kernel-to-dataflow,loop-kernels | filecheck %s --check-prefix=CONVERTED

// Kernels of a lower level are left alone.
// CONVERTED: dataflow.kernel @decoder(
// CONVERTED-COUNT-4: kernel.call @decoder[

// The hidden state is carried, the position is the same for all layers, and the loop walks the weights and
// caches; a cache that several kernels of the pattern use is one stack.
// CHECK-NOT: kernel.func @decoder{{(\.(norm|attention|mlp))?}}(
// CHECK: kernel.func @decoder.loop(%x: tensor<1x8xbf16>, {{.*}}%position: tensor<i32>
// CHECK-NEXT: kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%an, %wq, %wk, %wv, %keys, %values, %wo, %mn, %wg, %wu, %wd : {{.*}}) {
// CHECK-NEXT: ^bb0(%x_2: tensor<1x8xbf16>, %an_1: tensor<8xbf16>,
// CHECK: nn.rms_norm %x_2, %an_1
// CHECK: nn.rope {{.*}} %position
// CHECK: nn.cache_append %keys_1[%position]
// CHECK: nn.attention {{.*}} %keys_1, %values_1
// CHECK: %x2 = nn.add
// CHECK-NEXT: kernel.yield %x2
// CHECK: kernel.return %x_1
// CHECK: kernel.func @step.embedding(
// CHECK: kernel.schedule @step(
// CHECK: %x0 = kernel.call @step.embedding
// CHECK-NEXT: %x2 = kernel.call @decoder.loop(%x0,
// CHECK-NEXT: %logits = kernel.call @step.head(%x2,
// CHECK-NEXT: kernel.call @step.argmax(%logits)
// CHECK-NEXT: kernel.return
// CHECK-NOT: kl.remarks

nn.weight @embedding : tensor<32x8xbf16>
nn.weight @decoder.an : tensor<4x8xbf16> {stacked}
nn.weight @decoder.wq : tensor<4x8x8xbf16> {stacked}
nn.weight @decoder.wk : tensor<4x8x4xbf16> {stacked}
nn.weight @decoder.wv : tensor<4x8x4xbf16> {stacked}
nn.weight @decoder.wo : tensor<4x8x8xbf16> {stacked}
nn.weight @decoder.mn : tensor<4x8xbf16> {stacked}
nn.weight @decoder.wg : tensor<4x8x16xbf16> {stacked}
nn.weight @decoder.wu : tensor<4x8x16xbf16> {stacked}
nn.weight @decoder.wd : tensor<4x16x8xbf16> {stacked}
nn.state @decoder.keys : memref<4x1x1x8x4xbf16> {stacked}
nn.state @decoder.values : memref<4x1x1x8x4xbf16> {stacked}
nn.weight @norm : tensor<8xbf16>
nn.weight @head : tensor<8x32xbf16>
func.func private @decoder(%x: tensor<1x8xbf16>, %position: tensor<i32>, %an: tensor<8xbf16>, %wq: tensor<8x8xbf16>, %wk: tensor<8x4xbf16>, %wv: tensor<8x4xbf16>, %wo: tensor<8x8xbf16>, %mn: tensor<8xbf16>, %wg: tensor<8x16xbf16>, %wu: tensor<8x16xbf16>, %wd: tensor<16x8xbf16>, %keys: memref<1x1x8x4xbf16>, %values: memref<1x1x8x4xbf16>) -> tensor<1x8xbf16> {
  %h = nn.rms_norm %x, %an eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %q0 = nn.matmul %h, %wq : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %q = nn.rope %q0, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %k0 = nn.matmul %h, %wk : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
  %k = nn.rope %k0, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
  %v = nn.matmul %h, %wv : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
  nn.cache_append %keys[%position], %k : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  nn.cache_append %values[%position], %v : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  %a = nn.attention %q, %keys, %values, %position scale 0.5 : (tensor<1x8xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %o = nn.matmul %a, %wo : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %x1 = nn.add %x, %o : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %h1 = nn.rms_norm %x1, %mn eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %g = nn.matmul %h1, %wg : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  %s = nn.silu %g : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %u = nn.matmul %h1, %wu : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  %p = nn.mul %s, %u : (tensor<1x16xbf16>, tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %d = nn.matmul %p, %wd : (tensor<1x16xbf16>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  %x2 = nn.add %x1, %d : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %x2 : tensor<1x8xbf16>
}
func.func @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<1xi32> {
  %table = nn.get_global @embedding : tensor<32x8xbf16>
  %an = nn.get_global @decoder.an : tensor<4x8xbf16>
  %wq = nn.get_global @decoder.wq : tensor<4x8x8xbf16>
  %wk = nn.get_global @decoder.wk : tensor<4x8x4xbf16>
  %wv = nn.get_global @decoder.wv : tensor<4x8x4xbf16>
  %wo = nn.get_global @decoder.wo : tensor<4x8x8xbf16>
  %mn = nn.get_global @decoder.mn : tensor<4x8xbf16>
  %wg = nn.get_global @decoder.wg : tensor<4x8x16xbf16>
  %wu = nn.get_global @decoder.wu : tensor<4x8x16xbf16>
  %wd = nn.get_global @decoder.wd : tensor<4x16x8xbf16>
  %keys = nn.get_global @decoder.keys : memref<4x1x1x8x4xbf16>
  %values = nn.get_global @decoder.values : memref<4x1x1x8x4xbf16>
  %x0 = nn.embedding %token, %table : (tensor<1xi32>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
  %x1 = nn.call @decoder[0](%x0, %position, %an, %wq, %wk, %wv, %wo, %mn, %wg, %wu, %wd, %keys, %values) : (tensor<1x8xbf16>, tensor<i32>, tensor<4x8xbf16>, tensor<4x8x8xbf16>, tensor<4x8x4xbf16>, tensor<4x8x4xbf16>, tensor<4x8x8xbf16>, tensor<4x8xbf16>, tensor<4x8x16xbf16>, tensor<4x8x16xbf16>, tensor<4x16x8xbf16>, memref<4x1x1x8x4xbf16>, memref<4x1x1x8x4xbf16>) -> tensor<1x8xbf16>
  %x2 = nn.call @decoder[1](%x1, %position, %an, %wq, %wk, %wv, %wo, %mn, %wg, %wu, %wd, %keys, %values) : (tensor<1x8xbf16>, tensor<i32>, tensor<4x8xbf16>, tensor<4x8x8xbf16>, tensor<4x8x4xbf16>, tensor<4x8x4xbf16>, tensor<4x8x8xbf16>, tensor<4x8xbf16>, tensor<4x8x16xbf16>, tensor<4x8x16xbf16>, tensor<4x16x8xbf16>, memref<4x1x1x8x4xbf16>, memref<4x1x1x8x4xbf16>) -> tensor<1x8xbf16>
  %x3 = nn.call @decoder[2](%x2, %position, %an, %wq, %wk, %wv, %wo, %mn, %wg, %wu, %wd, %keys, %values) : (tensor<1x8xbf16>, tensor<i32>, tensor<4x8xbf16>, tensor<4x8x8xbf16>, tensor<4x8x4xbf16>, tensor<4x8x4xbf16>, tensor<4x8x8xbf16>, tensor<4x8xbf16>, tensor<4x8x16xbf16>, tensor<4x8x16xbf16>, tensor<4x16x8xbf16>, memref<4x1x1x8x4xbf16>, memref<4x1x1x8x4xbf16>) -> tensor<1x8xbf16>
  %x4 = nn.call @decoder[3](%x3, %position, %an, %wq, %wk, %wv, %wo, %mn, %wg, %wu, %wd, %keys, %values) : (tensor<1x8xbf16>, tensor<i32>, tensor<4x8xbf16>, tensor<4x8x8xbf16>, tensor<4x8x4xbf16>, tensor<4x8x4xbf16>, tensor<4x8x8xbf16>, tensor<4x8xbf16>, tensor<4x8x16xbf16>, tensor<4x8x16xbf16>, tensor<4x16x8xbf16>, memref<4x1x1x8x4xbf16>, memref<4x1x1x8x4xbf16>) -> tensor<1x8xbf16>
  %nw = nn.get_global @norm : tensor<8xbf16>
  %hw = nn.get_global @head : tensor<8x32xbf16>
  %n = nn.rms_norm %x4, %nw eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %logits = nn.matmul %n, %hw : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
  %next = nn.argmax %logits : (tensor<1x32xbf16>) -> tensor<1xi32>
  func.return %next : tensor<1xi32>
}
