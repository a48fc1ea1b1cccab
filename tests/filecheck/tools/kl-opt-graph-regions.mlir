// In a graph region a value may be used before its definition: in modules, hardware, e-graphs, and in operations
// that may mean anything.
// RUN: kl-opt %s --allow-unregistered-dialect --split-input-file | filecheck %s

// CHECK: "t.use"(%[[X:.*]]) : (i32) -> ()
// CHECK: %[[X]] = "t.def"
"t.use"(%0) : (i32) -> ()
%0 = "t.def"() : () -> i32

// -----

// CHECK: %r = seq.compreg %n, %clk : i16
hw.module @count(in %clk : !seq.clock, in %i : i16, out o : i16) {
  %r = seq.compreg %n, %clk : i16
  %n = comb.add %r, %i : i16
  hw.output %r : i16
}

// -----

// A graph region inside an SSA region.
// CHECK: func.func @nested
func.func @nested() {
  "t.graph"() ({
    "t.use"(%0) : (i32) -> ()
    %0 = "t.def"() : () -> i32
  }) : () -> ()
  func.return
}

// -----

// An SSA region inside a graph region sees what follows it.
// CHECK: scf.execute_region
scf.execute_region {
  "t.use"(%0) : (i32) -> ()
  scf.yield
}
%0 = "t.def"() : () -> i32

// -----

// E-classes make a graph of any block.
// CHECK: %c = equivalence.class %x, %a : i32
func.func @class(%x: i32, %y: i32) -> i32 {
  %c = equivalence.class %x, %a : i32
  %a = arith.addi %c, %y : i32
  func.return %c : i32
}

// -----

// Nothing reaches the second block.
// CHECK: func.func @unreachable
func.func @unreachable() {
  func.return
^unreachable:
  "t.use"(%0) : (i32) -> ()
  %0 = "t.def"() : () -> i32
  func.return
}
