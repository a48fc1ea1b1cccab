// error: 3:16: expected ':'
builtin.module {
  nn.weight @w tensor<8x8xbf16>
}
