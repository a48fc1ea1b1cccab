// error: 3:22: value %w is used but never defined
func.func @step(%x: tensor<1x8xbf16>) {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return
}
