// error: 3:3: @decoder is no kernel of this module
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @decoder(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
