// error: 3:35: a dense has at most 16777216 elements, this one has 9223372036854775807
builtin.module {
  "test.op"() {value = dense<0> : tensor<9223372036854775807xi8>} : () -> ()
}
