// RUN: kl-opt %s -p convert-kernel-to-dataflow,tile-stages,retain-weights,allocate-units --split-input-file | filecheck %s

// A place has a PMU and a PCU, and every stage takes a PCU. The two stages leave 8 - 2 places, over which
// the weight is spread.
// CHECK-LABEL: nn.weight @w
// CHECK-SAME: tier = "sram"
// CHECK: dataflow.stage "matmul"
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 16, hbm_bandwidth = 200000000000}>} {
  nn.weight @w : tensor<32x32xbf16>
  kernel.func @f(%x: tensor<1x32xbf16>, %w: tensor<32x32xbf16>) -> tensor<1x32xbf16> {
    %0 = nn.matmul %x, %w : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
    %1 = nn.silu %0 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    kernel.return %1 : tensor<1x32xbf16>
  }
  kernel.schedule @step(%x: tensor<1x32xbf16>) -> tensor<1x32xbf16> {
    %w = nn.get_global @w : tensor<32x32xbf16>
    %y = kernel.call @f(%x, %w) : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
    kernel.return %y : tensor<1x32xbf16>
  }
}

// -----
// Of eight places seven stages and a channel leave none.
// CHECK-LABEL: nn.weight @w
// CHECK-NOT: tier
// CHECK-COUNT-7: dataflow.stage
// CHECK: kernel.schedule
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 16, hbm_bandwidth = 200000000000}>} {
  nn.weight @w : tensor<32x32xbf16>
  kernel.func @f(%x: tensor<1x32xbf16>, %w: tensor<32x32xbf16>) -> tensor<1x32xbf16> {
    %0 = nn.matmul %x, %w : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
    %1 = nn.silu %0 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    %2 = nn.gelu %1 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    %3 = nn.silu %2 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    %4 = nn.gelu %3 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    %5 = nn.silu %4 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    %6 = nn.gelu %5 : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
    kernel.return %6 : tensor<1x32xbf16>
  }
  kernel.schedule @step(%x: tensor<1x32xbf16>) -> tensor<1x32xbf16> {
    %w = nn.get_global @w : tensor<32x32xbf16>
    %y = kernel.call @f(%x, %w) : (tensor<1x32xbf16>, tensor<32x32xbf16>) -> tensor<1x32xbf16>
    kernel.return %y : tensor<1x32xbf16>
  }
}
