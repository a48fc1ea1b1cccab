// Every operation of the dialect is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// Weights may be stacked by layer, named as in a checkpoint and transposed or a part there, or have a value; states are memory.
// CHECK: nn.weight @table : tensor<16x8xbf16> from "embed.weight"
// CHECK-NEXT: nn.weight @decoder.wq : tensor<2x8x8xbf16> from "layers.{layer}.q.weight" {transposed, stacked}
// CHECK-NEXT: nn.weight @decoder.wk : tensor<2x8x4xbf16> from "layers.{layer}.qk.weight" {transposed, stacked, rows = array<i64: 4, 8, 8>, columns = array<i64: 0, 8, 0>, layers = array<i64: 1, 3>}
// CHECK-NEXT: nn.weight @slopes : tensor<2xf32> {value = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf64>}
// CHECK-NEXT: nn.state @decoder.keys : memref<2x1x2x4x4xbf16> {stacked}
// GENERIC: "nn.weight"() <{sym_name = "decoder.wq", type = tensor<2x8x8xbf16>, checkpoint = "layers.{layer}.q.weight", transposed, stacked}> : () -> ()
nn.weight @table : tensor<16x8xbf16> from "embed.weight"
nn.weight @decoder.wq : tensor<2x8x8xbf16> from "layers.{layer}.q.weight" {transposed, stacked}
nn.weight @decoder.wk : tensor<2x8x4xbf16> from "layers.{layer}.qk.weight" {transposed, stacked, rows = array<i64: 4, 8, 8>, columns = array<i64: 0, 8, 0>, layers = array<i64: 1, 3>}
nn.weight @slopes : tensor<2xf32> {value = dense<[0.5, 0.25]> : tensor<2xf64>}
nn.state @decoder.keys : memref<2x1x2x4x4xbf16> {stacked}

// CHECK: func.func private @compute(
func.func private @compute(%ids: tensor<1xi32>, %table: tensor<16x8xbf16>, %norm: tensor<8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1xi32> {
  // CHECK-NEXT: %x = nn.embedding %ids, %table : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  %x = nn.embedding %ids, %table : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  // CHECK-NEXT: %h = nn.rms_norm %x, %norm eps 1.000000e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  // GENERIC: "nn.rms_norm"(%x, %norm) <{eps = 1.000000e-05 : f64}>
  %h = nn.rms_norm %x, %norm eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  // CHECK-NEXT: %p = nn.matmul %h, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xf32>
  %p = nn.matmul %h, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xf32>
  // CHECK-NEXT: %a = nn.add %p, %p : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  %a = nn.add %p, %p : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  // CHECK-NEXT: %m = nn.mul %a, %p : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  %m = nn.mul %a, %p : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  // CHECK-NEXT: %s = nn.silu %m : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %s = nn.silu %m : (tensor<1x8xf32>) -> tensor<1x8xf32>
  // CHECK-NEXT: %g = nn.gelu %s : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %g = nn.gelu %s : (tensor<1x8xf32>) -> tensor<1x8xf32>
  // CHECK-NEXT: %c = nn.cast %g : (tensor<1x8xf32>) -> tensor<1x8xbf16>
  %c = nn.cast %g : (tensor<1x8xf32>) -> tensor<1x8xbf16>
  // CHECK-NEXT: %t = nn.matmul %c, %table {transposed} : (tensor<1x8xbf16>, tensor<16x8xbf16>) -> tensor<1x16xbf16>
  // GENERIC: "nn.matmul"(%c, %table) <{transposed}>
  %t = nn.matmul %c, %table {transposed} : (tensor<1x8xbf16>, tensor<16x8xbf16>) -> tensor<1x16xbf16>
  // CHECK-NEXT: %left = nn.slice %t from 4 : (tensor<1x16xbf16>) -> tensor<1x3xbf16>
  %left = nn.slice %t from 4 : (tensor<1x16xbf16>) -> tensor<1x3xbf16>
  // CHECK-NEXT: %both = nn.concat %left, %t : (tensor<1x3xbf16>, tensor<1x16xbf16>) -> tensor<1x19xbf16>
  %both = nn.concat %left, %t : (tensor<1x3xbf16>, tensor<1x16xbf16>) -> tensor<1x19xbf16>
  // CHECK-NEXT: %n = nn.argmax %c : (tensor<1x8xbf16>) -> tensor<1xi32>
  %n = nn.argmax %c : (tensor<1x8xbf16>) -> tensor<1xi32>
  func.return %n : tensor<1xi32>
}

// CHECK: func.func private @attend(
func.func private @attend(%x: tensor<1x8xbf16>, %position: tensor<i32>, %keys: memref<1x2x4x4xbf16>, %values: memref<1x2x4x4xbf16>) -> tensor<1x8xbf16> {
  // CHECK-NEXT: %q = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.000000e+00, 0.123456789012345{{[0-9]+}}>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %q = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0, 0.12345678901234568>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  // CHECK-NEXT: %k = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.000000e+00>, scale = 5.000000e-01 : f64, long_frequencies = array<f64: 2.500000e-01>, long_from = 8 : i64, interleaved} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %k = nn.rope %x, %position {head_dim = 4 : i64, frequencies = array<f64: 1.0>, scale = 0.5 : f64, long_frequencies = array<f64: 0.25>, long_from = 8 : i64, interleaved} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  // CHECK-NEXT: nn.cache_append %keys[%position], %k : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  nn.cache_append %keys[%position], %k : memref<1x2x4x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  // CHECK-NEXT: %y = nn.attention %q, %keys, %values, %position scale 5.000000e-01 : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %y = nn.attention %q, %keys, %values, %position scale 0.5 : (tensor<1x8xbf16>, memref<1x2x4x4xbf16>, memref<1x2x4x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// The three parts of an attention that work on tiles of the context.
// CHECK: func.func private @attend_in_tiles(
func.func private @attend_in_tiles(%q: tensor<1x8xbf16>, %position: tensor<i32>, %keys: tensor<1x2x4x4xbf16>, %values: tensor<1x2x4x4xbf16>, %sum: tensor<1x8xf64>) -> tensor<1x8xf64> {
  // CHECK-NEXT: %s = nn.attention_scores %q, %keys scale 5.000000e-01 : (tensor<1x8xbf16>, tensor<1x2x4x4xbf16>) -> tensor<1x2x4xf32>
  %s = nn.attention_scores %q, %keys scale 0.5 : (tensor<1x8xbf16>, tensor<1x2x4x4xbf16>) -> tensor<1x2x4xf32>
  // CHECK-NEXT: %p = nn.attention_softmax %s, %position : (tensor<1x2x4xf32>, tensor<i32>) -> tensor<1x2x4xf32>
  %p = nn.attention_softmax %s, %position : (tensor<1x2x4xf32>, tensor<i32>) -> tensor<1x2x4xf32>
  // CHECK-NEXT: %y = nn.attention_values %p, %values, %sum : (tensor<1x2x4xf32>, tensor<1x2x4x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
  %y = nn.attention_values %p, %values, %sum : (tensor<1x2x4xf32>, tensor<1x2x4x4xbf16>, tensor<1x8xf64>) -> tensor<1x8xf64>
  func.return %y : tensor<1x8xf64>
}

// A step fetches its weights, calls layers with a slice of each stack, and lets the host read a value.
// CHECK: func.func private @layer(
func.func private @layer(%x: tensor<1x8xbf16>, %wq: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %wq : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
// CHECK: func.func @step(
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  // CHECK-NEXT: %wq = nn.get_global @decoder.wq : tensor<2x8x8xbf16>
  %wq = nn.get_global @decoder.wq : tensor<2x8x8xbf16>
  // CHECK-NEXT: %y = nn.call @layer[1] (%x, %wq) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  // GENERIC: "nn.call"(%x, %wq) <{callee = @layer, index = 1 : i64}>
  %y = nn.call @layer[1](%x, %wq) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  // CHECK-NEXT: nn.observe %y as "hidden" : tensor<1x8xbf16>
  nn.observe %y as "hidden" : tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
