// Networks in which accesses of one memory are apart, or in order.
// RUN: kl-opt %s --split-input-file | filecheck %s

// The load waits for the token of the store, at its position.
// CHECK: dataflow.load %k to %b after %t
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// Even and odd slices never meet.
// CHECK: dataflow.store %a into %k : memref<8x1x2x16x4xbf16> at %p : tensor<i32> {start = 0 : i64, stride = 2 : i64}
// CHECK-NEXT: dataflow.load %k to %b {start = 1 : i64, stride = 2 : i64}
dataflow.kernel @k(%x: tensor<1x8xbf16>, %y: tensor<1x2x16x4xbf16>, %k: memref<8x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %y to %i {rate = "call"} : tensor<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.carry 1 init %i next %n final %f current %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>> final !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %a into %k : memref<8x1x2x16x4xbf16> at %p : tensor<i32> {start = 0, stride = 2} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b {start = 1, stride = 2} : memref<8x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "add" firings 1 ins(%b, %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%n : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// A load that waits for a token in each iteration sees what all iterations before have stored.
// CHECK: dataflow.load %k to %b after %t
dataflow.kernel @k(%x: tensor<1x8xbf16>, %y: tensor<1x2x16x4xbf16>, %k: memref<8x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> attributes {loops = #dataflow.loops<iteration 4>} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  %i = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %n = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %f = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %y to %i {rate = "call"} : tensor<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.carry 1 init %i next %n final %f current %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>> final !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %a into %k : memref<8x1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {start = 1, stride = 1} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 0, stride = 1} : memref<8x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "add" firings 1 ins(%b, %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%n : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// A store that takes its first tile from a stage that has waited for the last one read.
// CHECK: dataflow.store %c into %k
dataflow.kernel @k(%k: memref<1x2x16x4xbf16>) {
  %b = dataflow.channel 2 : !dataflow.channel<tensor<1x2x8x4xbf16>>
  %c = dataflow.channel 2 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %k to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x8x4xbf16>>
  dataflow.stage "silu" firings 1 ins(%b : !dataflow.channel<tensor<1x2x8x4xbf16>>) periods [1] outs(%c : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>):
    %e = nn.silu %d : (tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %e : tensor<1x2x16x4xbf16>
  }
  dataflow.store %c into %k : memref<1x2x16x4xbf16> : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// A stack and another part of it.
// CHECK: kernel.call @k(%x, %a, %r, %p)
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<2x1x2x16x4xbf16>, %v: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<2x1x2x16x4xbf16> at %p : tensor<i32> {start = 1, stride = 0} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %v to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}
nn.state @s : memref<1x2x16x4xbf16>
nn.state @r : memref<1x2x16x4xbf16>
kernel.schedule @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %s = nn.get_global @s : memref<1x2x16x4xbf16>
  %r = nn.get_global @r : memref<1x2x16x4xbf16>
  %a = kernel.stack %r, %s : (memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>) -> memref<2x1x2x16x4xbf16>
  %y = kernel.call @k(%x, %a, %r, %p) : (tensor<1x8xbf16>, memref<2x1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x2x16x4xbf16>
  kernel.return %y : tensor<1x2x16x4xbf16>
}

// -----
// One cache as two arguments that are only read.
// CHECK: kernel.call @k(%x, %a, %a, %p)
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %v: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> (tensor<1x2x16x4xbf16>, tensor<1x8xbf16>) {
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %e = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %c : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %d : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %v to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "x" firings 1 ins(%c, %d : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%e : !dataflow.channel<tensor<1x8xbf16>>) periods [1] {
  ^bb0(%f: tensor<1x8xbf16>, %g: tensor<1x2x16x4xbf16>):
    dataflow.yield %f : tensor<1x8xbf16>
  }
  dataflow.store %e result 1 : !dataflow.channel<tensor<1x8xbf16>>
}
nn.state @s : memref<1x2x16x4xbf16>
kernel.schedule @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = nn.get_global @s : memref<1x2x16x4xbf16>
  %y, %z = kernel.call @k(%x, %a, %a, %p) : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> (tensor<1x2x16x4xbf16>, tensor<1x8xbf16>)
  kernel.return %y : tensor<1x2x16x4xbf16>
}
