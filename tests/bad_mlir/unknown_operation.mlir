// error: 3:8: unknown operation 'nn.matmull'
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) {
  %y = nn.matmull %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return
}
