// What the verifiers of the dialect refuse, and what they say.
// RUN: kl-opt %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s

// Nothing runs in a schedule but kernels.
// CHECK: nn.silu in a schedule; only kernel calls run there
kernel.schedule @step(%x: tensor<1x8xbf16>) {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return
}

// -----
// A kernel runs to its end without the host.
// CHECK: nn.observe inside a kernel
kernel.func @k(%x: tensor<1x8xbf16>) {
  nn.observe %x as "x" : tensor<1x8xbf16>
  kernel.return
}

// -----
// CHECK: kernel.group inside a kernel
kernel.func @k(%x: tensor<1x8xbf16>) {
  kernel.group {
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: 'kernel.call' expects parent op 'kernel.schedule'
kernel.func @k() {
  kernel.call @k() : () -> ()
  kernel.return
}

// -----
// CHECK: kernel.return gives tensor<1x8xbf16>, the signature says nothing
kernel.func @k(%x: tensor<1x8xbf16>) {
  kernel.return %x : tensor<1x8xbf16>
}

// -----
// CHECK: kernel.func ends without kernel.return
"kernel.func"() <{sym_name = "k", function_type = () -> ()}> ({
  "test.termop"() : () -> ()
}) : () -> ()

// -----
// CHECK: arguments are f32, the signature says nothing
"kernel.func"() <{sym_name = "k", function_type = () -> ()}> ({
^bb0(%x: f32):
  "kernel.return"() : () -> ()
}) : () -> ()

// -----
// Calls fit the kernel that they name.
// CHECK: @k is no kernel of this module
kernel.schedule @step() {
  kernel.call @k() : () -> ()
  kernel.return
}

// -----
// CHECK: @other is no kernel of this module
kernel.schedule @other() {
  kernel.return
}
kernel.schedule @step() {
  kernel.call @other() : () -> ()
  kernel.return
}

// -----
// CHECK: operand 0 of the call of @k is a tensor<1x4xbf16>, not a tensor<1x8xbf16>
kernel.func @k(%x: tensor<1x8xbf16>) {
  kernel.return
}
kernel.schedule @step(%x: tensor<1x4xbf16>) {
  kernel.call @k(%x) : (tensor<1x4xbf16>) -> ()
  kernel.return
}

// -----
// CHECK: operand 0 of the call of @k is a stack of 2; slice 5 is outside
kernel.func @k(%x: tensor<1x8xbf16>) {
  kernel.return
}
kernel.schedule @step(%x: tensor<2x1x8xbf16>) {
  kernel.call @k[5](%x) : (tensor<2x1x8xbf16>) -> ()
  kernel.return
}

// -----
// Stacks are of one type.
// CHECK: part 1 is a tensor<4xbf16>, not a tensor<8xbf16>
kernel.schedule @step(%a: tensor<8xbf16>, %b: tensor<4xbf16>) {
  %s = kernel.stack %a, %b : (tensor<8xbf16>, tensor<4xbf16>) -> tensor<2x8xbf16>
  kernel.return
}

// -----
// CHECK: 1 parts in a stack of 2
kernel.schedule @step(%a: tensor<8xbf16>) {
  %s = kernel.stack %a : (tensor<8xbf16>) -> tensor<2x8xbf16>
  kernel.return
}

// -----
// Loops stay within their stacks and hand on what they carry.
// CHECK: a loop of 0 iterations
kernel.func @k() {
  kernel.loop 0 {
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: the loop reads slices 0 to 2 of a stack of 2
kernel.func @k(%w: tensor<2x8xbf16>) {
  kernel.loop 3 stacks(%w : tensor<2x8xbf16>) {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: the loop reads slices 0 to -1 of a stack of 2
kernel.func @k(%w: tensor<2x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<2x8xbf16>) attributes {strides = array<i64: -1>} {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// Windows too.
// CHECK: the loop reads slices 0 to 4 of a stack of 4
kernel.func @k(%w: tensor<4x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<4x8xbf16>) attributes {strides = array<i64: 2>, windows = array<i64: 3>} {
  ^bb0(%wi: tensor<3x8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: the loop reads slices 5 to 0 of a stack of 5
kernel.func @k(%w: tensor<5x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<5x8xbf16>) attributes {starts = array<i64: 3>, strides = array<i64: -3>, windows = array<i64: 3>} {
  ^bb0(%wi: tensor<3x8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: a window of -1 slices
kernel.func @k(%w: tensor<4x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<4x8xbf16>) attributes {windows = array<i64: -1>} {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: 2 windows for 1 stacks
kernel.func @k(%w: tensor<4x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<4x8xbf16>) attributes {windows = array<i64: 2, 2>} {
  ^bb0(%wi: tensor<2x8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: body arguments are tensor<8xbf16>, should be tensor<2x8xbf16>
kernel.func @k(%w: tensor<4x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<4x8xbf16>) attributes {windows = array<i64: 2>} {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// An inner loop stays within the window that the outer one hands it.
// CHECK: the loop reads slices 0 to 2 of a stack of 2
kernel.func @k(%w: tensor<6x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<6x8xbf16>) attributes {strides = array<i64: 2>, windows = array<i64: 2>} {
  ^bb0(%wi: tensor<2x8xbf16>):
    kernel.loop 3 stacks(%wi : tensor<2x8xbf16>) {
    ^bb1(%wj: tensor<8xbf16>):
      kernel.yield
    }
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: nn.observe inside a kernel
kernel.func @k(%x: tensor<1x8xbf16>) {
  kernel.loop 2 {
    nn.observe %x as "x" : tensor<1x8xbf16>
    kernel.yield
  }
  kernel.return
}

// -----
// Memory is written in place; a loop does not carry it.
// CHECK: the loop carries a memref<8xbf16>; memory is written in place, use it from outside
kernel.func @k(%c: memref<8xbf16>) {
  %d = kernel.loop 2 carried(%c : memref<8xbf16>) -> memref<8xbf16> {
  ^bb0(%e: memref<8xbf16>):
    kernel.yield %e : memref<8xbf16>
  }
  kernel.return
}

// -----
// CHECK: 2 starts for 1 stacks
kernel.func @k(%w: tensor<2x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<2x8xbf16>) attributes {starts = array<i64: 0, 1>} {
  ^bb0(%wi: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: body arguments are tensor<2x8xbf16>, should be tensor<8xbf16>
kernel.func @k(%w: tensor<2x8xbf16>) {
  kernel.loop 2 stacks(%w : tensor<2x8xbf16>) {
  ^bb0(%wi: tensor<2x8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: the loop yields other types than it carries
kernel.func @k(%x: tensor<8xbf16>) {
  %r = kernel.loop 2 carried(%x : tensor<8xbf16>) -> tensor<8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield
  }
  kernel.return
}

// -----
// CHECK: the loop body ends without kernel.yield
"kernel.func"() <{sym_name = "k", function_type = () -> ()}> ({
  "kernel.loop"() <{count = 2 : i64, operandSegmentSizes = array<i32: 0, 0>}> ({
    "test.termop"() : () -> ()
  }) : () -> ()
  "kernel.return"() : () -> ()
}) : () -> ()

// -----
// Groups hand out what they yield.
// CHECK: the group yields tensor<8xbf16>, its results are nothing
func.func @step(%x: tensor<8xbf16>) {
  kernel.group {
    kernel.yield %x : tensor<8xbf16>
  }
  func.return
}

// -----
// CHECK: a group captures its values, it takes no arguments
func.func @step() {
  kernel.group {
  ^bb0(%x: tensor<8xbf16>):
    kernel.yield
  }
  func.return
}
