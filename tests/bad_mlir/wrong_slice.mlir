// error: 8:3: operand 1 of the call of @k is a stack of 2; slice 2 is outside
kernel.func @k(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

kernel.schedule @step(%x: tensor<1x8xbf16>, %w: tensor<2x8x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @k[2](%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
