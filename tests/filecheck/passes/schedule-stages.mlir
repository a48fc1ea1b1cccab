// RUN: kl-opt %s -p schedule-stages --split-input-file | filecheck %s
// RUN: kl-opt %s -p schedule-stages,schedule-stages --split-input-file | filecheck %s

// The interval is the longest of compute, reading and writing, at 384 FLOPs a PCU and 64 bytes a PMU each cycle.
// "gelu" computes: 8 x 4096 FLOPs / (2 x 384) = 42.7, so 43; it reads 8 KiB / (4 x 64) = 32 cycles, and writes as long.
// "read": 16 KiB / (4 x 64) = 64 cycles; "write": 16 KiB / (2 x 64) = 128. Latency is an interval and 48 for the pipeline.
// CHECK-LABEL: dataflow.kernel @bounds
// CHECK: dataflow.stage "gelu" {{.*}} attributes {pcus = 2 : i64, ii = 43 : i64, latency = 91 : i64} {
// CHECK: dataflow.stage "read" {{.*}} attributes {pcus = 900 : i64, ii = 64 : i64, latency = 112 : i64} {
// CHECK: dataflow.stage "write" {{.*}} attributes {pcus = 90 : i64, ii = 128 : i64, latency = 176 : i64} {
dataflow.kernel @bounds(%x: tensor<1x4096xbf16>, %z: tensor<1x4096xf32>) -> (tensor<1x4096xbf16>, tensor<1x4096xbf16>, tensor<1x4096xf32>) {
  %a = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x4096xbf16>>
  %b = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x4096xbf16>>
  %c = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x4096xf32>>
  %d = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x4096xbf16>>
  %e = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x4096xbf16>>
  %f = dataflow.channel 1 {pmus = 2} : !dataflow.channel<tensor<1x4096xf32>>
  dataflow.load %x to %a, %e : tensor<1x4096xbf16> -> !dataflow.channel<tensor<1x4096xbf16>>, !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.load %z to %c : tensor<1x4096xf32> -> !dataflow.channel<tensor<1x4096xf32>>
  dataflow.stage "gelu" firings 1 ins(%a : !dataflow.channel<tensor<1x4096xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x4096xbf16>>) periods [1] attributes {pcus = 2} {
  ^bb0(%0: tensor<1x4096xbf16>):
    %1 = nn.gelu %0 : (tensor<1x4096xbf16>) -> tensor<1x4096xbf16>
    dataflow.yield %1 : tensor<1x4096xbf16>
  }
  dataflow.stage "read" firings 1 ins(%c : !dataflow.channel<tensor<1x4096xf32>>) periods [1] outs(%d : !dataflow.channel<tensor<1x4096xbf16>>) periods [1] attributes {pcus = 900} {
  ^bb0(%0: tensor<1x4096xf32>):
    %1 = nn.cast %0 : (tensor<1x4096xf32>) -> tensor<1x4096xbf16>
    dataflow.yield %1 : tensor<1x4096xbf16>
  }
  dataflow.stage "write" firings 1 ins(%e : !dataflow.channel<tensor<1x4096xbf16>>) periods [1] outs(%f : !dataflow.channel<tensor<1x4096xf32>>) periods [1] attributes {pcus = 90} {
  ^bb0(%0: tensor<1x4096xbf16>):
    %1 = nn.cast %0 : (tensor<1x4096xbf16>) -> tensor<1x4096xf32>
    dataflow.yield %1 : tensor<1x4096xf32>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.store %d result 1 : !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.store %f result 2 : !dataflow.channel<tensor<1x4096xf32>>
}

// -----
// What stays the same for all 4 firings is read once: 256 bytes from a FIFO, as fast as from one PMU, 4 cycles of latency.
// What is sliced streams: a slice of 64 bytes a firing. Weights set the interval: 128 x 32 x 2 bytes / (8 x 64) = 16.
// Between stages a whole iteration fits, 4 tiles; a stream from memory needs one slot, in a loop two.
// CHECK-LABEL: dataflow.kernel @project
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 0 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 8 : i64}
// CHECK-NEXT: %c = dataflow.channel 4 {pmus = 0 : i64}
// CHECK-NEXT: %d = dataflow.channel 1 {pmus = 0 : i64}
// CHECK-NEXT: %e = dataflow.channel 4 {pmus = 0 : i64}
// CHECK: dataflow.stage "matmul" {{.*}} attributes {pcus = 90 : i64, ii = 16 : i64, latency = 68 : i64} {
// CHECK: dataflow.stage "add" {{.*}} attributes {pcus = 1 : i64, ii = 1 : i64, latency = 49 : i64} {
dataflow.kernel @project(%x: tensor<1x128xbf16>, %w: tensor<128x128xbf16>) -> tensor<1x128xbf16> {
  %a = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x128xbf16>>
  %b = dataflow.channel 1 {pmus = 8} : !dataflow.channel<tensor<128x32xbf16>>
  %c = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x32xbf16>>
  %d = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x128xbf16>>
  %e = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x32xbf16>>
  dataflow.load %x to %a, %d : tensor<1x128xbf16> -> !dataflow.channel<tensor<1x128xbf16>>, !dataflow.channel<tensor<1x128xbf16>>
  dataflow.load %w to %b : tensor<128x128xbf16> -> !dataflow.channel<tensor<128x32xbf16>>
  dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x128xbf16>>, !dataflow.channel<tensor<128x32xbf16>>) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x32xbf16>>) periods [1] attributes {pcus = 90} {
  ^bb0(%0: tensor<1x128xbf16>, %1: tensor<128x32xbf16>):
    %2 = nn.matmul %0, %1 : (tensor<1x128xbf16>, tensor<128x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %2 : tensor<1x32xbf16>
  }
  dataflow.stage "add" firings 4 ins(%c, %d : !dataflow.channel<tensor<1x32xbf16>>, !dataflow.channel<tensor<1x128xbf16>>) periods [1, 4] outs(%e : !dataflow.channel<tensor<1x32xbf16>>) periods [1] attributes {pcus = 1} {
  ^bb0(%0: tensor<1x32xbf16>, %1: tensor<1x32xbf16>):
    %2 = nn.add %0, %1 : (tensor<1x32xbf16>, tensor<1x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %2 : tensor<1x32xbf16>
  }
  dataflow.store %e result 0 : !dataflow.channel<tensor<1x32xbf16>>
}

// -----
// In a loop, streams are double-buffered (%i); a carry that feeds a carry (%n) needs a slot more than an iteration's 2
// tiles; the final tiles (%f) come all at once. A depth that is larger already (%s) stays.
// CHECK-LABEL: dataflow.kernel @rotate
// CHECK-NEXT: %i = dataflow.channel 2 {{.*}}
// CHECK-NEXT: %j = dataflow.channel 2 {{.*}}
// CHECK-NEXT: %n = dataflow.channel 3 {{.*}}
// CHECK-NEXT: %m = dataflow.channel 3 {{.*}}
// CHECK-NEXT: %f = dataflow.channel 2 {{.*}}
// CHECK-NEXT: %g = dataflow.channel 2 {{.*}}
// CHECK-NEXT: %s = dataflow.channel 7 {{.*}}
dataflow.kernel @rotate(%x: tensor<1x8xbf16>, %y: tensor<1x8xbf16>, %z: memref<5x1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) attributes {loops = #dataflow.loops<iteration 5>} {
  %i = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  %j = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  %n = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  %m = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  %f = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  %g = dataflow.channel 1 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  %s = dataflow.channel 7 {pmus = 0} : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x4xbf16>>
  dataflow.load %y to %j {rate = "call"} : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x4xbf16>>
  dataflow.carry 2 init %i next %n final %f current %m, %s : !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<1x4xbf16>> final !dataflow.channel<tensor<1x4xbf16>>
  dataflow.carry 2 init %j next %m final %g current %n : !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<1x4xbf16>>, !dataflow.channel<tensor<1x4xbf16>> final !dataflow.channel<tensor<1x4xbf16>>
  dataflow.store %s into %z : memref<5x1x8xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.store %g result 1 {rate = "call"} : !dataflow.channel<tensor<1x4xbf16>>
}

// -----
// Kernels of operations have no schedule.
// CHECK: kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NOT: ii
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
