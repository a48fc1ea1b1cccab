// RUN: kl-opt %s -p prefetch-weights --split-input-file | filecheck %s
// RUN: kl-opt %s -p prefetch-weights,prefetch-weights --split-input-file | filecheck %s
// RUN: kl-opt %s -p "prefetch-weights{percent=50}" --split-input-file | filecheck %s --check-prefix=HALF

// A stream fills its PMUs: 512 KiB x 2 / 128 KiB = 8 tiles of the 3 x 4 = 12 that a call takes. More than a call takes
// is no use: 3 tiles of %b, though 4 would fit. In a FIFO, 512 bytes / 64 = 8 tiles.
// With half of the room it is half as many tiles, of those that were not too many anyway.
// HALF-LABEL: dataflow.kernel @streams
// HALF-NEXT: %a = dataflow.channel 4 {pmus = 2 : i64}
// HALF-NEXT: %b = dataflow.channel 2 {pmus = 1 : i64}
// HALF-NEXT: %c = dataflow.channel 4 {pmus = 0 : i64}
// CHECK-LABEL: dataflow.kernel @streams
// CHECK-NEXT: %a = dataflow.channel 8 {pmus = 2 : i64}
// CHECK-NEXT: %b = dataflow.channel 3 {pmus = 1 : i64}
// CHECK-NEXT: %c = dataflow.channel 8 {pmus = 0 : i64}
dataflow.kernel @streams(%x: tensor<3x4x65536xbf16>, %y: tensor<3x65536xbf16>, %z: tensor<3x4x32xbf16>, %o: memref<3x4x65536xbf16>, %p: memref<3x65536xbf16>, %q: memref<3x4x32xbf16>) attributes {loops = #dataflow.loops<iteration 3>} {
  %a = dataflow.channel 2 {pmus = 2} : !dataflow.channel<tensor<1x65536xbf16>>
  %b = dataflow.channel 2 {pmus = 1} : !dataflow.channel<tensor<65536xbf16>>
  %c = dataflow.channel 2 {pmus = 0} : !dataflow.channel<tensor<1x32xbf16>>
  dataflow.load %x to %a {start = 0, stride = 1} : tensor<3x4x65536xbf16> -> !dataflow.channel<tensor<1x65536xbf16>>
  dataflow.load %y to %b {start = 0, stride = 1} : tensor<3x65536xbf16> -> !dataflow.channel<tensor<65536xbf16>>
  dataflow.load %z to %c {start = 0, stride = 1} : tensor<3x4x32xbf16> -> !dataflow.channel<tensor<1x32xbf16>>
  dataflow.store %a into %o : memref<3x4x65536xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<1x65536xbf16>>
  dataflow.store %b into %p : memref<3x65536xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<65536xbf16>>
  dataflow.store %c into %q : memref<3x4x32xbf16> {start = 0, stride = 1} : !dataflow.channel<tensor<1x32xbf16>>
}

// -----
// What is not deepened: a load of two readers, what a stage makes, a channel without PMUs yet; and nothing gets shallower.
// CHECK-LABEL: dataflow.kernel @others
// CHECK-NEXT: %a = dataflow.channel 1 {pmus = 1 : i64}
// CHECK-NEXT: %b = dataflow.channel 1 {pmus = 1 : i64}
// CHECK-NEXT: %c = dataflow.channel 1 {pmus = 1 : i64}
// CHECK-NEXT: %d = dataflow.channel 1 : !dataflow.channel
// CHECK-NEXT: %e = dataflow.channel 9 {pmus = 1 : i64}
dataflow.kernel @others(%x: tensor<4x64xbf16>) -> (tensor<4x64xbf16>, tensor<4x64xbf16>, tensor<4x64xbf16>, tensor<4x64xbf16>) {
  %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x64xbf16>>
  %b = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x64xbf16>>
  %c = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x64xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %e = dataflow.channel 9 {pmus = 1} : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %x to %a, %b : tensor<4x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>, !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %x to %d : tensor<4x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %x to %e : tensor<4x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.stage "silu" firings 4 ins(%a : !dataflow.channel<tensor<1x64xbf16>>) periods [1] outs(%c : !dataflow.channel<tensor<1x64xbf16>>) periods [1] {
  ^bb0(%0: tensor<1x64xbf16>):
    %1 = nn.silu %0 : (tensor<1x64xbf16>) -> tensor<1x64xbf16>
    dataflow.yield %1 : tensor<1x64xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.store %c result 1 : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.store %d result 2 : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.store %e result 3 : !dataflow.channel<tensor<1x64xbf16>>
}

// -----
// The machine counts: PMUs of 4 KiB hold 32 tiles of 128 bytes each.
// CHECK-LABEL: dataflow.kernel @small
// CHECK-NEXT: %a = dataflow.channel 32 {pmus = 1 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{pmu_bytes = 4096}>} {
  dataflow.kernel @small(%x: tensor<64x64xbf16>) -> tensor<64x64xbf16> {
    %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x64xbf16>>
    dataflow.load %x to %a : tensor<64x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
    dataflow.store %a result 0 : !dataflow.channel<tensor<1x64xbf16>>
  }
}
