// error: 3:31: expected float literal
func.func @step(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) {
  %y = nn.rms_norm %x, %w eps "small" : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  func.return
}
