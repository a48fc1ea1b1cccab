// Columns and rows that do not divide are padded with zeros behind the last one; what is gathered is cut off.
// RUN: kl-opt %s -p shard-tensors{sockets=4} | filecheck %s

// CHECK: nn.weight @table : tensor<26x8xbf16> {shard_axis = 0 : i64, shard_parts = 4 : i64, shard_runs = array<i64: 101, 3>}
// CHECK: %[[PART:.*]] = collective.sharded_embedding %{{.*}}, %{{.*}} {kl.remarks = ["101 rows of the table do not divide among 4 sockets: padded with zeros to 104"], rows = 101 : i64}
// CHECK: %[[Y:.*]] = nn.matmul %{{.*}}, %{{.*}} {kl.remarks = ["101 columns of the product do not divide among 4 sockets: padded with zeros to 104"], transposed} : (tensor<1x8xbf16>, tensor<26x8xbf16>) -> tensor<1x26xbf16>
// CHECK: %[[G:.*]] = collective.all_gather %[[Y]] axis 1 : (tensor<1x26xbf16>) -> tensor<1x104xbf16>
// CHECK: nn.slice %[[G]] from 0 : (tensor<1x104xbf16>) -> tensor<1x101xbf16>
nn.weight @table : tensor<101x8xbf16>
func.func @step(%ids: tensor<1xi32>) -> tensor<1xi32> {
  %table = nn.get_global @table : tensor<101x8xbf16>
  %x = nn.embedding %ids, %table : (tensor<1xi32>, tensor<101x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.matmul %x, %table {transposed} : (tensor<1x8xbf16>, tensor<101x8xbf16>) -> tensor<1x101xbf16>
  %best = nn.argmax %y : (tensor<1x101xbf16>) -> tensor<1xi32>
  func.return %best : tensor<1xi32>
}
