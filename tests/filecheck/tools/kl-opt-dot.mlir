// A graph has operations as nodes, values as edges, and loops as boxes.
// RUN: kl-opt %s -t dot | filecheck %s

// CHECK:      digraph {
// CHECK:      subgraph cluster_[[FUNC:n[0-9]+]] {
// CHECK-NEXT:   [[FUNC]] [label="kernel.func @id"];
// CHECK-NEXT:   [[SILU:n[0-9]+]] [label="nn.silu"];
// CHECK-NEXT:   [[RETURN:n[0-9]+]] [label="kernel.return"];
// CHECK-NEXT: }
// CHECK:      [[FUNC]] -> [[SILU]] [label="%x: tensor<1x8xbf16>"];
// CHECK-NEXT: [[SILU]] -> [[RETURN]] [label="%y: tensor<1x8xbf16>"];
kernel.func @id(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
