// error: 4:18: operand is used with type tensor<1x4xbf16>
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) {
  // The input has eight columns.
  %y = nn.matmul %x, %w : (tensor<1x4xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return
}
