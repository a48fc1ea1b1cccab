// A decoder layer at the three granularities: ten kernels as in a GPU inference library, two blocks, or one
// kernel; and around the layers embedding, last norm + head, argmax. Kernels do not multiply with the calls.
// RUN: kl-opt %s -p outline-kernels{granularity=op} | filecheck %s --check-prefixes=OP,STEP
// RUN: kl-opt %s -p outline-kernels{granularity=block} | filecheck %s --check-prefixes=BLOCK,STEP
// RUN: kl-opt %s -p outline-kernels | filecheck %s --check-prefixes=LAYER,STEP

// OP-NOT: func.func
// OP: kernel.func @decoder.norm(
// OP-NEXT: nn.rms_norm
// OP-NEXT: kernel.return
// Siblings that read one value, even with other operations between them.
// OP: kernel.func @decoder.qkv(%h: {{.*}}, %wq: {{.*}}, %wk: {{.*}}, %wv: {{.*}})
// OP-NEXT: nn.matmul %h, %wq
// OP-NEXT: nn.matmul %h, %wk
// OP-NEXT: nn.matmul %h, %wv
// OP-NEXT: kernel.return %q0, %k0, %v
// OP: kernel.func @decoder.rope(
// OP-NEXT: nn.rope %q0
// OP-NEXT: nn.rope %k0
// OP-NEXT: kernel.return %q, %k
// OP: kernel.func @decoder.append(
// OP-NEXT: nn.cache_append %keys
// OP-NEXT: nn.cache_append %values
// OP-NEXT: kernel.return
// OP: kernel.func @decoder.attention(
// OP-NEXT: nn.attention
// OP-NEXT: kernel.return
// OP: kernel.func @decoder.output(
// OP-NEXT: nn.matmul
// OP-NEXT: kernel.return
// A residual add goes into the norm that reads it; the sum is handed out, too, for the next add.
// OP: kernel.func @decoder.add_norm(
// OP-NEXT: nn.add
// OP-NEXT: nn.rms_norm
// OP-NEXT: kernel.return %x1, %h1
// OP: kernel.func @decoder.gate_up(
// OP-NEXT: nn.matmul %h1, %wg
// OP-NEXT: nn.matmul %h1, %wu
// OP-NEXT: kernel.return %g, %u
// OP: kernel.func @decoder.activation(
// OP-NEXT: nn.silu
// OP-NEXT: nn.mul
// OP-NEXT: kernel.return %p
// The last add of the layer has no norm to go into.
// OP: kernel.func @decoder.down(
// OP-NEXT: nn.matmul
// OP-NEXT: nn.add
// OP-NEXT: kernel.return %x2

// BLOCK-NOT: func.func
// BLOCK: kernel.func @decoder.attention(
// BLOCK: nn.attention
// BLOCK: %x1 = nn.add
// BLOCK-NEXT: kernel.return %x1
// BLOCK: kernel.func @decoder.mlp(%x1: tensor<1x8xbf16>
// BLOCK: %x2 = nn.add
// BLOCK-NEXT: kernel.return %x2

// LAYER-NOT: func.func
// LAYER: kernel.func @decoder(
// LAYER: nn.attention
// LAYER: nn.silu
// LAYER: kernel.return %x2 : tensor<1x8xbf16>

// STEP: kernel.func @step.embedding(
// STEP-NEXT: nn.embedding
// STEP-NEXT: kernel.return
// STEP: kernel.func @step.head(
// STEP-NEXT: nn.rms_norm
// STEP-NEXT: nn.matmul
// STEP-NEXT: kernel.return
// STEP: kernel.func @step.argmax(
// STEP-NEXT: nn.argmax
// STEP-NEXT: kernel.return

// STEP: kernel.schedule @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<1xi32> {
// STEP-COUNT-14: nn.get_global
// STEP-NOT: nn.get_global
// STEP: kernel.call @step.embedding(%token, %table)
// OP-NEXT: kernel.call @decoder.norm[0] (%x0, %an)
// OP-NEXT: kernel.call @decoder.qkv[0]
// OP-NEXT: kernel.call @decoder.rope[0]
// OP-NEXT: kernel.call @decoder.append[0]
// OP-NEXT: kernel.call @decoder.attention[0]
// OP-NEXT: kernel.call @decoder.output[0]
// OP-NEXT: kernel.call @decoder.add_norm[0] (%x0,
// OP-NEXT: kernel.call @decoder.gate_up[0]
// OP-NEXT: kernel.call @decoder.activation[0]
// OP-NEXT: %x2 = kernel.call @decoder.down[0]
// OP-NEXT: kernel.call @decoder.norm[1] (%x2, %an)
// BLOCK-NEXT: kernel.call @decoder.attention[0]
// BLOCK-NEXT: kernel.call @decoder.mlp[0]
// BLOCK-NEXT: kernel.call @decoder.attention[1]
// BLOCK-NEXT: kernel.call @decoder.mlp[1]
// LAYER-NEXT: %x2 = kernel.call @decoder[0] (%x0, %an
// LAYER-NEXT: %x2_1 = kernel.call @decoder[1] (%x2, %an
// STEP: kernel.call @step.head
// STEP-NEXT: kernel.call @step.argmax
// STEP-NEXT: kernel.return

nn.weight @embedding : tensor<32x8xbf16>
nn.weight @decoder.an : tensor<2x8xbf16> {stacked}
nn.weight @decoder.wq : tensor<2x8x8xbf16> {stacked}
nn.weight @decoder.wk : tensor<2x8x4xbf16> {stacked}
nn.weight @decoder.wv : tensor<2x8x4xbf16> {stacked}
nn.weight @decoder.wo : tensor<2x8x8xbf16> {stacked}
nn.weight @decoder.mn : tensor<2x8xbf16> {stacked}
nn.weight @decoder.wg : tensor<2x8x16xbf16> {stacked}
nn.weight @decoder.wu : tensor<2x8x16xbf16> {stacked}
nn.weight @decoder.wd : tensor<2x16x8xbf16> {stacked}
nn.state @decoder.keys : memref<2x1x1x8x4xbf16> {stacked}
nn.state @decoder.values : memref<2x1x1x8x4xbf16> {stacked}
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
  %an = nn.get_global @decoder.an : tensor<2x8xbf16>
  %wq = nn.get_global @decoder.wq : tensor<2x8x8xbf16>
  %wk = nn.get_global @decoder.wk : tensor<2x8x4xbf16>
  %wv = nn.get_global @decoder.wv : tensor<2x8x4xbf16>
  %wo = nn.get_global @decoder.wo : tensor<2x8x8xbf16>
  %mn = nn.get_global @decoder.mn : tensor<2x8xbf16>
  %wg = nn.get_global @decoder.wg : tensor<2x8x16xbf16>
  %wu = nn.get_global @decoder.wu : tensor<2x8x16xbf16>
  %wd = nn.get_global @decoder.wd : tensor<2x16x8xbf16>
  %keys = nn.get_global @decoder.keys : memref<2x1x1x8x4xbf16>
  %values = nn.get_global @decoder.values : memref<2x1x1x8x4xbf16>
  %x0 = nn.embedding %token, %table : (tensor<1xi32>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
  %x1 = nn.call @decoder[0](%x0, %position, %an, %wq, %wk, %wv, %wo, %mn, %wg, %wu, %wd, %keys, %values) : (tensor<1x8xbf16>, tensor<i32>, tensor<2x8xbf16>, tensor<2x8x8xbf16>, tensor<2x8x4xbf16>, tensor<2x8x4xbf16>, tensor<2x8x8xbf16>, tensor<2x8xbf16>, tensor<2x8x16xbf16>, tensor<2x8x16xbf16>, tensor<2x16x8xbf16>, memref<2x1x1x8x4xbf16>, memref<2x1x1x8x4xbf16>) -> tensor<1x8xbf16>
  %x2 = nn.call @decoder[1](%x1, %position, %an, %wq, %wk, %wv, %wo, %mn, %wg, %wu, %wd, %keys, %values) : (tensor<1x8xbf16>, tensor<i32>, tensor<2x8xbf16>, tensor<2x8x8xbf16>, tensor<2x8x4xbf16>, tensor<2x8x4xbf16>, tensor<2x8x8xbf16>, tensor<2x8xbf16>, tensor<2x8x16xbf16>, tensor<2x8x16xbf16>, tensor<2x16x8xbf16>, memref<2x1x1x8x4xbf16>, memref<2x1x1x8x4xbf16>) -> tensor<1x8xbf16>
  %nw = nn.get_global @norm : tensor<8xbf16>
  %hw = nn.get_global @head : tensor<8x32xbf16>
  %n = nn.rms_norm %x2, %nw eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %logits = nn.matmul %n, %hw : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
  %next = nn.argmax %logits : (tensor<1x32xbf16>) -> tensor<1xi32>
  func.return %next : tensor<1xi32>
}
