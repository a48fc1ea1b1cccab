// What routing needs, and a link that is too narrow.
// RUN: kl-opt %s -p route-channels --split-input-file --verify-diagnostics | filecheck %s

// CHECK: @k has no `ii` and `latency`; run schedule-loop first
dataflow.kernel @k(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 0} : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: @k has units without places; run place-units first
dataflow.kernel @k(%x: tensor<8xbf16>) -> tensor<8xbf16> attributes {ii = 4, latency = 4} {
  %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// PMUs 1 at (1, 0) and 2 at (1, 1) feed PCU 5 at (1, 2). %a and %b go over the same link, 128 and
// 64 bytes in 4 cycles: 48. %a alone is too much for any.
// CHECK: @narrow puts 48.0 bytes a cycle on the link die 0, row 1, column 1 -> die 1, row 1, column 0, its width is 31; the largest flows on it are %a 32.0, %b 16.0; split the kernel or raise rdn_bytes_per_cycle
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 8, dies = 2, grid_columns = 2, rdn_bytes_per_cycle = 31}>} {
  dataflow.kernel @narrow(%x: tensor<64xbf16>, %y: tensor<32xbf16>) -> tensor<32xbf16> attributes {ii = 4, latency = 4} {
    %a = dataflow.channel 1 {pmus = 1, pmu_first = 1} : !dataflow.channel<tensor<64xbf16>>
    %b = dataflow.channel 1 {pmus = 1, pmu_first = 2} : !dataflow.channel<tensor<32xbf16>>
    %c = dataflow.channel 1 {pmus = 1, pmu_first = 5} : !dataflow.channel<tensor<32xbf16>>
    dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
    dataflow.load %y to %b : tensor<32xbf16> -> !dataflow.channel<tensor<32xbf16>>
    dataflow.stage "second" firings 1 ins(%a, %b : !dataflow.channel<tensor<64xbf16>>, !dataflow.channel<tensor<32xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<32xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 5} {
    ^bb0(%0: tensor<64xbf16>, %1: tensor<32xbf16>):
      dataflow.yield %1 : tensor<32xbf16>
    }
    dataflow.store %c result 0 : !dataflow.channel<tensor<32xbf16>>
  }
}

// -----
// A column on each die: from PMU 3 at (3, 0) to PCU 4 at (3, 1) it is one link, which leads to the other die.
// CHECK: @across puts 32.0 bytes a cycle on the link die 0, row 3, column 0 -> die 1, row 3, column 0, its width is 31; the largest flows on it are %a 32.0; split
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 8, dies = 2, grid_columns = 1, rdn_bytes_per_cycle = 31}>} {
  dataflow.kernel @across(%x: tensor<64xbf16>) -> tensor<64xbf16> attributes {ii = 4, latency = 4} {
    %a = dataflow.channel 1 {pmus = 1, pmu_first = 3} : !dataflow.channel<tensor<64xbf16>>
    %b = dataflow.channel 1 {pmus = 1, pmu_first = 4} : !dataflow.channel<tensor<64xbf16>>
    dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
    dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<64xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<64xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 4} {
    ^bb0(%0: tensor<64xbf16>):
      dataflow.yield %0 : tensor<64xbf16>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<64xbf16>>
  }
}
