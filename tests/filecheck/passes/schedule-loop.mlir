// RUN: kl-opt %s -p schedule-loop | filecheck %s

builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bandwidth = 1600000000000 : i64, hbm_efficiency_permille = 1000 : i64, hop_latency_cycles = 2 : i64}>} {

// The memory decides: at 1000 bytes a cycle, 8 tiles of 16384 bytes take 8 * 17 = 136 cycles an iteration, and the
// first load and the last store a quarter of 3 cycles each: 138. The hidden state goes around in 1 (carry) + 50
// (stage) + 7 * 10 (its other firings) = 121.
// CHECK-LABEL: dataflow.kernel @memory_bound
// CHECK-SAME:    ii = 138 : i64
dataflow.kernel @memory_bound(%x: tensor<1x1024xbf16>, %w: tensor<4x1024x64xbf16>) -> tensor<1x1024xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %u = dataflow.channel 16 : !dataflow.channel<tensor<1024x8xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.carry 1 init %i next %n final %f current %c : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>> final !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %w to %u {start = 0, stride = 1} : tensor<4x1024x64xbf16> -> !dataflow.channel<tensor<1024x8xbf16>>
  dataflow.stage "matmul" firings 8 ins(%c, %u : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x8xbf16>>) periods [8, 1] outs(%n : !dataflow.channel<tensor<1x1024xbf16>>) periods [8] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x1024xbf16>, %b: tensor<1024x8xbf16>):
    dataflow.yield %a : tensor<1x1024xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x1024xbf16>>
}

// The chain decides: a stage of 300 cycles latency makes 1 + 300 + 70 = 371 of it, more than the 138 of the memory.
// CHECK-LABEL: dataflow.kernel @chain_bound
// CHECK-SAME:    ii = 371 : i64
dataflow.kernel @chain_bound(%x: tensor<1x1024xbf16>, %w: tensor<4x1024x64xbf16>) -> tensor<1x1024xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %u = dataflow.channel 16 : !dataflow.channel<tensor<1024x8xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.carry 1 init %i next %n final %f current %c : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>> final !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %w to %u {start = 0, stride = 1} : tensor<4x1024x64xbf16> -> !dataflow.channel<tensor<1024x8xbf16>>
  dataflow.stage "matmul" firings 8 ins(%c, %u : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x8xbf16>>) periods [8, 1] outs(%n : !dataflow.channel<tensor<1x1024xbf16>>) periods [8] attributes {ii = 10, latency = 300} {
  ^bb0(%a: tensor<1x1024xbf16>, %b: tensor<1024x8xbf16>):
    dataflow.yield %a : tensor<1x1024xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x1024xbf16>>
}

// Two decode steps: what runs once a step is scheduled for itself. The loop has a stage alone, 50 cycles around and 1
// for the carry; the head takes as long as the memory brings 8 tiles of 16384 bytes, 17 cycles each, and the last one
// goes through the stage in 50: at least 186.
// CHECK-LABEL: dataflow.kernel @steps
// CHECK-SAME:    ii = 51 : i64
// CHECK-SAME:    step_latency = [[#]] : i64
dataflow.kernel @steps(%x: tensor<1x1024xbf16>, %w: tensor<1024x64xbf16>) -> tensor<2x1x1024xbf16> attributes {loops = #dataflow.loops<step 2, iteration 3 in step>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %s = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %u = dataflow.channel 16 : !dataflow.channel<tensor<1024x8xbf16>>
  %m = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %r = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.carry 1 init %i next %m current %s {rate = "step"} : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.carry 1 init %s next %n final %f current %c : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>> final !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.stage "layer" firings 1 ins(%c : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] outs(%n : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x1024xbf16>):
    dataflow.yield %a : tensor<1x1024xbf16>
  }
  dataflow.load %w to %u {rate = "step"} : tensor<1024x64xbf16> -> !dataflow.channel<tensor<1024x8xbf16>>
  dataflow.stage "head" firings 8 ins(%f, %u : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x8xbf16>>) periods [8, 1] outs(%m, %r : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>) periods [8, 8] attributes {rate = "step", ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x1024xbf16>, %b: tensor<1024x8xbf16>):
    dataflow.yield %a, %a : tensor<1x1024xbf16>, tensor<1x1024xbf16>
  }
  dataflow.store %r result 0 {start = 0, stride = 1, rate = "step"} : !dataflow.channel<tensor<1x1024xbf16>>
}

// Rounds of a layer and a loop inside: what runs once a round takes as long as its weights do, 16 tiles of 524288
// bytes in 507 cycles each, far more than one stream and its stages.
// CHECK-LABEL: dataflow.kernel @rounds
// CHECK-SAME:    iteration_latency = {{8[1-9][0-9][0-9] }}
dataflow.kernel @rounds(%x: tensor<1x1024xbf16>, %w: tensor<3x1024x2048xbf16>) -> tensor<1x1024xbf16> attributes {loops = #dataflow.loops<iteration 3, iteration_1 2 in iteration>} {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %s = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %u = dataflow.channel 16 : !dataflow.channel<tensor<1024x256xbf16>>
  %v = dataflow.channel 16 : !dataflow.channel<tensor<1024x256xbf16>>
  %m = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %x to %i {rate = "call"} : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.carry 1 init %i next %m final %e current %s {rate = "iteration"} : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>> final !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.carry 1 init %s next %n final %f current %c : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1x1024xbf16>> final !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.stage "layer" firings 1 ins(%c : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] outs(%n : !dataflow.channel<tensor<1x1024xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x1024xbf16>):
    dataflow.yield %a : tensor<1x1024xbf16>
  }
  dataflow.load %w to %u {start = 0, stride = 1, rate = "iteration"} : tensor<3x1024x2048xbf16> -> !dataflow.channel<tensor<1024x256xbf16>>
  dataflow.load %w to %v {start = 0, stride = 1, rate = "iteration"} : tensor<3x1024x2048xbf16> -> !dataflow.channel<tensor<1024x256xbf16>>
  dataflow.stage "global" firings 8 ins(%f, %u, %v : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x256xbf16>>, !dataflow.channel<tensor<1024x256xbf16>>) periods [8, 1, 1] outs(%m : !dataflow.channel<tensor<1x1024xbf16>>) periods [8] attributes {ii = 10, latency = 50, rate = "iteration"} {
  ^bb0(%a: tensor<1x1024xbf16>, %b: tensor<1024x256xbf16>, %d: tensor<1024x256xbf16>):
    dataflow.yield %a : tensor<1x1024xbf16>
  }
  dataflow.store %e result 0 {rate = "call"} : !dataflow.channel<tensor<1x1024xbf16>>
}
}
