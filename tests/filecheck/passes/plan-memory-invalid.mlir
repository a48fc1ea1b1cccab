// What has no place in memory, and why.
// RUN: kl-opt %s -p plan-memory --split-input-file --verify-diagnostics | filecheck %s
// RUN: kl-opt %s -p "plan-memory{spill=true}" --split-input-file --verify-diagnostics | filecheck %s --check-prefix=SPILL

// The weight takes 2048 bytes, the input, rounded up, 256: 2304 of 2048. It could be spilled.
// CHECK: the model needs 2.304 kB of HBM, the machine has 2.048 kB: 256 B short
// CHECK: help: 2 sockets would hold it, estimated by dividing; or let DDR hold the rest: --spill, or plan-memory{spill=true}
// SPILL-NOT: error
// SPILL: nn.weight @w : tensor<1024xbf16> {address = 0 : i64, tier = "ddr"}
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 2048}>} {
  nn.weight @w : tensor<1024xbf16>
  kernel.schedule @step(%p: tensor<i32>) {
    kernel.return
  }
}

// -----
// On several sockets the need of all counts. DDR is too small for the weight: 2048 of 1024 bytes; with both memories 2304
// x 8 bytes are to lie in 2048 each.
// CHECK: the model needs 2.304 kB of HBM on each socket, the machine has 1.024 kB: 1.28 kB short; on all 8 sockets 18.43 kB of 8.192 kB, 10.24 kB short
// CHECK: help: 32 sockets would hold it, estimated by dividing; or use a smaller context
// SPILL: what HBM cannot hold needs 2.048 kB of DDR on each socket, the machine has 1.024 kB: 1.024 kB short; on all 8 sockets 16.38 kB of 8.192 kB, 8.192 kB short
// SPILL: help: 16 sockets would hold it, estimated by dividing; or use a smaller context
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 1024, ddr_bytes = 1024, sockets = 8}>} {
  nn.weight @w : tensor<1024xbf16>
  kernel.schedule @step(%p: tensor<i32>) {
    kernel.return
  }
}

// -----
// The inputs alone are too much, so spilling does not help.
// CHECK: the model needs 2.816 kB of HBM, the machine has 256 B: 2.56 kB short
// CHECK: help: 16 sockets would hold it, estimated by dividing; or use a smaller context
// SPILL: inputs and values of a step need 768 B of HBM, the machine has 256 B: 512 B short
// SPILL: help: weights and caches can be spilled, these cannot; use a smaller batch or a larger hbm_bytes
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 256}>} {
  nn.weight @w : tensor<1024xbf16>
  kernel.schedule @step(%p: tensor<i32>, %x: tensor<256xbf16>) {
    kernel.return
  }
}

// -----
// CHECK: 2 schedules in a module; memory is planned for one
kernel.schedule @step() {
  kernel.return
}
kernel.schedule @again() {
  kernel.return
}

// -----
// A stack joins what has an address for good, at a distance that is the size of a part, once.
// CHECK: only weights and states can be laid out as a stack
kernel.schedule @step(%x: tensor<128xbf16>) {
  %s = kernel.stack %x, %x : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  kernel.return
}

// -----
// CHECK: parts of 200 bytes have no constant stride at an alignment of 256; declare them as one stacked weight
nn.weight @a : tensor<100xbf16>
nn.weight @b : tensor<100xbf16>
kernel.schedule @step() {
  %a = nn.get_global @a : tensor<100xbf16>
  %b = nn.get_global @b : tensor<100xbf16>
  %s = kernel.stack %a, %b : (tensor<100xbf16>, tensor<100xbf16>) -> tensor<2x100xbf16>
  kernel.return
}

// -----
// CHECK: @a stands twice in stacks; it has one place in memory
nn.weight @a : tensor<128xbf16>
kernel.schedule @step() {
  %a = nn.get_global @a : tensor<128xbf16>
  %s = kernel.stack %a, %a : (tensor<128xbf16>, tensor<128xbf16>) -> tensor<2x128xbf16>
  kernel.return
}

// -----
// CHECK: @a stands twice in stacks; it has one place in memory
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
