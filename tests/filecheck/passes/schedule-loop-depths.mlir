// Channels get the fewest tiles with which the kernel is as fast as with all that fit.
// RUN: kl-opt %s -p schedule-loop --split-input-file | filecheck %s

// A tile takes its slot when "make" starts on it, is there 50 cycles later, and leaves when "use" is done with it
// after 10 more: 60 cycles a slot, a tile every 10 cycles, so 6 tiles.
// CHECK: dataflow.channel 1 : {{.*}}1x64xbf16
// CHECK-NEXT: dataflow.channel 6 : {{.*}}1x8xbf16
// CHECK-NEXT: dataflow.channel 1 : {{.*}}1x8xbf16
dataflow.kernel @side_by_side(%x: tensor<1x64xbf16>) -> tensor<1x8xbf16> {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %m = dataflow.channel 8 : !dataflow.channel<tensor<1x8xbf16>>
  %o = dataflow.channel 8 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %i : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.stage "make" firings 8 ins(%i : !dataflow.channel<tensor<1x64xbf16>>) periods [8] outs(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.stage "use" firings 8 ins(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [8] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x8xbf16>>
}

// -----
// A reader of 30 cycles a tile: a slot every 30 cycles, each for 50 + 30, so 3 tiles. Ten hops of 2 cycles make it
// 100 cycles, and 4.
// CHECK: dataflow.channel 3 : {{.*}}1x8xbf16
// CHECK: dataflow.channel 4 {hops = 10 : i64} : {{.*}}1x8xbf16
builtin.module attributes {rdu.machine = #rdu.machine<{hop_latency_cycles = 2 : i64}>} {
dataflow.kernel @slow_reader(%x: tensor<1x64xbf16>) -> tensor<1x8xbf16> {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %m = dataflow.channel 8 : !dataflow.channel<tensor<1x8xbf16>>
  %o = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %i : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.stage "make" firings 8 ins(%i : !dataflow.channel<tensor<1x64xbf16>>) periods [8] outs(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.stage "use" firings 8 ins(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [8] attributes {ii = 30, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
dataflow.kernel @far_away(%x: tensor<1x64xbf16>) -> tensor<1x8xbf16> {
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  %m = dataflow.channel 8 {hops = 10} : !dataflow.channel<tensor<1x8xbf16>>
  %o = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %i : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.stage "make" firings 8 ins(%i : !dataflow.channel<tensor<1x64xbf16>>) periods [8] outs(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.stage "use" firings 8 ins(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [8] attributes {ii = 30, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
}

// -----
// Who needs all tiles at once gets room for all of them, and streams keep the depth they have, although 2 would do.
// CHECK: dataflow.channel 5 : {{.*}}1x8xbf16
// CHECK-NEXT: dataflow.channel 8 : {{.*}}1x8xbf16
dataflow.kernel @gathered(%x: tensor<1x64xbf16>) -> tensor<1x64xbf16> {
  %i = dataflow.channel 5 : !dataflow.channel<tensor<1x8xbf16>>
  %m = dataflow.channel 8 : !dataflow.channel<tensor<1x8xbf16>>
  %o = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %x to %i : tensor<1x64xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "make" firings 8 ins(%i : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.stage "use" firings 1 ins(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%o : !dataflow.channel<tensor<1x64xbf16>>) periods [1] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x64xbf16>):
    dataflow.yield %a : tensor<1x64xbf16>
  }
  dataflow.store %o result 0 : !dataflow.channel<tensor<1x64xbf16>>
}

// -----
// Tiles that pass every second iteration fit in no schedule of one: the channels stay as they are.
// CHECK: dataflow.channel 7 : {{.*}}1x8xbf16
// CHECK-NEXT: dataflow.channel 5 : {{.*}}1x8xbf16
// CHECK-NEXT: dataflow.channel 3 : {{.*}}1x8xbf16
dataflow.kernel @every_second(%x: tensor<4x1x8xbf16>) -> tensor<1x8xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %i = dataflow.channel 7 : !dataflow.channel<tensor<1x8xbf16>>
  %m = dataflow.channel 5 : !dataflow.channel<tensor<1x8xbf16>>
  %o = dataflow.channel 3 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %i {start = 0, stride = 1} : tensor<4x1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "make" firings 1 ins(%i : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [2] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.stage "use" firings 1 ins(%m : !dataflow.channel<tensor<1x8xbf16>>) periods [2] outs(%o : !dataflow.channel<tensor<1x8xbf16>>) periods [4] attributes {ii = 10, latency = 50} {
  ^bb0(%a: tensor<1x8xbf16>):
    dataflow.yield %a : tensor<1x8xbf16>
  }
  dataflow.store %o result 0 {rate = "call"} : !dataflow.channel<tensor<1x8xbf16>>
}
