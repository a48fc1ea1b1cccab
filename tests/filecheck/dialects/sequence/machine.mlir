// A module keeps its machine, whose sockets are those that a model is split over.
// RUN: kl-opt %s | filecheck %s
// RUN: kl-opt %s -p shard-tensors | filecheck %s --check-prefix=SPLIT
// RUN: kl-opt %s -p shard-tensors{sockets=4} | filecheck %s --check-prefix=FOUR
// RUN: not kl-opt %s -p outline-kernels,merge-identical-kernels,loop-kernels 2>&1 | filecheck %s --check-prefix=OTHER

// CHECK: builtin.module attributes {sequence.machine = #sequence.machine<{launch_ns = 5 : i64, sockets = 2 : i64}>} {

// SPLIT: #sequence.machine<{launch_ns = 5 : i64, sockets = 2 : i64}>
// SPLIT: nn.weight @up : tensor<8x16xbf16> {shard_axis = 1 : i64, shard_parts = 2 : i64}
// FOUR: #sequence.machine<{sockets = 4 : i64, launch_ns = 5 : i64}>
// FOUR: nn.weight @up : tensor<8x8xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}

// OTHER: error: the module is for a machine of the class sequence, this is for an SN40L
// OTHER: help: leave #sequence.machine out of the module's attributes
builtin.module attributes {sequence.machine = #sequence.machine<{launch_ns = 5, sockets = 2}>} {
  nn.weight @up : tensor<8x32xbf16>
  nn.weight @down : tensor<32x8xbf16>
  func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
    %up = nn.get_global @up : tensor<8x32xbf16>
    %down = nn.get_global @down : tensor<32x8xbf16>
    %h = nn.matmul %x, %up : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
    %y = nn.matmul %h, %down : (tensor<1x32xbf16>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
    func.return %y : tensor<1x8xbf16>
  }
}
