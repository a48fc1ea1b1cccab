// error: 3:3: inner extents differ: (1, 8) x (4, 8)
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<4x8xbf16>) {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<4x8xbf16>) -> tensor<1x8xbf16>
  func.return
}
