// What is no loop over decode steps.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK: error: a loop of 1 steps; it takes two at least
kernel.func @k(%x: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.steps 1 carried(%x : tensor<8xbf16>) -> tensor<1x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// CHECK: error: a loop over steps carries what one step hands to the next
kernel.func @k(%p: tensor<i32>) {
  "kernel.steps"(%p) <{count = 2 : i64, operandSegmentSizes = array<i32: 0, 1>}> ({
  ^bb0(%q: tensor<i32>):
    kernel.yield
  }) : (tensor<i32>) -> ()
  kernel.return
}

// -----
// CHECK: error: a counter is a tensor<1xi32>, not a scalar
kernel.func @k(%x: tensor<8xbf16>, %p: tensor<1xi32>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) counted(%p : tensor<1xi32>) -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>, %q: tensor<1xi32>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: error: results are tensor<8xbf16>, should be tensor<2x8xbf16>
kernel.func @k(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) -> tensor<8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<8xbf16>
}

// -----
// CHECK: error: body arguments are tensor<8xbf16>, should be tensor<8xbf16>, tensor<i32>
kernel.func @k(%x: tensor<8xbf16>, %p: tensor<i32>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) counted(%p : tensor<i32>) -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: error: the step yields other types than it carries
kernel.func @k(%x: tensor<8xbf16>, %y: tensor<4xbf16>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %y : tensor<4xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: error: the body of the steps ends without kernel.yield
kernel.func @k(%x: tensor<8xbf16>) -> tensor<2x8xbf16> {
  %r = "kernel.steps"(%x) <{count = 2 : i64, operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%h: tensor<8xbf16>):
    "test.termop"() : () -> ()
  }) : (tensor<8xbf16>) -> tensor<2x8xbf16>
  kernel.return %r : tensor<2x8xbf16>
}
