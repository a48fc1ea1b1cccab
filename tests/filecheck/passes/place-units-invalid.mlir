// Units get places once it is known how many there are.
// RUN: kl-opt %s -p place-units --split-input-file --verify-diagnostics | filecheck %s

// CHECK: a unit without a count; run allocate-units first
dataflow.kernel @k(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<8xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<8xbf16>>) periods [1] attributes {pcus = 1} {
  ^bb0(%0: tensor<8xbf16>):
    %1 = nn.silu %0 : (tensor<8xbf16>) -> tensor<8xbf16>
    dataflow.yield %1 : tensor<8xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// CHECK: a unit without a count; run allocate-units first
dataflow.kernel @k() {
  dataflow.stage "none" firings 1 periods [] periods [] {
    dataflow.yield
  }
}

// -----
// More units than there are.
// CHECK: @wide has 9 PCUs, 8 are free; run allocate-units
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 8}>} {
  dataflow.kernel @wide() {
    dataflow.stage "none" firings 1 periods [] periods [] attributes {pcus = 9} {
      dataflow.yield
    }
  }
}

// -----
// CHECK: @long has 9 PMUs, 8 are free; run allocate-units
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 8}>} {
  dataflow.kernel @long(%x: tensor<8xbf16>) -> tensor<8xbf16> {
    %a = dataflow.channel 1 {pmus = 9} : !dataflow.channel<tensor<8xbf16>>
    dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
    dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
  }
}

// -----
// A channel in a resident weight is as large as it.
// CHECK: `resident` says 3 where its channel has 2
builtin.module attributes {rdu.machine = #rdu.machine<{pcus = 8, pmus = 8}>} {
  nn.weight @w : tensor<8xbf16> {tier = "sram", address = 0 : i64, pmus = 3 : i64}
  dataflow.kernel @resident(%w: tensor<8xbf16>) -> tensor<8xbf16> {
    %a = dataflow.channel 1 {pmus = 2} : !dataflow.channel<tensor<8xbf16>>
    dataflow.load %w to %a {resident = array<i64: 5, 3>} : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
    dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
  }
  dataflow.kernel @other(%w: tensor<8xbf16>) -> tensor<8xbf16> {
    %a = dataflow.channel 1 {pmus = 2} : !dataflow.channel<tensor<8xbf16>>
    dataflow.load %w to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
    dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
  }
}
