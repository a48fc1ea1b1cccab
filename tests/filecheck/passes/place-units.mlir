// RUN: kl-opt %s -p place-units --split-input-file | filecheck %s
// RUN: kl-opt %s -p place-units,place-units --split-input-file | filecheck %s

// Units are numbered in program order along the snake of the grid, here 4 columns: 0 1 2 3, then backwards 7 6 5 4. A
// channel comes where its reader does: %b before %a. Hops go from the middle of the producer to the middle PMU to the
// middle of the reader; an AGCU sits at column 0 of the PMU's row.
// %b: PMUs 0 to 2, middle 1 at (0, 1). From the AGCU 1, to "first" on PCUs 0 to 4, middle 2 at (0, 2), 1: 2.
// %a: PMU 3, "middle" 3 at (0, 3). From the AGCU 3, to "second" on PCUs 5 and 6, middle 6 at (1, 1), 1 + 2: 6.
// %c: in a FIFO, counted as if in PMU 4 at (1, 3). From "first", 1 + 1, to "second", 2: 4.
// %d: PMUs 4 and 5, middle 5 at (1, 2). From "second" 1, to the AGCU 2: 3.
// CHECK-LABEL: dataflow.kernel @two
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 1 : i64, pmu_first = 3 : i64, hops = 6 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 3 : i64, pmu_first = 0 : i64, hops = 2 : i64}
// CHECK-NEXT: %c = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 4 : i64, hops = 4 : i64}
// CHECK-NEXT: %d = dataflow.channel 1 {pmus = 2 : i64, pmu_first = 4 : i64, hops = 3 : i64}
// CHECK: dataflow.stage "first" {{.*}} attributes {pcus = 5 : i64, pcu_first = 0 : i64} {
// CHECK: dataflow.stage "second" {{.*}} attributes {pcus = 2 : i64, pcu_first = 5 : i64} {
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 16, pmus = 16, dies = 1, grid_columns = 4}>} {
  dataflow.kernel @two(%x: tensor<8xbf16>, %y: tensor<8xbf16>) -> tensor<8xbf16> attributes {iterations = 1} {
    %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<8xbf16>>
    %b = dataflow.channel 1 {pmus = 3} : !dataflow.channel<tensor<8xbf16>>
    %c = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<8xbf16>>
    %d = dataflow.channel 1 {pmus = 2} : !dataflow.channel<tensor<8xbf16>>
    dataflow.load %y to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
    dataflow.load %x to %b : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
    dataflow.stage "first" firings 1 ins(%b : !dataflow.channel<tensor<8xbf16>>) periods [1] outs(%c : !dataflow.channel<tensor<8xbf16>>) periods [1] attributes {pcus = 5} {
    ^bb0(%0: tensor<8xbf16>):
      %1 = nn.silu %0 : (tensor<8xbf16>) -> tensor<8xbf16>
      dataflow.yield %1 : tensor<8xbf16>
    }
    dataflow.stage "second" firings 1 ins(%a, %c : !dataflow.channel<tensor<8xbf16>>, !dataflow.channel<tensor<8xbf16>>) periods [1, 1] outs(%d : !dataflow.channel<tensor<8xbf16>>) periods [1] attributes {pcus = 2} {
    ^bb0(%0: tensor<8xbf16>, %1: tensor<8xbf16>):
      %2 = nn.mul %0, %1 : (tensor<8xbf16>, tensor<8xbf16>) -> tensor<8xbf16>
      dataflow.yield %2 : tensor<8xbf16>
    }
    dataflow.store %d result 0 : !dataflow.channel<tensor<8xbf16>>
  }
}

// -----
// Kernels of operations have no places.
// CHECK: kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NOT: first
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
