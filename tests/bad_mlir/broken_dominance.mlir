// error: 9:3: operand 0 of test.op (%a) is used where its definition does not dominate
"func.func"() <{sym_name = "f", function_type = (i1) -> ()}> ({
^bb0(%c: i1):
  "cf.cond_br"(%c)[^bb1, ^bb2] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
^bb1:
  %a = "test.op"() : () -> i32
  "cf.br"()[^bb2] : () -> ()
^bb2:
  "test.op"(%a) : (i32) -> ()
  "func.return"() : () -> ()
}) : () -> ()
