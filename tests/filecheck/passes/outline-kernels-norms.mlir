// At granularity op biases, gains and norms of heads are no kernels of their own, and change no names.
// RUN: kl-opt %s -p outline-kernels{granularity=op} --split-input-file | filecheck %s
// RUN: kl-opt %s -p outline-kernels{granularity=block} --split-input-file | filecheck %s --check-prefix=BLOCK

// Each bias is in the kernel of its product, the residual sum behind one as well; a bias ends no block.
// CHECK: kernel.func @mix.qkv(
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.add %q
// CHECK-NEXT: nn.add %k
// CHECK: kernel.func @mix.append(
// CHECK: kernel.func @mix.attention(
// CHECK: kernel.func @mix.output(
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.add %o
// CHECK-NEXT: nn.add
// CHECK: kernel.func @mix.up(
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.add %u
// CHECK: kernel.func @mix.activation(
// CHECK-NEXT: nn.gelu
// CHECK-NOT: nn.
// CHECK: kernel.func @mix.down(
// BLOCK: kernel.func @mix.attention(
// BLOCK: kernel.func @mix.mlp(
// BLOCK-NOT: kernel.func
// BLOCK: kernel.schedule
func.func private @mix(%x: tensor<1x8xbf16>, %position: tensor<i32>, %w: tensor<8x8xbf16>, %b: tensor<8xbf16>, %keys: memref<1x2x16x4xbf16>) -> tensor<1x8xbf16> {
  %q = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %qb = nn.add %q, %b : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %k = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %kb = nn.add %k, %b : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  nn.cache_append %keys[%position], %kb : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %a = nn.attention %qb, %keys, %keys, %position scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %o = nn.matmul %a, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %ob = nn.add %o, %b : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %y = nn.add %x, %ob : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %u = nn.matmul %y, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %ub = nn.add %u, %b : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %g = nn.gelu %ub : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %d = nn.matmul %g, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %db = nn.add %d, %b : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %z = nn.add %y, %db : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %z : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>, %w: tensor<8x8xbf16>, %b: tensor<8xbf16>, %keys: memref<1x2x16x4xbf16>) -> tensor<1x8xbf16> {
  %y = nn.call @mix(%x, %position, %w, %b, %keys) : (tensor<1x8xbf16>, tensor<i32>, tensor<8x8xbf16>, tensor<8xbf16>, memref<1x2x16x4xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// The norms of queries and keys are one kernel with the rotations that read them, and what makes a gain is
// in the kernel of its norm.
// CHECK: kernel.func @heads.norm(
// CHECK-NEXT: nn.add_scalar
// CHECK-NEXT: nn.rms_norm
// CHECK-NEXT: kernel.return
// CHECK: kernel.func @heads.qkv(
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: kernel.return
// CHECK: kernel.func @heads.rope(
// CHECK-NEXT: nn.rms_norm
// CHECK-NEXT: nn.rms_norm
// CHECK-NEXT: nn.rope
// CHECK-NEXT: nn.rope
// CHECK-NEXT: kernel.return
func.func private @heads(%x: tensor<1x8xbf16>, %position: tensor<i32>, %w: tensor<8x8xbf16>, %v: tensor<8x8xbf16>, %b: tensor<8xbf16>, %g: tensor<4xbf16>, %keys: memref<1x2x16x4xbf16>) -> tensor<1x8xbf16> {
  %one = nn.add_scalar %b, 1.0 : (tensor<8xbf16>) -> tensor<8xbf16>
  %n = nn.rms_norm %x, %one eps 1.0e-06 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %q = nn.matmul %n, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %k = nn.matmul %n, %v : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %qn = nn.rms_norm %q, %g eps 1.0e-06 group 4 : (tensor<1x8xbf16>, tensor<4xbf16>) -> tensor<1x8xbf16>
  %kn = nn.rms_norm %k, %g eps 1.0e-06 group 4 : (tensor<1x8xbf16>, tensor<4xbf16>) -> tensor<1x8xbf16>
  %qr = nn.rope %qn, %position {head_dim = 4, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %kr = nn.rope %kn, %position {head_dim = 4, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  nn.cache_append %keys[%position], %kr : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %a = nn.attention %qr, %keys, %keys, %position scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return %a : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>, %position: tensor<i32>, %w: tensor<8x8xbf16>, %v: tensor<8x8xbf16>, %b: tensor<8xbf16>, %g: tensor<4xbf16>, %keys: memref<1x2x16x4xbf16>) -> tensor<1x8xbf16> {
  %y = nn.call @heads(%x, %position, %w, %v, %b, %g, %keys) : (tensor<1x8xbf16>, tensor<i32>, tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8xbf16>, tensor<4xbf16>, memref<1x2x16x4xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
