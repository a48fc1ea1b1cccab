// RUN: kl-opt %s -p allocate-units --split-input-file --verify-diagnostics | filecheck %s
// RUN: not kl-opt %s -p "allocate-units{percent=0}" --split-input-file 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not kl-opt %s -p "allocate-units{percent=101}" --split-input-file 2>&1 | filecheck %s --check-prefix=MORE
// RUN: not kl-opt %s -p "allocate-units{pcu-percent=0}" --split-input-file 2>&1 | filecheck %s --check-prefix=PCUS
// RUN: not kl-opt %s -p "allocate-units{stream-percent=0}" --split-input-file 2>&1 | filecheck %s --check-prefix=STREAMS

// NONE: error: percent is 0; it must be between 1 and 100
// MORE: error: percent is 101; it must be between 1 and 100
// PCUS: error: pcu-percent is 0; it must be between 1 and 100
// STREAMS: error: stream-percent is 0; it must be positive

// What streams from memory in a loop is double-buffered: 2 tiles of 4 KiB are 2 PMUs, 1 tile of 4 KiB that is held
// between stages one more; the machine has 2.
// CHECK: @k needs 3 PMUs of 4096 bytes, 2 of them for %a; the machine has 2{{.*}}; lower tile-bytes or least-run-bytes of tile-stages, or split the kernel
builtin.module attributes {rdu.machine = #rdu.machine<{pmus = 2, pmu_bytes = 4096}>} {
  dataflow.kernel @k(%x: tensor<2x1x1024xf32>, %y: memref<2x1x1024xf32>) attributes {loops = #dataflow.loops<iteration 2>} {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xf32>>
    dataflow.load %x to %a {start = 0, stride = 1} : tensor<2x1x1024xf32> -> !dataflow.channel<tensor<1x1024xf32>>
    dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x1024xf32>>) periods [1] outs(%b : !dataflow.channel<tensor<1x1024xf32>>) periods [1] {
    ^bb0(%0: tensor<1x1024xf32>):
      %1 = nn.silu %0 : (tensor<1x1024xf32>) -> tensor<1x1024xf32>
      dataflow.yield %1 : tensor<1x1024xf32>
    }
    dataflow.store %b into %y : memref<2x1x1024xf32> {start = 0, stride = 1} : !dataflow.channel<tensor<1x1024xf32>>
  }
}

// -----
// CHECK: @k has 2 stages, the machine 1 PCUs; split the kernel
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 1}>} {
  dataflow.kernel @k() {
    dataflow.stage "one" firings 1 periods [] periods [] {
      dataflow.yield
    }
    dataflow.stage "two" firings 1 periods [] periods [] {
      dataflow.yield
    }
  }
}
