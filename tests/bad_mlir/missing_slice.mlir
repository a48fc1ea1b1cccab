// error: 7:3: operand 0 of the call of @k is a stack of tensor<1x8xbf16>
kernel.func @k(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  kernel.return %x : tensor<1x8xbf16>
}

kernel.schedule @step(%x: tensor<2x1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @k(%x) : (tensor<2x1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
