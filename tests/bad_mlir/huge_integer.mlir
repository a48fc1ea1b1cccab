// error: 3:28: an integer has at most 16777215 bits
builtin.module {
  "test.op"() {value = 0 : i9999999999} : () -> ()
}
