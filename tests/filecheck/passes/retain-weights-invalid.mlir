// RUN: kl-opt %s -p retain-weights --verify-diagnostics | filecheck %s
// RUN: not kl-opt %s -p "retain-weights{percent=0}" 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not kl-opt %s -p "retain-weights{percent=101}" 2>&1 | filecheck %s --check-prefix=MORE

// NONE: error: percent is 0; it must be between 1 and 100
// MORE: error: percent is 101; it must be between 1 and 100

// What a kernel needs is known when it has channels.
// CHECK: @norm has no channels yet; run convert-kernel-to-dataflow first
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-5 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
