// RUN: kl-opt %s -t c | filecheck %s

// A kernel is a C function, a loop over layers a loop: stacks are pointers to each slice. Threads that make the
// same columns of several results need no barrier between them.

// CHECK: with the FOLDER backends/cpu/c of kl
// CHECK: #include "numbers.h"
// CHECK: int kl_open(int threads)
// CHECK: /* kernel.func @layers */
// CHECK-NEXT: static void layers_body(kl_thread *thread, void **arguments) {
// CHECK-NEXT:   kl_bf16 *x = arguments[0];
// CHECK-NEXT:   kl_bf16 **w = arguments[1];
// CHECK-NEXT:   kl_bf16 *result = arguments[2];
// CHECK: kl_barrier(thread);
// CHECK-NEXT: for (long i_1 = 0; i_1 < 4; i_1++) {
// CHECK-NEXT: kl_bf16 *w_1 = w[i_1];
// CHECK: /* m_1 = nn.matmul result, w_1 */
// CHECK: kl_columns_bf16(row_1, own, row, 64, 1, w_1 + j, 64, own, 64);
// CHECK-NOT: kl_barrier
// CHECK: /* s = nn.silu m_1 */
// CHECK: s[j] = kl_to_bf16(kl_silu(kl_of_bf16(m_1[j])));
// CHECK-NEXT: }
// What the loop carries is written once nobody reads it any more.
// CHECK-NEXT: kl_barrier(thread);
// CHECK: result[m * 64 + j] = s[m * 64 + j];
// CHECK: kl_barrier(thread);
// CHECK: void layers(void **arguments) { kl_call(layers_body, arguments); }

kernel.func @layers(%x: tensor<1x64xbf16>, %w: tensor<4x64x64xbf16>) -> tensor<1x64xbf16> {
  %y = kernel.loop 4 carried(%x : tensor<1x64xbf16>) -> tensor<1x64xbf16> stacks(%w : tensor<4x64x64xbf16>) {
  ^bb0(%h: tensor<1x64xbf16>, %w_1: tensor<64x64xbf16>):
    %m = nn.matmul %h, %w_1 : (tensor<1x64xbf16>, tensor<64x64xbf16>) -> tensor<1x64xbf16>
    %s = nn.silu %m : (tensor<1x64xbf16>) -> tensor<1x64xbf16>
    kernel.yield %s : tensor<1x64xbf16>
  }
  kernel.return %y : tensor<1x64xbf16>
}
