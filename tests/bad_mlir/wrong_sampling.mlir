// error: 3:3: top_p is 2; it is above 0, and 1 at most
func.func @step(%x: tensor<2x8xf32>, %p: tensor<i32>) {
  %i = nn.sample %x, %p {temperature = 1.0 : f64, top_p = 2.0 : f64, seed = 0 : i64} : (tensor<2x8xf32>, tensor<i32>) -> tensor<2xi32>
  func.return
}
