// error: 4:3: SSA value %y is already defined
func.func @step(%x: tensor<1x8xbf16>) {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.gelu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return
}
