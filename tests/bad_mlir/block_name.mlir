// error: 3:1: invalid block name in region with named arguments
kernel.func @k(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
^0:
  kernel.return %x : tensor<1x8xbf16>
}
