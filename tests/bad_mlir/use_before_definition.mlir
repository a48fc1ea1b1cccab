// error: 3:3: operand 0 of nn.silu (%z) is used where its definition does not dominate
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %z : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.gelu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
