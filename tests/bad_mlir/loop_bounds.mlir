// error: 3:3: the loop reads slices 0 to 2 of a stack of 2
kernel.func @k(%x: tensor<1x8xbf16>, %w: tensor<2x8x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<2x8x8xbf16>) {
  ^bb0(%h: tensor<1x8xbf16>, %v: tensor<8x8xbf16>):
    %z = nn.matmul %h, %v : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %z : tensor<1x8xbf16>
  }
  kernel.return %y : tensor<1x8xbf16>
}
