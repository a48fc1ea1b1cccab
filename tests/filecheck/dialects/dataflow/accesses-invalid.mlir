// Networks that leave open which of two accesses of one memory comes first.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s

// A read beside a store, without its token.
// CHECK: dataflow.store into %k and then dataflow.load from %k touch the same, and nothing makes the later one wait for the other; order them by data or a token, or split the kernel between the two
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// A read before the store: program order is that of the units, and nothing makes the store wait.
// CHECK: dataflow.load from %k and then dataflow.store into %k touch the same
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// The token of a store that comes later in program order does not help.
// CHECK: dataflow.load from %k and then dataflow.store into %k touch the same
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// The tiles before position q do not wait, and position p may be in one of them.
// CHECK: dataflow.store into %k and then dataflow.load from %k touch the same
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>, %q: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %q : tensor<i32> : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// Two stores at one position; at two of which nothing is known.
// CHECK: dataflow.store into %k and then dataflow.store into %k touch the same
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %p: tensor<i32>, %q: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %a, %c : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %c into %k : memref<1x2x16x4xbf16> at %q : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %q : tensor<i32> : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// Iteration 1 reads the slice that iteration 2 writes, and may be late.
// CHECK: dataflow.load from %k in iteration 1 and then dataflow.store into %k in iteration 2 touch the same
dataflow.kernel @k(%x: tensor<1x8xbf16>, %y: tensor<1x2x16x4xbf16>, %k: memref<8x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> attributes {loops = #dataflow.loops<iteration 3>} {
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
  dataflow.store %a into %k : memref<8x1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {start = 0, stride = 1} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 0, stride = 2} : memref<8x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "add" firings 1 ins(%b, %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%n : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// Two walks that coincide in iteration 0 alone, without a token.
// CHECK: dataflow.store into %k in iteration 0 and then dataflow.load from %k in iteration 0 touch the same
dataflow.kernel @k(%x: tensor<1x8xbf16>, %y: tensor<1x2x16x4xbf16>, %k: memref<8x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> attributes {loops = #dataflow.loops<iteration 3>} {
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
  dataflow.load %k to %b {start = 0, stride = 1} : memref<8x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "add" firings 1 ins(%b, %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%n : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// One cache in all iterations: the store of the next one may overtake the read of this one.
// CHECK: dataflow.load from %k in iteration 0 and then dataflow.store into %k in iteration 1 touch the same
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
  dataflow.store %a into %k : memref<8x1x2x16x4xbf16> at %p : tensor<i32> done (%t : !dataflow.channel<!dataflow.token>) {start = 3, stride = 0} : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 3, stride = 0} : memref<8x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "add" firings 1 ins(%b, %c : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%n : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.store %f result 0 {rate = "call"} : !dataflow.channel<tensor<1x2x16x4xbf16>>
}

// -----
// A store behind the read by data, tile by tile: the first tile does not wait for the last read.
// CHECK: dataflow.load from %k and then dataflow.store into %k touch the same
dataflow.kernel @k(%k: memref<1x2x16x4xbf16>) {
  %b = dataflow.channel 2 : !dataflow.channel<tensor<1x2x8x4xbf16>>
  %c = dataflow.channel 2 : !dataflow.channel<tensor<1x2x8x4xbf16>>
  dataflow.load %k to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x8x4xbf16>>
  dataflow.stage "silu" firings 2 ins(%b : !dataflow.channel<tensor<1x2x8x4xbf16>>) periods [1] outs(%c : !dataflow.channel<tensor<1x2x8x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x8x4xbf16>):
    %e = nn.silu %d : (tensor<1x2x8x4xbf16>) -> tensor<1x2x8x4xbf16>
    dataflow.yield %e : tensor<1x2x8x4xbf16>
  }
  dataflow.store %c into %k : memref<1x2x16x4xbf16> : !dataflow.channel<tensor<1x2x8x4xbf16>>
}

// -----
// One cache as two arguments: the network knows the two apart.
// CHECK: @k is given one memory as %k and %v: dataflow.store into %k and then dataflow.load from %v touch the same, and nothing makes the later one wait for the other; order them by data or a token, or split the kernel between the two
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %v: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %v to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}
nn.state @s : memref<1x2x16x4xbf16>
kernel.schedule @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %s = nn.get_global @s : memref<1x2x16x4xbf16>
  %y = kernel.call @k(%x, %s, %s, %p) : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x2x16x4xbf16>
  kernel.return %y : tensor<1x2x16x4xbf16>
}

// -----
// One slice of a stack as two arguments.
// CHECK: @k is given one memory as %k and %v
dataflow.kernel @k(%x: tensor<1x8xbf16>, %k: memref<1x2x16x4xbf16>, %v: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %a into %k : memref<1x2x16x4xbf16> at %p : tensor<i32> : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %v to %b : memref<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2x16x4xbf16>>
}
nn.state @s : memref<8x1x2x16x4xbf16>
kernel.schedule @step(%x: tensor<1x8xbf16>, %p: tensor<i32>) -> tensor<1x2x16x4xbf16> {
  %s = nn.get_global @s : memref<8x1x2x16x4xbf16>
  %y = kernel.call @k[3](%x, %s, %s, %p) : (tensor<1x8xbf16>, memref<8x1x2x16x4xbf16>, memref<8x1x2x16x4xbf16>, tensor<i32>) -> tensor<1x2x16x4xbf16>
  kernel.return %y : tensor<1x2x16x4xbf16>
}

// -----
// A stack and a part of it.
// CHECK: @k is given one memory as %k and %v
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
  %y = kernel.call @k(%x, %a, %s, %p) : (tensor<1x8xbf16>, memref<2x1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x2x16x4xbf16>
  kernel.return %y : tensor<1x2x16x4xbf16>
}

// -----
// What is read in a step is done before the next step begins, and not before the next iteration of its own step.
// CHECK: dataflow.load from %k in step 0, iteration 0 and then dataflow.store into %k in step 0, iteration 1 touch
dataflow.kernel @k(%x: tensor<1x2x16x4xbf16>, %k: memref<3x1x2x16x4xbf16>, %p: tensor<i32>) attributes {loops = #dataflow.loops<step 2, iteration 2 in step>} {
  %x0 = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %next = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %mine = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %theirs = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %a1 = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %a2 = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %an = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %af = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %b0 = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %bn = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %bf = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
  %t = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
  dataflow.load %x to %x0 {rate = "call"} : tensor<1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.carry 1 init %x0 next %next current %mine, %theirs {rate = "step"} : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.carry 1 init %mine next %an final %af current %a1, %a2 : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>> final !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.carry 1 init %theirs next %bn final %bf current %b0 : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>> final !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "walk" firings 1 ins(%a1 : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] outs(%an : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>):
    %g = nn.silu %d : (tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.load %k to %b after %t : !dataflow.channel<!dataflow.token> position %p : tensor<i32> {start = 1, stride = 1} : memref<3x1x2x16x4xbf16> -> !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "sum" firings 1 ins(%b, %b0 : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%bn : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
  dataflow.store %a2 into %k : memref<3x1x2x16x4xbf16> done (%t : !dataflow.channel<!dataflow.token>) {start = 0, stride = 1} : !dataflow.channel<tensor<1x2x16x4xbf16>>
  dataflow.stage "end" firings 1 ins(%af, %bf : !dataflow.channel<tensor<1x2x16x4xbf16>>, !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1, 1] outs(%next : !dataflow.channel<tensor<1x2x16x4xbf16>>) periods [1] attributes {rate = "step"} {
  ^bb0(%d: tensor<1x2x16x4xbf16>, %e: tensor<1x2x16x4xbf16>):
    %g = nn.add %d, %e : (tensor<1x2x16x4xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x2x16x4xbf16>
    dataflow.yield %g : tensor<1x2x16x4xbf16>
  }
}
