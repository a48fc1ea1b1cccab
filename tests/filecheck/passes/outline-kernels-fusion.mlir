// The fusion rules of granularity op, on operations that stand in the step itself: what is joined, what is not.
// RUN: kl-opt %s -p outline-kernels --split-input-file | filecheck %s
// RUN: kl-opt %s -p outline-kernels --split-input-file --remarks 2>&1 | filecheck %s --check-prefix=REMARK

// Products of one value are joined although another operation stands between them.
// CHECK: kernel.func @siblings.gate_up(
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: kernel.return %a, %c
func.func @siblings(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>, %v: tensor<8x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.silu %a : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %c = nn.matmul %x, %v : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %b, %c : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// Not where the second needs a result of the first through an operation between them: the joint kernel would
// have to run both before and after it.
// CHECK: kernel.schedule @dependent(
// CHECK: %a = kernel.call @dependent.
// CHECK: %b = kernel.call @dependent.activation(%a)
// CHECK: kernel.call @dependent.{{.*}}(%x, %b)
func.func @dependent(%x: tensor<8x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<8x8xbf16> {
  %a = nn.matmul %x, %w : (tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %b = nn.silu %a : (tensor<8x8xbf16>) -> tensor<8x8xbf16>
  %c = nn.matmul %x, %b : (tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<8x8xbf16>
  func.return %c : tensor<8x8xbf16>
}

// -----
// Not over the host's shoulder: it waits there.
// CHECK: kernel.schedule @observed(
// CHECK: kernel.call
// CHECK: nn.observe
// CHECK: kernel.call
func.func @observed(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>, %v: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %a as "a" : tensor<1x8xbf16>
  %b = nn.matmul %x, %v : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %b : tensor<1x8xbf16>
}

// -----
// No append moves past an attention: the first attention must not see what is appended after it.
// CHECK: kernel.schedule @attention_between(
// CHECK-NEXT: kernel.call @attention_between.append(%keys,
// CHECK-NEXT: kernel.call @attention_between.attention(
// CHECK-NEXT: kernel.call @attention_between.append_1(%values,
// CHECK-NEXT: kernel.call @attention_between.attention_1(
func.func @attention_between(%q: tensor<1x4xbf16>, %k: tensor<1x4xbf16>, %keys: memref<1x1x8x4xbf16>, %values: memref<1x1x8x4xbf16>, %position: tensor<i32>) -> (tensor<1x4xbf16>, tensor<1x4xbf16>) {
  nn.cache_append %keys[%position], %k : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  %a = nn.attention %q, %keys, %values, %position scale 0.5 : (tensor<1x4xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
  nn.cache_append %values[%position], %k : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  %b = nn.attention %q, %keys, %values, %position scale 0.5 : (tensor<1x4xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
  func.return %a, %b : tensor<1x4xbf16>, tensor<1x4xbf16>
}

// -----
// Appends to the caches of one attention are one kernel; those to another attention's are another.
// CHECK: kernel.schedule @two_attentions(
// CHECK-NEXT: kernel.call @two_attentions.append(%k0, %x, %position, %v0)
// CHECK-NEXT: kernel.call @two_attentions.append_1(%k1, %x, %position, %v1)
// CHECK-NEXT: kernel.call @two_attentions.attention(
// CHECK-NEXT: kernel.call @two_attentions.attention_1(
func.func @two_attentions(%x: tensor<1x4xbf16>, %k0: memref<1x1x8x4xbf16>, %v0: memref<1x1x8x4xbf16>, %k1: memref<1x1x8x4xbf16>, %v1: memref<1x1x8x4xbf16>, %position: tensor<i32>) -> (tensor<1x4xbf16>, tensor<1x4xbf16>) {
  nn.cache_append %k0[%position], %x : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  nn.cache_append %v0[%position], %x : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  nn.cache_append %k1[%position], %x : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  nn.cache_append %v1[%position], %x : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  %a = nn.attention %x, %k0, %v0, %position scale 0.5 : (tensor<1x4xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
  %b = nn.attention %x, %k1, %v1, %position scale 0.5 : (tensor<1x4xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
  func.return %a, %b : tensor<1x4xbf16>, tensor<1x4xbf16>
}

// -----
// Two appends to one cache stay two kernels.
// CHECK: kernel.schedule @one_cache(
// CHECK-NEXT: kernel.call @one_cache.append(%cache, %x, %p)
// CHECK-NEXT: kernel.call @one_cache.append_1(%cache, %x, %q)
// CHECK-NEXT: kernel.call @one_cache.attention(
func.func @one_cache(%x: tensor<1x4xbf16>, %cache: memref<1x1x8x4xbf16>, %p: tensor<i32>, %q: tensor<i32>) -> tensor<1x4xbf16> {
  nn.cache_append %cache[%p], %x : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  nn.cache_append %cache[%q], %x : memref<1x1x8x4xbf16>, tensor<i32>, tensor<1x4xbf16>
  %a = nn.attention %x, %cache, %cache, %q scale 0.5 : (tensor<1x4xbf16>, memref<1x1x8x4xbf16>, memref<1x1x8x4xbf16>, tensor<i32>) -> tensor<1x4xbf16>
  func.return %a : tensor<1x4xbf16>
}

// -----
// Ropes of what one kernel makes are one kernel.
// CHECK: kernel.func @ropes.rope(
// CHECK-NEXT: nn.rope
// CHECK-NEXT: nn.rope
// CHECK-NEXT: kernel.return
// CHECK: kernel.func @ropes.rope_1(
// CHECK-NEXT: nn.rope
// CHECK-NEXT: kernel.return
func.func @ropes(%x: tensor<1x8xbf16>, %y: tensor<1x8xbf16>, %w: tensor<8x8xbf16>, %position: tensor<i32>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %p = nn.rope %a, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %q = nn.rope %b, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %r = nn.rope %y, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.01>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return %p, %q, %r : tensor<1x8xbf16>, tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// An elementwise operation whose value two others read is a kernel of its own.
// CHECK: kernel.schedule @two_readers(
// CHECK-NEXT: %s = kernel.call @two_readers.activation(%x)
// CHECK-NEXT: kernel.call @two_readers.activation_1(%s, %x)
// CHECK-NEXT: kernel.call @two_readers.activation_2(%s)
func.func @two_readers(%x: tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %s = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %a = nn.mul %s, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.gelu %s : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %a, %b : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// A norm that two products read stays apart from them; they are one kernel.
// CHECK: kernel.schedule @norm_of_two(
// CHECK-NEXT: %h = kernel.call @norm_of_two.norm(
// CHECK-NEXT: kernel.call @norm_of_two.head(%h,
// CHECK-NEXT: kernel.return
func.func @norm_of_two(%x: tensor<1x8xbf16>, %norm: tensor<8xbf16>, %w: tensor<8x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %h = nn.rms_norm %x, %norm eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %a = nn.matmul %h, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.matmul %h, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %a, %b : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// A sum goes into the product that it adds only if it alone reads the product.
// CHECK: kernel.func @product_read_twice.head(
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: kernel.return
// CHECK: kernel.func @product_read_twice.add(
func.func @product_read_twice(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %p = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.add %x, %p : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y, %p : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// A conversion is done by the kernel that makes its operand.
// CHECK: kernel.schedule @conversion(
// CHECK-NEXT: kernel.call @conversion.{{.*}}(%x, %w) : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xf32>
// CHECK-NEXT: kernel.call @conversion.argmax(
// CHECK-NEXT: kernel.return
func.func @conversion(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1xi32> {
  %p = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %c = nn.cast %p : (tensor<1x8xbf16>) -> tensor<1x8xf32>
  %n = nn.argmax %c : (tensor<1x8xf32>) -> tensor<1xi32>
  func.return %n : tensor<1xi32>
}

// -----
// An operation that declares no role is joined with nothing that it reads or that reads it, and a remark says so;
// a conversion goes into any kernel that makes its operand.
// CHECK: kernel.func @foreign.sqrt(
// CHECK: kernel.func @foreign.activation(
// CHECK: kernel.func @foreign.absf(
// CHECK-NEXT: math.absf
// CHECK-NEXT: nn.cast
// REMARK: remark: math.sqrt is a kernel of its own: it declares no fusion role
// REMARK: remark: math.absf is a kernel of its own: it declares no fusion role
// REMARK-NOT: remark: nn
func.func @foreign(%x: tensor<1x8xf32>) -> tensor<1x8xbf16> {
  %a = math.sqrt %x : tensor<1x8xf32>
  %b = nn.silu %a : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %c = math.absf %b : tensor<1x8xf32>
  %d = nn.cast %c : (tensor<1x8xf32>) -> tensor<1x8xbf16>
  func.return %d : tensor<1x8xbf16>
}
