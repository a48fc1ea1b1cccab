// Heads that come whole are not split: the product of each head needs those of its socket.
// RUN: kl-opt %s -p shard-tensors{sockets=4} --verify-diagnostics | filecheck %s

// CHECK: operand 0 of nn.head_matmul is needed in 4 parts along axis 1, and comes whole
nn.weight @wk : tensor<32x6xf32>
func.func @step(%x: tensor<1x32xf32>) -> tensor<1x48xf32> {
  %wk = nn.get_global @wk : tensor<32x6xf32>
  %a = nn.head_matmul %x, %wk : (tensor<1x32xf32>, tensor<32x6xf32>) -> tensor<1x48xf32>
  func.return %a : tensor<1x48xf32>
}
