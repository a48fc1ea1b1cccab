// RUN: kl-opt %s -p overlap-collectives | filecheck %s
// RUN: kl-opt %s -p "overlap-collectives{algorithm=ring}" | filecheck %s --check-prefix=RING
// RUN: not kl-opt %s -p "overlap-collectives{algorithm=star}" 2>&1 | filecheck %s --check-prefix=ERROR

builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 4 : i64}>} {

// The collecting stage goes: the all-reduce starts with the first of 16 / 8 = 2 tiles. For tiles of 16 bytes one
// latency beats the 2 * (4 - 1) of a ring.
// CHECK-LABEL: dataflow.kernel @streams
// CHECK-NOT:     "collect.x"
// CHECK:         dataflow.collective "all_reduce" 2 %a to %c by "one_shot" : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-SAME:      -> !dataflow.channel<tensor<1x8xbf16>>
// RING:          dataflow.collective "all_reduce" 2 %a to %c by "ring"
dataflow.kernel @streams(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = dataflow.channel 2 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  dataflow.load %x to %a : tensor<1x16xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "collect.x" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x16xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x16xbf16>):
    dataflow.yield %d : tensor<1x16xbf16>
  }
  dataflow.collective "all_reduce" 1 %b to %c by "ring" : !dataflow.channel<tensor<1x16xbf16>> -> !dataflow.channel<tensor<1x16xbf16>>
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x16xbf16>>
}

// A reader that took a whole value in 4 slices now takes 2 tiles in 2 slices each: it holds a tile for 2 firings.
// CHECK-LABEL: dataflow.kernel @slices
// CHECK:         dataflow.stage "silu" firings 4 ins(%c : !dataflow.channel<tensor<1x8xbf16>>) periods [2]
dataflow.kernel @slices(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %a = dataflow.channel 2 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x4xbf16>>
  dataflow.load %x to %a : tensor<1x16xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "collect.x" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x16xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x16xbf16>):
    dataflow.yield %d : tensor<1x16xbf16>
  }
  dataflow.collective "all_reduce" 1 %b to %c by "ring" : !dataflow.channel<tensor<1x16xbf16>> -> !dataflow.channel<tensor<1x16xbf16>>
  dataflow.stage "silu" firings 4 ins(%c : !dataflow.channel<tensor<1x16xbf16>>) periods [4] outs(%e : !dataflow.channel<tensor<1x4xbf16>>) periods [1] {
  ^bb0(%f: tensor<1x4xbf16>):
    %g = nn.silu %f : (tensor<1x4xbf16>) -> tensor<1x4xbf16>
    dataflow.yield %g : tensor<1x4xbf16>
  }
  dataflow.store %e result 0 : !dataflow.channel<tensor<1x4xbf16>>
}

// An all-gather needs whole tensors: the collecting stage stays.
// CHECK-LABEL: dataflow.kernel @gathers
// CHECK:         dataflow.stage "collect.x"
// CHECK:         dataflow.collective "all_gather" 1 %b to %c by "one_shot" {axis = 1 : i64}
dataflow.kernel @gathers(%x: tensor<1x16xbf16>) -> tensor<1x64xbf16> {
  %a = dataflow.channel 2 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x16xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x64xbf16>>
  dataflow.load %x to %a : tensor<1x16xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.stage "collect.x" firings 1 ins(%a : !dataflow.channel<tensor<1x8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x16xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x16xbf16>):
    dataflow.yield %d : tensor<1x16xbf16>
  }
  dataflow.collective "all_gather" 1 %b to %c by "one_shot" {axis = 1} : !dataflow.channel<tensor<1x16xbf16>> -> !dataflow.channel<tensor<1x64xbf16>>
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x64xbf16>>
}

}

// ERROR: error: algorithm 'star' of a collective; known: auto, one_shot, ring, tree
