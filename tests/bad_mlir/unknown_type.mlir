// error: 2:22: unknown type or attribute 'dataflow.chanel'
func.func @step(%x: !dataflow.chanel<tensor<8xbf16>>) {
  func.return
}
