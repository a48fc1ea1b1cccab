// Experts that cannot be shared out among sockets.
// RUN: kl-opt %s -p "shard-tensors{sockets=4 experts=sockets}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK: 6 experts do not divide among 4 sockets
// CHECK: help: take a number of sockets that does, or split each expert: --expert-sharding ffn, or shard-tensors{experts=ffn}
nn.weight @up : tensor<6x16x8xbf16>
func.func @step(%x: tensor<1x16xbf16>, %ids: tensor<1x2xi32>) -> tensor<1x16xbf16> {
  %up = nn.get_global @up : tensor<6x16x8xbf16>
  %experts = nn.distinct %ids of 6 : (tensor<1x2xi32>) -> tensor<2xi32>
  %ups = nn.gather_slices %up, %experts along 1 : (tensor<6x16x8xbf16>, tensor<2xi32>) -> tensor<16x16xbf16>
  %h = nn.matmul %x, %ups : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  func.return %h : tensor<1x16xbf16>
}

// -----
// What experts make stays apart until it is added up.
// CHECK: operand 0 of func.return is needed whole, and comes in 4 parts along axis 1, each with room for 2 of 2 blocks
nn.weight @up : tensor<8x16x8xbf16>
func.func @step(%x: tensor<1x16xbf16>, %ids: tensor<1x2xi32>) -> tensor<1x16xbf16> {
  %up = nn.get_global @up : tensor<8x16x8xbf16>
  %experts = nn.distinct %ids of 8 : (tensor<1x2xi32>) -> tensor<2xi32>
  %ups = nn.gather_slices %up, %experts along 1 : (tensor<8x16x8xbf16>, tensor<2xi32>) -> tensor<16x16xbf16>
  %h = nn.matmul %x, %ups : (tensor<1x16xbf16>, tensor<16x16xbf16>) -> tensor<1x16xbf16>
  func.return %h : tensor<1x16xbf16>
}
