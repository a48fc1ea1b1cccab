// error: 4:1: the text ends where an operation or '}' is expected
kernel.func @k(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  kernel.return %x : tensor<1x8xbf16>
