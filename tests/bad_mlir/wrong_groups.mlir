// error: 3:3: 8 columns do not divide into 3 groups
func.func @step(%x: tensor<2x8xf32>) {
  %i = nn.top_k %x of 2 {groups = 3 : i64, kept = 1 : i64, best = 1 : i64} : (tensor<2x8xf32>) -> tensor<2x2xi32>
  func.return
}
