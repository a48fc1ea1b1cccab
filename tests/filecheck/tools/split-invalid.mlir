// A model that is split by hand is split consistently before anything is made of it.
// RUN: kl-opt %s -p kl-default{to=kernel} --split-input-file --verify-diagnostics | filecheck %s

// The weight's rows meet columns of x that every socket has.
// CHECK: nn.matmul needs operand 1, @up, in 4 parts along axis 1, and it lies in 4 parts along axis 0
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 4}>} {
  nn.weight @up : tensor<8x8xbf16> {shard_axis = 0, shard_parts = 4}
  func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
    %up = nn.get_global @up : tensor<8x8xbf16>
    %h = nn.matmul %x, %up : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    func.return %h : tensor<1x8xbf16>
  }
}

// -----
// A layer's slice of a stack is a part of it, but not of its layers.
// CHECK: @block.w is split along axis 0, which counts layers
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2}>} {
  nn.weight @block.w : tensor<1x8x8xbf16> {stacked, shard_axis = 0, shard_parts = 2}
  func.func private @block(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
    %h = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    func.return %h : tensor<1x8xbf16>
  }
  func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
    %w = nn.get_global @block.w : tensor<1x8x8xbf16>
    %y = nn.call @block[0] (%x, %w) : (tensor<1x8xbf16>, tensor<1x8x8xbf16>) -> tensor<1x8xbf16>
    func.return %y : tensor<1x8xbf16>
  }
}

// -----
// Three parts, two sockets.
// CHECK: @w has 3 parts, and there are 2 sockets
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2}>} {
  nn.weight @w : tensor<8x8xbf16> {shard_axis = 1, shard_parts = 3}
  func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
    func.return %x : tensor<1x8xbf16>
  }
}

// -----
// The host reads no parts.
// CHECK: the host reads operand 0, which lies in 2 parts along axis 1
// CHECK: help: put its parts together or add it up before
builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2}>} {
  nn.weight @w : tensor<8x8xbf16> {shard_axis = 1, shard_parts = 2}
  func.func @step(%x: tensor<1x8xbf16>) {
    %w = nn.get_global @w : tensor<8x8xbf16>
    %h = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    nn.observe %h as "h" : tensor<1x8xbf16>
    func.return
  }
}
