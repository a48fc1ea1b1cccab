// RUN: kl-opt %s -p allocate-units --split-input-file | filecheck %s
// RUN: kl-opt %s -p "allocate-units{percent=50}" --split-input-file | filecheck %s --check-prefix=HALF
// RUN: kl-opt %s -p "allocate-units{pcu-percent=50}" --split-input-file | filecheck %s --check-prefix=PCUS
// RUN: kl-opt %s -p "allocate-units{stream-percent=400}" --split-input-file | filecheck %s --check-prefix=STREAMS

// 90 % of 10 PMUs are 9. Their work is the bytes of an iteration: 4 tiles of 4 KiB and one, 4 to 1, and the shares
// go with the square root, 2 to 1: 6 and 3. A scalar fits in the reader's FIFO of 512 bytes and needs none.
// With 50 % there are 5: 2/3 and 1/3 of them are 3.3 and 1.7, so 3 and 1, and the last one helps the small
// one more: from 4/1 to 4/2 against 16/3 to 16/4.
// CHECK-LABEL: dataflow.kernel @copies
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 6 : i64} : !dataflow.channel<tensor<1x1024xf32>>
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 3 : i64} : !dataflow.channel<tensor<1x1024xf32>>
// CHECK-NEXT: %c = dataflow.channel 1 {pmus = 0 : i64} : !dataflow.channel<tensor<i32>>
// HALF-LABEL: dataflow.kernel @copies
// HALF-NEXT: %a = dataflow.channel 1 {pmus = 3 : i64}
// HALF-NEXT: %b = dataflow.channel 1 {pmus = 2 : i64}
// HALF-NEXT: %c = dataflow.channel 1 {pmus = 0 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 10}>} {
  dataflow.kernel @copies(%x: tensor<4x1024xf32>, %y: tensor<1x1024xf32>, %p: tensor<i32>) -> (tensor<4x1024xf32>, tensor<1x1024xf32>, tensor<i32>) {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %c = dataflow.channel 1 : !dataflow.channel<tensor<i32>>
    dataflow.load %x to %a : tensor<4x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %y to %b : tensor<1x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %p to %c : tensor<i32> -> !dataflow.channel<tensor<i32>>
    dataflow.store %a result 0 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.store %b result 1 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.store %c result 2 : !dataflow.channel<tensor<i32>>
  }
}

// -----
// Work of stages in cycles of one PCU, the longer of compute and streams. "silu": 4 FLOPs x 1024 / 384 = 10.7 and
// 4096 bytes / 64 = 64, so 64 each of 4 firings, 256. "gelu": 64, once. 4 to 1 in work is 2 to 1 in PCUs.
// The channel between them holds a whole iteration, 4 tiles of 4 KiB: at 4 KiB a PMU no less than 4 of them.
// With 50 % of the PCUs alone there are 5 of them, as with 50 % of both, and 7 PMUs for the four channels as before.
// PCUS-LABEL: dataflow.kernel @stages
// PCUS-COUNT-2: dataflow.channel 1 {pmus = {{[1-4]}} : i64}
// PCUS: dataflow.stage "silu" {{.*}} attributes {pcus = 3 : i64} {
// PCUS: dataflow.stage "gelu" {{.*}} attributes {pcus = 2 : i64} {
// CHECK-LABEL: dataflow.kernel @stages
// CHECK: %b = dataflow.channel 1 {pmus = 4 : i64} :
// CHECK: dataflow.stage "silu" {{.*}} attributes {pcus = 6 : i64} {
// CHECK: dataflow.stage "gelu" {{.*}} attributes {pcus = 3 : i64} {
// HALF: dataflow.stage "silu" {{.*}} attributes {pcus = 3 : i64} {
// HALF: dataflow.stage "gelu" {{.*}} attributes {pcus = 2 : i64} {
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 8, pmu_bytes = 4096, pcus = 10}>} {
  dataflow.kernel @stages(%x: tensor<4x1024xf32>, %y: tensor<1x1024xf32>) -> (tensor<4x1024xf32>, tensor<1x1024xf32>) {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %c = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %d = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %x to %a : tensor<4x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.stage "silu" firings 4 ins(%a : !dataflow.channel<tensor<1x1024xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<1x1024xf32>>) periods [1] {
    ^bb0(%0: tensor<1x1024xf32>):
      %1 = nn.silu %0 : (tensor<1x1024xf32>) -> tensor<1x1024xf32>
      dataflow.yield %1 : tensor<1x1024xf32>
    }
    dataflow.load %y to %c : tensor<1x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.stage "gelu" firings 1 ins(%c : !dataflow.channel<tensor<1x1024xf32>>) periods [1] outs(%d : !dataflow.channel<tensor<1x1024xf32>>) periods [1] {
    ^bb0(%0: tensor<1x1024xf32>):
      %1 = nn.gelu %0 : (tensor<1x1024xf32>) -> tensor<1x1024xf32>
      dataflow.yield %1 : tensor<1x1024xf32>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.store %d result 1 : !dataflow.channel<tensor<1x1024xf32>>
  }
}

// -----
// A depth that is there already counts, and what is needed at least may take the whole machine: 3 + 1 of 4 PMUs.
// CHECK-LABEL: dataflow.kernel @deep
// CHECK-NEXT: %a = dataflow.channel 3 {pmus = 3 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 1 : i64}
// HALF-LABEL: dataflow.kernel @deep
// HALF-NEXT: %a = dataflow.channel 3 {pmus = 3 : i64}
// HALF-NEXT: %b = dataflow.channel 1 {pmus = 1 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 4, pmu_bytes = 4096}>} {
  dataflow.kernel @deep(%x: tensor<4x1024xf32>, %y: tensor<1x1024xf32>) -> (tensor<4x1024xf32>, tensor<1x1024xf32>) {
    %a = dataflow.channel 3 : !dataflow.channel<tensor<1x1024xf32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %x to %a : tensor<4x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %y to %b : tensor<1x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.store %a result 0 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.store %b result 1 : !dataflow.channel<tensor<1x1024xf32>>
  }
}

// -----
// A stream of 4 tiles of 4 KiB and a channel between stages that holds as many bytes, at least 4 PMUs of 4 KiB; of 20
// PMUs there are 18: half for each. Where a byte of a stream counts 4 times, its share is 2 to 1: 12 and 6.
// CHECK-LABEL: dataflow.kernel @streams
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 9 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 9 : i64}
// STREAMS-LABEL: dataflow.kernel @streams
// STREAMS-NEXT: %a = dataflow.channel 1 {pmus = 12 : i64}
// STREAMS-NEXT: %b = dataflow.channel 1 {pmus = 6 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 20, pmu_bytes = 4096, pcus = 10}>} {
  dataflow.kernel @streams(%x: tensor<4x1024xf32>) -> tensor<4x1024xf32> {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %x to %a : tensor<4x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.stage "silu" firings 4 ins(%a : !dataflow.channel<tensor<1x1024xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<1x1024xf32>>) periods [1] {
    ^bb0(%0: tensor<1x1024xf32>):
      %1 = nn.silu %0 : (tensor<1x1024xf32>) -> tensor<1x1024xf32>
      dataflow.yield %1 : tensor<1x1024xf32>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<1x1024xf32>>
  }
}

// -----
// A pass brings 8 tiles of 256 bytes, of which the FIFO holds 2: a unit that nobody needs helps the stream. The value
// that a stage makes of each, of 4 bytes, lies in a FIFO.
// CHECK-LABEL: dataflow.kernel @short_tiles
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 9 : i64} : !dataflow.channel<tensor<1x64xf32>>
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 0 : i64} : !dataflow.channel<tensor<1xi32>>
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 10, pcus = 10}>} {
  dataflow.kernel @short_tiles(%x: tensor<8x64xf32>) -> tensor<8xi32> {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1x64xf32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1xi32>>
    dataflow.load %x to %a : tensor<8x64xf32> -> !dataflow.channel<tensor<1x64xf32>>
    dataflow.stage "argmax" firings 8 ins(%a : !dataflow.channel<tensor<1x64xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<1xi32>>) periods [1] {
    ^bb0(%c: tensor<1x64xf32>):
      %d = nn.argmax %c : (tensor<1x64xf32>) -> tensor<1xi32>
      dataflow.yield %d : tensor<1xi32>
    }
    dataflow.store %b result 0 : !dataflow.channel<tensor<1xi32>>
  }
}

// -----
// Kernels of operations get no units.
// CHECK: kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: nn.mul
// CHECK-NOT: pcus
kernel.func @square(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.mul %x, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
