// error: 3:3: nn.silu needs static shapes, got tensor<?x8xbf16>
func.func @step(%x: tensor<?x8xbf16>) {
  %y = nn.silu %x : (tensor<?x8xbf16>) -> tensor<?x8xbf16>
  func.return
}
