// error: 4:3: ids name some of 8 experts, the stack has 16
func.func @step(%ids: tensor<2x2xi32>, %w: tensor<16x4x6xbf16>) {
  %e = nn.distinct %ids of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %c = nn.gather_slices %w, %e along 1 : (tensor<16x4x6xbf16>, tensor<4xi32>) -> tensor<4x24xbf16>
  func.return
}
