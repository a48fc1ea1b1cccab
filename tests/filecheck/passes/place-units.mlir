// RUN: kl-opt %s -p place-units --split-input-file | filecheck %s
// RUN: kl-opt %s -p place-units,place-units --split-input-file | filecheck %s

// Units are numbered along the snake of the grid, here 4 columns of 4: 0 to 3 down the first, 4 to 7 up the second, and
// so on. Stages keep their order, and channels have that of their readers: %b before %a. They lie where they are
// nearest to one another. Hops are those of the longest lane; AGCUs sit at columns 0 and 3.
// %b: PMUs 8 to 10, (0, 2) to (2, 2). From the AGCUs 1, to "first" on PCUs 7 to 11, (0, 1) and (0, 2) to (3, 2), 1: 2.
// %a: PMU 11, (3, 2). From the AGCU 1, to "second" on PCUs 12 and 13, (3, 3) and (2, 3), 2: 3.
// %c: in the FIFO of "second". From PCU 7 at (0, 1) to PCU 12 at (3, 3): 5.
// %d: PMUs 12 and 13, beside "second" and in the column of the AGCUs: 0.
// CHECK-LABEL: dataflow.kernel @two
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 1 : i64, pmu_first = 11 : i64, hops = 3 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 3 : i64, pmu_first = 8 : i64, hops = 2 : i64}
// CHECK-NEXT: %c = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 12 : i64, hops = 5 : i64}
// CHECK-NEXT: %d = dataflow.channel 1 {pmus = 2 : i64, pmu_first = 12 : i64, hops = 0 : i64}
// CHECK: dataflow.stage "first" {{.*}} attributes {pcus = 5 : i64, pcu_first = 7 : i64} {
// CHECK: dataflow.stage "second" {{.*}} attributes {pcus = 2 : i64, pcu_first = 12 : i64} {
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 16, pmus = 16, dies = 1, grid_columns = 4, hbm_bandwidth = 100000000000}>} {
  dataflow.kernel @two(%x: tensor<8xbf16>, %y: tensor<8xbf16>) -> tensor<8xbf16> {
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
// What a faster HBM sends is more than the four links of an edge take, and in program order the right edge would move
// 43 of 48 bytes. With "second" in front of "first", and free units on both sides, the left one moves 27: %a and two
// parts of %b.
// %a: PMU 5, (2, 1). %b: PMUs 6 to 8, (1, 1), (0, 1) and (0, 2). %d: PMUs 9 and 10, (1, 2) and (2, 2).
// CHECK-LABEL: dataflow.kernel @even
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 1 : i64, pmu_first = 5 : i64, hops = 2 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 3 : i64, pmu_first = 6 : i64, hops = 4 : i64}
// CHECK-NEXT: %c = dataflow.channel 1 {pmus = 0 : i64, pmu_first = 6 : i64, hops = 3 : i64}
// CHECK-NEXT: %d = dataflow.channel 1 {pmus = 2 : i64, pmu_first = 9 : i64, hops = 3 : i64}
// CHECK: dataflow.stage "first" {{.*}} attributes {pcus = 5 : i64, pcu_first = 7 : i64} {
// CHECK: dataflow.stage "second" {{.*}} attributes {pcus = 2 : i64, pcu_first = 5 : i64} {
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 16, pmus = 16, dies = 1, grid_columns = 4}>} {
  dataflow.kernel @even(%x: tensor<8xbf16>, %y: tensor<8xbf16>) -> tensor<8xbf16> {
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
