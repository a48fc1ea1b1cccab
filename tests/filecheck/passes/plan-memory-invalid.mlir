// What has no place in memory, and why.
// RUN: kl-opt %s -p plan-memory --split-input-file --verify-diagnostics | filecheck %s

// The weight takes 2048 bytes, the input, rounded up, 256: 2304 of 2048.
// CHECK: error: the model needs 2304 bytes of HBM (0.00 GiB), the machine has 2048 (0.00 GiB); use a smaller model, a shorter context or a larger hbm_bytes
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 2048}>} {
  nn.weight @w : tensor<1024xbf16>
  kernel.schedule @step(%p: tensor<i32>) {
    kernel.return
  }
}

// -----
// CHECK: plan-memory-invalid.mlir:[[# @LINE + 4]]:1: error: 2 schedules in a module; memory is planned for one
kernel.schedule @step() {
  kernel.return
}
kernel.schedule @again() {
  kernel.return
}

// -----
// A stack joins what has an address for good, at a distance that is the size of a part, once.
// CHECK: error: only weights and states can be laid out as a stack
kernel.schedule @step(%x: tensor<128xbf16>) {
  %s = kernel.stack %x, %x : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  kernel.return
}

// -----
// CHECK: error: parts of 200 bytes have no constant stride at an alignment of 256; declare them as one stacked weight
nn.weight @a : tensor<100xbf16>
nn.weight @b : tensor<100xbf16>
kernel.schedule @step() {
  %a = nn.get_global @a : tensor<100xbf16>
  %b = nn.get_global @b : tensor<100xbf16>
  %s = kernel.stack %a, %b : (tensor<100xbf16>, tensor<100xbf16>) -> tensor<2x100xbf16>
  kernel.return
}

// -----
// CHECK: error: @a stands twice in stacks; it has one place in memory
nn.weight @a : tensor<128xbf16>
kernel.schedule @step() {
  %a = nn.get_global @a : tensor<128xbf16>
  %s = kernel.stack %a, %a : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  kernel.return
}

// -----
// CHECK: plan-memory-invalid.mlir:[[# @LINE + 8]]:3: error: @a stands twice in stacks; it has one place in memory
nn.weight @a : tensor<128xbf16>
nn.weight @b : tensor<128xbf16>
kernel.schedule @step() {
  %a = nn.get_global @a : tensor<128xbf16>
  %b = nn.get_global @b : tensor<128xbf16>
  %s = kernel.stack %a : (tensor<128xbf16>) -> tensor<1x128xbf16>
  %c = nn.get_global @a : tensor<128xbf16>
  %t = kernel.stack %b, %c : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  kernel.return
}
