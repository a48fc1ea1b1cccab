// What sockets exchange on the kernel level: a kernel of its own where every operator is one, as on GPUs, else
// part of the kernel around it, in layers as in the step. Loops take it in like any operation.
// RUN: kl-opt %s -p shard-tensors{sockets=2},outline-kernels{granularity=op} | filecheck %s --check-prefix=OP
// RUN: kl-opt %s -p shard-tensors{sockets=2},outline-kernels{granularity=block} | filecheck %s --check-prefix=LAYER
// RUN: kl-opt %s -p shard-tensors{sockets=2},outline-kernels | filecheck %s --check-prefix=LAYER
// RUN: kl-opt %s -p shard-tensors{sockets=2},outline-kernels,loop-kernels --remarks 2>&1 | filecheck %s --check-prefix=LOOP

// The residual add goes into the all-reduce, so that no kernel comes to those of one socket but the collectives.
// OP: kernel.func @layer.down(
// OP-NEXT: nn.matmul
// OP-NEXT: kernel.return
// OP: kernel.func @layer.all_reduce(
// OP-NEXT: collective.all_reduce
// OP-NEXT: nn.add
// OP-NEXT: kernel.return
// OP: kernel.schedule @step
// OP: kernel.call @step.embedding(
// OP-NEXT: kernel.call @step.all_reduce(
// OP-NEXT: kernel.call @layer.up[0]
// OP-NEXT: kernel.call @layer.activation[0]
// OP-NEXT: kernel.call @layer.down[0]
// OP-NEXT: kernel.call @layer.all_reduce[0]
// OP: kernel.call @layer.all_reduce[1]
// OP-NEXT: kernel.call @step.head(
// OP-NEXT: kernel.call @step.all_gather(
// OP-NEXT: kernel.call @step.argmax(
// OP-NEXT: kernel.return

// LAYER: kernel.func @layer(
// LAYER: collective.all_reduce
// LAYER-NEXT: nn.add
// LAYER-NEXT: kernel.return
// LAYER: kernel.func @step.embedding(
// LAYER-NEXT: collective.sharded_embedding
// LAYER-NEXT: collective.all_reduce
// LAYER-NEXT: kernel.return
// LAYER: kernel.func @step.head(
// LAYER-NEXT: nn.matmul
// LAYER-NEXT: collective.all_gather
// LAYER-NEXT: kernel.return
// LAYER: kernel.schedule @step
// LAYER: kernel.call @step.embedding(
// LAYER-NEXT: kernel.call @layer[0]
// LAYER-NEXT: kernel.call @layer[1]
// LAYER-NEXT: kernel.call @step.head(
// LAYER-NEXT: kernel.call @step.argmax(
// LAYER-NEXT: kernel.return

// LOOP: kernel.func @layer.loop(
// LOOP-NEXT: kernel.loop 2 carried
// LOOP: collective.all_reduce
// LOOP-NEXT: nn.add
// LOOP-NEXT: kernel.yield
// LOOP: kernel.call @layer.loop(
// LOOP-NOT: remark

nn.weight @table : tensor<16x8xbf16>
nn.weight @head : tensor<8x16xbf16>
nn.weight @up : tensor<2x8x8xbf16> {stacked}
nn.weight @down : tensor<2x8x8xbf16> {stacked}
func.func private @layer(%x: tensor<1x8xbf16>, %up: tensor<8x8xbf16>, %down: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %u = nn.matmul %x, %up : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %a = nn.gelu %u : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %d = nn.matmul %a, %down : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.add %x, %d : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%ids: tensor<1xi32>) -> tensor<1xi32> {
  %table = nn.get_global @table : tensor<16x8xbf16>
  %up = nn.get_global @up : tensor<2x8x8xbf16>
  %down = nn.get_global @down : tensor<2x8x8xbf16>
  %head = nn.get_global @head : tensor<8x16xbf16>
  %x = nn.embedding %ids, %table : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  %a = nn.call @layer[0](%x, %up, %down) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.call @layer[1](%a, %up, %down) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  %l = nn.matmul %b, %head : (tensor<1x8xbf16>, tensor<8x16xbf16>) -> tensor<1x16xbf16>
  %next = nn.argmax %l : (tensor<1x16xbf16>) -> tensor<1xi32>
  func.return %next : tensor<1xi32>
}
