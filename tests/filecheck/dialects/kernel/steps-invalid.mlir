// What is no loop over decode steps.
// RUN: kl-opt %s --split-input-file --verify-diagnostics | filecheck %s

// CHECK: a loop of 1 steps; it takes two at least
kernel.func @k(%x: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.steps 1 carried(%x : tensor<8xbf16>) -> tensor<1x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// CHECK: a loop over steps carries what one step hands to the next
kernel.func @k(%p: tensor<i32>) {
  "kernel.steps"(%p) <{count = 2 : i64, operandSegmentSizes = array<i32: 0, 1>}> ({
  ^bb0(%q: tensor<i32>):
    kernel.yield
  }) : (tensor<i32>) -> ()
  kernel.return
}

// -----
// CHECK: a counter is a tensor<1xi32>, not a scalar
kernel.func @k(%x: tensor<8xbf16>, %p: tensor<1xi32>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) counted(%p : tensor<1xi32>) -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>, %q: tensor<1xi32>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: results are tensor<8xbf16>, should be tensor<2x8xbf16>
kernel.func @k(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) -> tensor<8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<8xbf16>
}

// -----
// CHECK: body arguments are tensor<8xbf16>, should be tensor<8xbf16>, tensor<i32>
kernel.func @k(%x: tensor<8xbf16>, %p: tensor<i32>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) counted(%p : tensor<i32>) -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: the step yields other types than it carries
kernel.func @k(%x: tensor<8xbf16>, %y: tensor<4xbf16>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %y : tensor<4xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: the body of the steps ends without kernel.yield
kernel.func @k(%x: tensor<8xbf16>) -> tensor<2x8xbf16> {
  %r = "kernel.steps"(%x) <{count = 2 : i64, operandSegmentSizes = array<i32: 1, 0>}> ({
  ^bb0(%h: tensor<8xbf16>):
    "test.termop"() : () -> ()
  }) : (tensor<8xbf16>) -> tensor<2x8xbf16>
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// Where rows cannot stop at a token.
// CHECK: rows stop at a token; it takes integers [batch], not tensor<8xbf16>
kernel.func @k(%x: tensor<8xbf16>) -> tensor<2x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<8xbf16>) stop 1 -> tensor<2x8xbf16> {
  ^bb0(%h: tensor<8xbf16>):
    kernel.yield %h : tensor<8xbf16>
  }
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// CHECK: rows stop at a token; it takes integers [batch], not tensor<i32>
kernel.func @k(%x: tensor<i32>) -> tensor<2xi32> {
  %r = kernel.steps 2 carried(%x : tensor<i32>) stop 1 -> tensor<2xi32> {
  ^bb0(%h: tensor<i32>):
    kernel.yield %h : tensor<i32>
  }
  kernel.return %r : tensor<2xi32>
}

// -----
// CHECK: the stop token is -1; a token of tensor<3xi32> is 0 to 2147483647
kernel.func @k(%x: tensor<3xi32>) -> tensor<2x3xi32> {
  %r = kernel.steps 2 carried(%x : tensor<3xi32>) stop -1 -> tensor<2x3xi32> {
  ^bb0(%h: tensor<3xi32>):
    kernel.yield %h : tensor<3xi32>
  }
  kernel.return %r : tensor<2x3xi32>
}

// -----
// CHECK: a loop that stops at a token carries 2 values, not one
kernel.func @k(%x: tensor<3xi32>, %y: tensor<3xi32>) -> (tensor<2x3xi32>, tensor<2x3xi32>) {
  %r, %s = kernel.steps 2 carried(%x, %y : tensor<3xi32>, tensor<3xi32>) stop 1 -> tensor<2x3xi32>, tensor<2x3xi32> {
  ^bb0(%h: tensor<3xi32>, %g: tensor<3xi32>):
    kernel.yield %h, %g : tensor<3xi32>, tensor<3xi32>
  }
  kernel.return %r, %s : tensor<2x3xi32>, tensor<2x3xi32>
}

// -----
// CHECK: nn.cache_append appends 2 rows, the tokens that stop are those of 3
kernel.func @k(%token: tensor<3xi32>, %p: tensor<i32>, %e: tensor<16x8xbf16>, %k: memref<2x1x4x12xbf16>) -> tensor<2x3xi32> {
  %r = kernel.steps 2 carried(%token : tensor<3xi32>) counted(%p : tensor<i32>) stop 1 -> tensor<2x3xi32> {
  ^bb0(%t: tensor<3xi32>, %q: tensor<i32>):
    %x = nn.embedding %t, %e : (tensor<3xi32>, tensor<16x8xbf16>) -> tensor<3x8xbf16>
    %y = "test.op"(%x) : (tensor<3x8xbf16>) -> tensor<2x12xbf16>
    nn.cache_append %k[%q], %y : memref<2x1x4x12xbf16>, tensor<i32>, tensor<2x12xbf16>
    kernel.yield %t : tensor<3xi32>
  }
  kernel.return %r : tensor<2x3xi32>
}

// -----
// What is appended is there before the token is.
// CHECK: what nn.cache_append appends does not depend on the step's token, so it cannot wait for which rows are done
kernel.func @k(%token: tensor<3xi32>, %p: tensor<i32>, %x: tensor<3x8xbf16>, %k: memref<3x1x4x8xbf16>) -> tensor<2x3xi32> {
  %r = kernel.steps 2 carried(%token : tensor<3xi32>) counted(%p : tensor<i32>) stop 1 -> tensor<2x3xi32> {
  ^bb0(%t: tensor<3xi32>, %q: tensor<i32>):
    nn.cache_append %k[%q], %x : memref<3x1x4x8xbf16>, tensor<i32>, tensor<3x8xbf16>
    kernel.yield %t : tensor<3xi32>
  }
  kernel.return %r : tensor<2x3xi32>
}

// -----
// The first layer has it from the token, the second one from before.
// CHECK: what nn.cache_append appends does not depend on the step's token, so it cannot wait for which rows are done
kernel.func @k(%token: tensor<3xi32>, %p: tensor<i32>, %x: tensor<3x8xbf16>, %e: tensor<16x8xbf16>, %k: memref<3x1x4x8xbf16>) -> tensor<2x3xi32> {
  %r = kernel.steps 2 carried(%token : tensor<3xi32>) counted(%p : tensor<i32>) stop 1 -> tensor<2x3xi32> {
  ^bb0(%t: tensor<3xi32>, %q: tensor<i32>):
    %y = nn.embedding %t, %e : (tensor<3xi32>, tensor<16x8xbf16>) -> tensor<3x8xbf16>
    %z = kernel.loop 2 carried(%y : tensor<3x8xbf16>) -> tensor<3x8xbf16> {
    ^bb1(%h: tensor<3x8xbf16>):
      nn.cache_append %k[%q], %h : memref<3x1x4x8xbf16>, tensor<i32>, tensor<3x8xbf16>
      kernel.yield %x : tensor<3x8xbf16>
    }
    kernel.yield %t : tensor<3xi32>
  }
  kernel.return %r : tensor<2x3xi32>
}
