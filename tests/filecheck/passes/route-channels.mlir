// RUN: kl-opt %s -p route-channels --split-input-file | filecheck %s
// RUN: kl-opt %s -p route-channels,route-channels --split-input-file | filecheck %s

// Two dies of 2 x 2: units 0 to 7 at (0, 0) (1, 0) (1, 1) (0, 1), and on the second die (0, 2) (1, 2) (1, 3) (0, 3).
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 8, dies = 2, grid_columns = 2}>} {

// 128 bytes in 4 cycles. %a comes in at column 0 in two rows, 1 hop, and goes on to PCU 5 at (1, 2): 1 hop from (1, 1),
// 2 from (0, 1). %b needs no PMU and leaves PCU 5 at column 3, all of it over one link: 128 / 4 = 32 bytes a cycle.
// CHECK-LABEL: dataflow.kernel @once
// CHECK-SAME:    busiest_link_bytes_per_cycle = 32 : i64
// CHECK-NEXT:  %a = dataflow.channel 1 {pmus = 2 : i64, pmu_first = 2 : i64, hops = 3 : i64}
// CHECK-NEXT:  %b = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 4 : i64, hops = 1 : i64}
  dataflow.kernel @once(%x: tensor<64xbf16>) -> tensor<64xbf16> attributes {ii = 4, latency = 4} {
    %a = dataflow.channel 1 {pmus = 2, pmu_first = 2} : !dataflow.channel<tensor<64xbf16>>
    %b = dataflow.channel 1 {pmus = 0, pmu_first = 4} : !dataflow.channel<tensor<64xbf16>>
    dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
    dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<64xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<64xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 5} {
    ^bb0(%0: tensor<64xbf16>):
      %1 = nn.silu %0 : (tensor<64xbf16>) -> tensor<64xbf16>
      dataflow.yield %1 : tensor<64xbf16>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<64xbf16>>
  }

// A kernel that runs once and takes 8 cycles moves its 128 bytes in those: 16. Old hops are replaced.
// CHECK-LABEL: dataflow.kernel @slow
// CHECK-SAME:    busiest_link_bytes_per_cycle = 16 : i64
// CHECK-NEXT:  %a = dataflow.channel 1 {pmus = 2 : i64, pmu_first = 2 : i64, hops = 3 : i64}
// CHECK-NEXT:  %b = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 4 : i64, hops = 1 : i64}
  dataflow.kernel @slow(%x: tensor<64xbf16>) -> tensor<64xbf16> attributes {ii = 4, latency = 8} {
    %a = dataflow.channel 1 {pmus = 2, pmu_first = 2, hops = 9} : !dataflow.channel<tensor<64xbf16>>
    %b = dataflow.channel 1 {pmus = 0, pmu_first = 4, hops = 9} : !dataflow.channel<tensor<64xbf16>>
    dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
    dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<64xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<64xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 5} {
    ^bb0(%0: tensor<64xbf16>):
      %1 = nn.silu %0 : (tensor<64xbf16>) -> tensor<64xbf16>
      dataflow.yield %1 : tensor<64xbf16>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<64xbf16>>
  }

// Three overlapping iterations take 8 + 2 * 4 = 16 cycles: 3 * 128 / 16 = 24.
// CHECK-LABEL: dataflow.kernel @looped
// CHECK-SAME:    busiest_link_bytes_per_cycle = 24 : i64
  dataflow.kernel @looped(%x: tensor<64xbf16>) -> tensor<64xbf16> attributes {loops = #dataflow.loops<iteration 3>, ii = 4, latency = 8} {
    %a = dataflow.channel 1 {pmus = 2, pmu_first = 2} : !dataflow.channel<tensor<64xbf16>>
    %b = dataflow.channel 1 {pmus = 0, pmu_first = 4} : !dataflow.channel<tensor<64xbf16>>
    dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
    dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<64xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<64xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 5} {
    ^bb0(%0: tensor<64xbf16>):
      %1 = nn.silu %0 : (tensor<64xbf16>) -> tensor<64xbf16>
      dataflow.yield %1 : tensor<64xbf16>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<64xbf16>>
  }

}

// -----
// Kernels of operations have no routes.
// CHECK: kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NOT: busiest
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
