// RUN: kl-opt %s -p retain-weights --split-input-file | filecheck %s
// RUN: kl-opt %s -p retain-weights,retain-weights --split-input-file | filecheck %s
// RUN: kl-opt %s -p retain-weights,allocate-units --split-input-file | filecheck %s --check-prefix UNITS

// PMUs of 4 KiB, 40 of them, of which @a needs 1 and @b 2, and the channels behind their stages 1 and 2. Spread over more
// they are read sooner: @b has twice the bytes and is what the kernel waits for, so it gets twice as many as @a, and what is
// made of the two as many as they. PMUs of @b are 21 to 33, SRAM begins at 0, so its address is 21 x 4096.
// CHECK: nn.weight @a : tensor<4x512xbf16> {tier = "sram", address = 139264 : i64, pmus = 6 : i64}
// CHECK-NEXT: nn.weight @b : tensor<4x1024xbf16> {tier = "sram", address = 86016 : i64, pmus = 13 : i64}
// CHECK-LABEL: dataflow.kernel @silu
// CHECK: dataflow.load %a to %p {resident = array<i64: 34, 6>}
// CHECK: dataflow.load %b to %q {resident = array<i64: 21, 13>}
// Their channels lie in their PMUs, their stages beside them; the others share the 21 units that are left.
// UNITS-LABEL: dataflow.kernel @silu
// UNITS: %p = dataflow.channel 1 {pmus = 6 : i64}
// UNITS: %q = dataflow.channel 1 {pmus = 13 : i64}
// UNITS: %r = dataflow.channel 1 {pmus = 8 : i64}
// UNITS: %s = dataflow.channel 1 {pmus = 13 : i64}
// UNITS: dataflow.stage "silu a" {{.*}} attributes {pcus = 6 : i64}
// UNITS: dataflow.stage "silu b" {{.*}} attributes {pcus = 13 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 40, pmu_bytes = 4096}>} {
  nn.weight @a : tensor<4x512xbf16>
  nn.weight @b : tensor<4x1024xbf16>
  dataflow.kernel @silu(%a: tensor<4x512xbf16>, %b: tensor<4x1024xbf16>) -> (tensor<4x512xbf16>, tensor<4x1024xbf16>) {
    %p = dataflow.channel 1 : !dataflow.channel<tensor<1x512xbf16>>
    %q = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
    %r = dataflow.channel 1 : !dataflow.channel<tensor<1x512xbf16>>
    %s = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
    dataflow.load %a to %p : tensor<4x512xbf16> -> !dataflow.channel<tensor<1x512xbf16>>
    dataflow.load %b to %q : tensor<4x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
    dataflow.stage "silu a" firings 4 ins(%p : !dataflow.channel<tensor<1x512xbf16>>) periods [1] outs(%r : !dataflow.channel<tensor<1x512xbf16>>) periods [1] {
    ^bb0(%0: tensor<1x512xbf16>):
      %1 = nn.silu %0 : (tensor<1x512xbf16>) -> tensor<1x512xbf16>
      dataflow.yield %1 : tensor<1x512xbf16>
    }
    dataflow.stage "silu b" firings 4 ins(%q : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] outs(%s : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] {
    ^bb0(%2: tensor<1x1024xbf16>):
      %3 = nn.silu %2 : (tensor<1x1024xbf16>) -> tensor<1x1024xbf16>
      dataflow.yield %3 : tensor<1x1024xbf16>
    }
    dataflow.store %r result 0 : !dataflow.channel<tensor<1x512xbf16>>
    dataflow.store %s result 1 : !dataflow.channel<tensor<1x1024xbf16>>
  }
  kernel.schedule @step() -> (tensor<4x512xbf16>, tensor<4x1024xbf16>) {
    %a = nn.get_global @a : tensor<4x512xbf16>
    %b = nn.get_global @b : tensor<4x1024xbf16>
    %y, %z = kernel.call @silu(%a, %b) : (tensor<4x512xbf16>, tensor<4x1024xbf16>) -> (tensor<4x512xbf16>, tensor<4x1024xbf16>)
    kernel.return %y, %z : tensor<4x512xbf16>, tensor<4x1024xbf16>
  }
}

// -----
// A tile of 64 bytes comes from one PMU in a cycle, in which a PCU computes it: more make nothing faster.
// CHECK: nn.weight @w : tensor<64x32xbf16> {tier = "sram", {{.*}} pmus = 1 : i64}
nn.weight @w : tensor<64x32xbf16>
dataflow.kernel @silu(%w: tensor<64x32xbf16>) -> tensor<64x32xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  dataflow.load %w to %a : tensor<64x32xbf16> -> !dataflow.channel<tensor<1x32xbf16>>
  dataflow.stage "silu" firings 64 ins(%a : !dataflow.channel<tensor<1x32xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%c: tensor<1x32xbf16>):
    %d = nn.silu %c : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %d : tensor<1x32xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x32xbf16>>
}
kernel.schedule @step() -> tensor<64x32xbf16> {
  %w = nn.get_global @w : tensor<64x32xbf16>
  %y = kernel.call @silu(%w) : (tensor<64x32xbf16>) -> tensor<64x32xbf16>
  kernel.return %y : tensor<64x32xbf16>
}

// -----
// A PCU of 8 FLOPs a cycle takes 16 cycles to compute a tile, so 16 of them make it faster.
// CHECK: nn.weight @w : tensor<64x32xbf16> {tier = "sram", {{.*}} pmus = 16 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{pcu_flops_per_cycle = 8 : i64}>} {
nn.weight @w : tensor<64x32xbf16>
dataflow.kernel @silu(%w: tensor<64x32xbf16>) -> tensor<64x32xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  dataflow.load %w to %a : tensor<64x32xbf16> -> !dataflow.channel<tensor<1x32xbf16>>
  dataflow.stage "silu" firings 64 ins(%a : !dataflow.channel<tensor<1x32xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%c: tensor<1x32xbf16>):
    %d = nn.silu %c : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %d : tensor<1x32xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x32xbf16>>
}
kernel.schedule @step() -> tensor<64x32xbf16> {
  %w = nn.get_global @w : tensor<64x32xbf16>
  %y = kernel.call @silu(%w) : (tensor<64x32xbf16>) -> tensor<64x32xbf16>
  kernel.return %y : tensor<64x32xbf16>
}
}

// -----
// Nothing stays where calls of a kernel read different weights, and where no stage reads it.
// CHECK-LABEL: nn.weight @first
// CHECK-NOT: tier
// CHECK-NOT: resident
// CHECK: kernel.schedule
nn.weight @first : tensor<4x8192xbf16>
nn.weight @second : tensor<4x8192xbf16>
nn.weight @copied : tensor<4x8192xbf16>
dataflow.kernel @silu(%a: tensor<4x8192xbf16>, %b: tensor<4x8192xbf16>) -> (tensor<4x8192xbf16>, tensor<4x8192xbf16>) {
  %p = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  %q = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  %r = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %a to %p : tensor<4x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %b to %q : tensor<4x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 4 ins(%p : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%r : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x8192xbf16>):
    %1 = nn.silu %0 : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %1 : tensor<1x8192xbf16>
  }
  dataflow.store %r result 0 : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.store %q result 1 : !dataflow.channel<tensor<1x8192xbf16>>
}
kernel.schedule @step() -> (tensor<4x8192xbf16>, tensor<4x8192xbf16>) {
  %first = nn.get_global @first : tensor<4x8192xbf16>
  %second = nn.get_global @second : tensor<4x8192xbf16>
  %copied = nn.get_global @copied : tensor<4x8192xbf16>
  %y, %z = kernel.call @silu(%first, %copied) : (tensor<4x8192xbf16>, tensor<4x8192xbf16>) -> (tensor<4x8192xbf16>, tensor<4x8192xbf16>)
  %v, %w = kernel.call @silu(%second, %copied) : (tensor<4x8192xbf16>, tensor<4x8192xbf16>) -> (tensor<4x8192xbf16>, tensor<4x8192xbf16>)
  kernel.return %v, %w : tensor<4x8192xbf16>, tensor<4x8192xbf16>
}

// -----
// There is no room: the kernel alone needs 5 PMUs, with both weights none.
// CHECK-LABEL: pmus = 5
// CHECK-NOT: tier
// CHECK-NOT: resident
// CHECK: kernel.schedule
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 5, pmu_bytes = 4096}>} {
  nn.weight @a : tensor<4x512xbf16>
  nn.weight @b : tensor<4x1024xbf16>
  dataflow.kernel @silu(%a: tensor<4x512xbf16>, %b: tensor<4x1024xbf16>) -> (tensor<4x512xbf16>, tensor<4x1024xbf16>) {
    %p = dataflow.channel 1 : !dataflow.channel<tensor<1x512xbf16>>
    %q = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
    %r = dataflow.channel 1 : !dataflow.channel<tensor<1x512xbf16>>
    %s = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
    dataflow.load %a to %p : tensor<4x512xbf16> -> !dataflow.channel<tensor<1x512xbf16>>
    dataflow.load %b to %q : tensor<4x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
    dataflow.stage "silu a" firings 4 ins(%p : !dataflow.channel<tensor<1x512xbf16>>) periods [1] outs(%r : !dataflow.channel<tensor<1x512xbf16>>) periods [1] {
    ^bb0(%0: tensor<1x512xbf16>):
      %1 = nn.silu %0 : (tensor<1x512xbf16>) -> tensor<1x512xbf16>
      dataflow.yield %1 : tensor<1x512xbf16>
    }
    dataflow.stage "silu b" firings 4 ins(%q : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] outs(%s : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] {
    ^bb0(%2: tensor<1x1024xbf16>):
      %3 = nn.silu %2 : (tensor<1x1024xbf16>) -> tensor<1x1024xbf16>
      dataflow.yield %3 : tensor<1x1024xbf16>
    }
    dataflow.store %r result 0 : !dataflow.channel<tensor<1x512xbf16>>
    dataflow.store %s result 1 : !dataflow.channel<tensor<1x1024xbf16>>
  }
  kernel.schedule @step() -> (tensor<4x512xbf16>, tensor<4x1024xbf16>) {
    %a = nn.get_global @a : tensor<4x512xbf16>
    %b = nn.get_global @b : tensor<4x1024xbf16>
    %y, %z = kernel.call @silu(%a, %b) : (tensor<4x512xbf16>, tensor<4x1024xbf16>) -> (tensor<4x512xbf16>, tensor<4x1024xbf16>)
    kernel.return %y, %z : tensor<4x512xbf16>, tensor<4x1024xbf16>
  }
}

