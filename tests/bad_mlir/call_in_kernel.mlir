// error: 2:1: nn.observe inside a kernel
kernel.func @k(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  nn.observe %x as "x" : tensor<1x8xbf16>
  kernel.return %x : tensor<1x8xbf16>
}
