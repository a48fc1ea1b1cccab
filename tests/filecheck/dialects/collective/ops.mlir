// Every operation of the dialect is printed as it was read, through the custom and the generic form.
// RUN: kl-opt %s | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | kl-opt | filecheck %s
// RUN: kl-opt %s --print-op-generic | filecheck %s --check-prefix=GENERIC

// CHECK: func.func @step(
func.func @step(%ids: tensor<2xi32>, %table: tensor<4x8xbf16>, %chosen: tensor<2x2xi32>) -> tensor<2x32xbf16> {
  // CHECK-NEXT: %p = collective.sharded_embedding %ids, %table : (tensor<2xi32>, tensor<4x8xbf16>) -> tensor<2x8xbf16>
  %p = collective.sharded_embedding %ids, %table : (tensor<2xi32>, tensor<4x8xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: %x = collective.all_reduce %p : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %x = collective.all_reduce %p : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  // CHECK-NEXT: %y = collective.all_gather %x axis 1 : (tensor<2x8xbf16>) -> tensor<2x32xbf16>
  // GENERIC: "collective.all_gather"(%x) <{axis = 1 : i64}> : (tensor<2x8xbf16>) -> tensor<2x32xbf16>
  %y = collective.all_gather %x axis 1 : (tensor<2x8xbf16>) -> tensor<2x32xbf16>
  // CHECK-NEXT: %own = collective.own_experts %chosen of 4 : (tensor<2x2xi32>) -> tensor<2x2xi32>
  // GENERIC: "collective.own_experts"(%chosen) <{experts = 4 : i64}> : (tensor<2x2xi32>) -> tensor<2x2xi32>
  %own = collective.own_experts %chosen of 4 : (tensor<2x2xi32>) -> tensor<2x2xi32>
  func.return %y : tensor<2x32xbf16>
}
