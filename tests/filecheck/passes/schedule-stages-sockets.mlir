// Where fewer sockets are faster.
// RUN: kl-opt %s -p overlap-collectives,allocate-units,schedule-stages --split-input-file | filecheck %s
// RUN: kl-opt %s -p overlap-collectives,retain-weights,allocate-units,schedule-stages --split-input-file | filecheck %s --check-prefix SRAM

// A socket of two reads 8 tiles in 64 cycles, one alone would in 128, and both write as many in 64. The exchange
// takes 8 * 66 cycles and 800 of latency.
// CHECK-LABEL: kernel.schedule @step
// CHECK-SAME:  kl.remarks = ["2 sockets are slower than 1, by estimate: without launches all calls take 0.8 us, on 1 0.1 us, as more sockets have more to exchange"]
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64}>} {
nn.weight @w : tensor<8x4096xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64}
dataflow.kernel @sum(%x: tensor<8x4096xbf16>) -> tensor<8x4096xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x4096xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.load %x to %a : tensor<8x4096xbf16> -> !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.collective "all_reduce" 8 %a to %b by "ring" : !dataflow.channel<tensor<1x4096xbf16>> -> !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x4096xbf16>>
}
kernel.schedule @step() -> tensor<8x4096xbf16> {
  %w = nn.get_global @w : tensor<8x4096xbf16>
  %y = kernel.call @sum(%w) : (tensor<8x4096xbf16>) -> tensor<8x4096xbf16>
  kernel.return %y : tensor<8x4096xbf16>
}
}

// -----
// A part of 64 MB takes 64,822 cycles; the whole would take as many more, far more than the exchange.
// CHECK-LABEL: kernel.schedule @step
// CHECK-NOT:   kl.remarks
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64}>} {
nn.weight @w : tensor<1024x32768xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64}
dataflow.kernel @product(%x: tensor<1x1024xbf16>, %w: tensor<1024x32768xbf16>) -> tensor<1x32768xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1024x2048xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.load %x to %a : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %w to %b : tensor<1024x32768xbf16> -> !dataflow.channel<tensor<1024x2048xbf16>>
  dataflow.stage "matmul" firings 16 ins(%a, %b : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x2048xbf16>>) periods [16, 1] outs(%c : !dataflow.channel<tensor<1x2048xbf16>>) periods [1] {
  ^bb0(%e: tensor<1x1024xbf16>, %f: tensor<1024x2048xbf16>):
    %g = nn.matmul %e, %f : (tensor<1x1024xbf16>, tensor<1024x2048xbf16>) -> tensor<1x2048xbf16>
    dataflow.yield %g : tensor<1x2048xbf16>
  }
  dataflow.collective "all_reduce" 16 %c to %d by "ring" : !dataflow.channel<tensor<1x2048xbf16>> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.store %d result 0 : !dataflow.channel<tensor<1x2048xbf16>>
}
kernel.schedule @step(%x: tensor<1x1024xbf16>) -> tensor<1x32768xbf16> {
  %w = nn.get_global @w : tensor<1024x32768xbf16>
  %y = kernel.call @product(%x, %w) : (tensor<1x1024xbf16>, tensor<1024x32768xbf16>) -> tensor<1x32768xbf16>
  kernel.return %y : tensor<1x32768xbf16>
}
}

// -----
// A part of 16 MB is brought in 16,000 cycles, and the whole in twice as many. Where it stays in SRAM, nothing is
// brought, and one socket has nothing to exchange.
// CHECK-LABEL: kernel.schedule @resident
// CHECK-NOT:   kl.remarks
// SRAM-LABEL:  kernel.schedule @resident
// SRAM-SAME:   kl.remarks = ["2 sockets are slower than 1, by estimate
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64}>} {
nn.weight @w : tensor<1024x8192xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64}
dataflow.kernel @product(%x: tensor<1x1024xbf16>, %w: tensor<1024x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1024x2048xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.load %x to %a : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %w to %b : tensor<1024x8192xbf16> -> !dataflow.channel<tensor<1024x2048xbf16>>
  dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x2048xbf16>>) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x2048xbf16>>) periods [1] {
  ^bb0(%e: tensor<1x1024xbf16>, %f: tensor<1024x2048xbf16>):
    %g = nn.matmul %e, %f : (tensor<1x1024xbf16>, tensor<1024x2048xbf16>) -> tensor<1x2048xbf16>
    dataflow.yield %g : tensor<1x2048xbf16>
  }
  dataflow.collective "all_reduce" 4 %c to %d by "ring" : !dataflow.channel<tensor<1x2048xbf16>> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.store %d result 0 : !dataflow.channel<tensor<1x2048xbf16>>
}
kernel.schedule @resident(%x: tensor<1x1024xbf16>) -> tensor<1x8192xbf16> {
  %w = nn.get_global @w : tensor<1024x8192xbf16>
  %y = kernel.call @product(%x, %w) : (tensor<1x1024xbf16>, tensor<1024x8192xbf16>) -> tensor<1x8192xbf16>
  kernel.return %y : tensor<1x8192xbf16>
}
}

// -----
// The same with 25 MB of SRAM a socket, which one alone would not hold all of it in.
// CHECK-LABEL: kernel.schedule @too_little
// CHECK-NOT:   kl.remarks
// SRAM-LABEL:  kernel.schedule @too_little
// SRAM-NOT:    kl.remarks
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64, pmu_bytes = 24576 : i64}>} {
nn.weight @w : tensor<1024x8192xbf16> {shard_axis = 0 : i64, shard_parts = 2 : i64}
dataflow.kernel @product(%x: tensor<1x1024xbf16>, %w: tensor<1024x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1024x2048xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.load %x to %a : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %w to %b : tensor<1024x8192xbf16> -> !dataflow.channel<tensor<1024x2048xbf16>>
  dataflow.stage "matmul" firings 4 ins(%a, %b : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x2048xbf16>>) periods [4, 1] outs(%c : !dataflow.channel<tensor<1x2048xbf16>>) periods [1] {
  ^bb0(%e: tensor<1x1024xbf16>, %f: tensor<1024x2048xbf16>):
    %g = nn.matmul %e, %f : (tensor<1x1024xbf16>, tensor<1024x2048xbf16>) -> tensor<1x2048xbf16>
    dataflow.yield %g : tensor<1x2048xbf16>
  }
  dataflow.collective "all_reduce" 4 %c to %d by "ring" : !dataflow.channel<tensor<1x2048xbf16>> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.store %d result 0 : !dataflow.channel<tensor<1x2048xbf16>>
}
kernel.schedule @too_little(%x: tensor<1x1024xbf16>) -> tensor<1x8192xbf16> {
  %w = nn.get_global @w : tensor<1024x8192xbf16>
  %y = kernel.call @product(%x, %w) : (tensor<1x1024xbf16>, tensor<1024x8192xbf16>) -> tensor<1x8192xbf16>
  kernel.return %y : tensor<1x8192xbf16>
}
}
