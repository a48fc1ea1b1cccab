// RUN: kl-opt %s -p shard-tensors{sockets=4} --split-input-file | filecheck %s
// RUN: kl-opt %s -p shard-tensors{sockets=4},shard-tensors,shard-tensors{sockets=4} --split-input-file | filecheck %s
// RUN: kl-opt %s -p shard-tensors{sockets=4} --split-input-file --print-debuginfo | filecheck %s --check-prefix=LOC
// RUN: kl-opt %s -p shard-tensors{sockets=1} --split-input-file | filecheck %s --check-prefix=ONE
// RUN: kl-opt %s -p shard-tensors --split-input-file | filecheck %s --check-prefix=ONE
// RUN: not kl-opt %s -p shard-tensors{sockets=-1} --split-input-file 2>&1 | filecheck %s --check-prefix=NEGATIVE

// NEGATIVE: error: sockets is -1
// NEGATIVE: help: give 1 or more, or 0 for those of the machine

// On one socket, as the default machine has it, nothing changes.
// ONE-NOT: collective
// ONE-NOT: shard_
// ONE-NOT: rdu.machine
// ONE: nn.weight @up : tensor<8x32xbf16>
// ONE-NOT: collective
// ONE-NOT: shard_

// A feed-forward block: columns of the first products, what lies between them on each socket's part, rows of
// the last product, and one all-reduce in front of the residual add. The norm and its weight stay whole.
// CHECK: builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 4 : i64}>} {
// CHECK-NEXT: nn.weight @norm : tensor<8xbf16>
// CHECK-NEXT: nn.weight @gate : tensor<8x8xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @up : tensor<8x8xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @down : tensor<8x8xbf16> from "down" {transposed, shard_axis = 0 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK: %gate = nn.get_global @gate : tensor<8x8xbf16>
// CHECK: %n = nn.rms_norm %x, %norm
// CHECK-NEXT: %g = nn.matmul %n, %gate : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %u = nn.matmul %n, %up : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %s = nn.silu %g : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %m = nn.mul %s, %u : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %p = nn.matmul %m, %down : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: [[SUM:%.*]] = collective.all_reduce %p : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %y = nn.add %x, [[SUM]]
// CHECK-NEXT: func.return %y
// LOC: collective.all_reduce {{.*}} loc("{{.*}}shard-tensors.mlir":[[# @LINE + 15]]:3)
nn.weight @norm : tensor<8xbf16>
nn.weight @gate : tensor<8x32xbf16>
nn.weight @up : tensor<8x32xbf16>
nn.weight @down : tensor<32x8xbf16> from "down" {transposed}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %norm = nn.get_global @norm : tensor<8xbf16>
  %gate = nn.get_global @gate : tensor<8x32xbf16>
  %up = nn.get_global @up : tensor<8x32xbf16>
  %down = nn.get_global @down : tensor<32x8xbf16>
  %n = nn.rms_norm %x, %norm eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %g = nn.matmul %n, %gate : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
  %u = nn.matmul %n, %up : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
  %s = nn.silu %g : (tensor<1x32xbf16>) -> tensor<1x32xbf16>
  %m = nn.mul %s, %u : (tensor<1x32xbf16>, tensor<1x32xbf16>) -> tensor<1x32xbf16>
  %p = nn.matmul %m, %down : (tensor<1x32xbf16>, tensor<32x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.add %x, %p : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// What is split and needed whole is gathered once, behind the operation that makes it: for the host, for a
// norm, beside a whole value and for the caller. Who can work on parts goes on with the part.
// CHECK: nn.weight @w : tensor<8x2xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK: nn.weight @bias : tensor<1x2xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK: %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x2xbf16>) -> tensor<1x2xbf16>
// CHECK-NEXT: [[A:%.*]] = collective.all_gather %a axis 1 : (tensor<1x2xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: nn.observe [[A]] as "a"
// A weight beside a value that is split follows it.
// CHECK-NEXT: %b = nn.add %a, %bias : (tensor<1x2xbf16>, tensor<1x2xbf16>) -> tensor<1x2xbf16>
// CHECK-NEXT: [[B:%.*]] = collective.all_gather %b axis 1 : (tensor<1x2xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %c = nn.rms_norm [[A]], %norm
// CHECK-NEXT: %d = nn.mul [[B]], %c : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: func.return [[B]], %d
nn.weight @w : tensor<8x8xbf16>
nn.weight @bias : tensor<1x8xbf16>
nn.weight @norm : tensor<8xbf16>
func.func @step(%x: tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %w = nn.get_global @w : tensor<8x8xbf16>
  %bias = nn.get_global @bias : tensor<1x8xbf16>
  %norm = nn.get_global @norm : tensor<8xbf16>
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %a as "a" : tensor<1x8xbf16>
  %b = nn.add %a, %bias : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %c = nn.rms_norm %a, %norm eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  %d = nn.mul %b, %c : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %b, %d : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// A vocabulary that is split: each socket looks up its rows and the sum is the embedding; the head gives each
// socket some columns, gathered for argmax.
// CHECK: nn.weight @table : tensor<4x8xbf16> {shard_axis = 0 : i64, shard_parts = 4 : i64}
// CHECK: nn.weight @head : tensor<8x4xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK: [[ROWS:%.*]] = collective.sharded_embedding %ids, %table : (tensor<1xi32>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: [[X:%.*]] = collective.all_reduce [[ROWS]]
// CHECK-NOT: nn.embedding
// CHECK: %l = nn.matmul [[X]], %head : (tensor<1x8xbf16>, tensor<8x4xbf16>) -> tensor<1x4xbf16>
// CHECK-NEXT: [[L:%.*]] = collective.all_gather %l axis 1 : (tensor<1x4xbf16>) -> tensor<1x16xbf16>
// CHECK-NEXT: %next = nn.argmax [[L]]
nn.weight @table : tensor<16x8xbf16>
nn.weight @head : tensor<8x16xbf16>
func.func @step(%ids: tensor<1xi32>) -> tensor<1xi32> {
  %table = nn.get_global @table : tensor<16x8xbf16>
  %x = nn.embedding %ids, %table : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  %head = nn.get_global @head : tensor<8x16xbf16>
  %l = nn.matmul %x, %head : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  %next = nn.argmax %l : (tensor<1x16xbf16>) -> tensor<1xi32>
  func.return %next : tensor<1xi32>
}

// -----
// A layer is rewritten once. Its calls hand it parts of the weights, stacked ones along one axis more, and
// values whole. A weight that a layer does not read and a layer that nobody calls stay as they are.
// CHECK: nn.weight @w : tensor<2x8x2xbf16> {stacked, shard_axis = 2 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @v : tensor<8x2xbf16> {shard_axis = 1 : i64, shard_parts = 4 : i64}
// CHECK-NEXT: nn.weight @unread : tensor<8x8xbf16>{{$}}
// CHECK: func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x2xbf16>, %u: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x2xbf16>) -> tensor<1x2xbf16>
// CHECK-NEXT: [[Y:%.*]] = collective.all_gather %y axis 1
// CHECK-NEXT: func.return [[Y]]
// CHECK: func.func private @uncalled(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>)
// CHECK-NOT: collective
// CHECK: func.func @step(
// CHECK: nn.call @layer[1] (%x, %w, %unread) : (tensor<1x8xbf16>, tensor<2x8x2xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %b = nn.matmul %a, %v
// CHECK-NEXT: [[B:%.*]] = collective.all_gather %b
// CHECK-NEXT: nn.call @layer([[B]], %v, %unread) : (tensor<1x8xbf16>, tensor<8x2xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
nn.weight @w : tensor<2x8x8xbf16> {stacked}
nn.weight @v : tensor<8x8xbf16>
nn.weight @unread : tensor<8x8xbf16>
func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>, %u: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func private @uncalled(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<2x8x8xbf16>
  %v = nn.get_global @v : tensor<8x8xbf16>
  %unread = nn.get_global @unread : tensor<8x8xbf16>
  %a = nn.call @layer[1](%x, %w, %unread) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.matmul %a, %v : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %c = nn.call @layer(%b, %v, %unread) : (tensor<1x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %c : tensor<1x8xbf16>
}
