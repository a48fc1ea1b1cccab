// RUN: kl-opt %s -p "plan-memory{spill=true}" | filecheck %s

// Of a stack of experts a step reads the slices that ids name, two of eight: it moves 256 of 1024 bytes, a quarter, and goes;
// @w, of which all 256 bytes move, stays.
// CHECK: nn.weight @experts : tensor<8x8x8xbf16> {address = 0 : i64, tier = "ddr"}
// CHECK-NEXT: nn.weight @w : tensor<16x8xbf16> {address = 0 : i64}
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_bytes = 1536}>} {
  nn.weight @experts : tensor<8x8x8xbf16>
  nn.weight @w : tensor<16x8xbf16>
  dataflow.kernel @step(%ids: tensor<2xi32>, %e: tensor<8x8x8xbf16>, %w: tensor<16x8xbf16>) -> tensor<16x8xbf16> {
    %a = dataflow.channel 1 : !dataflow.channel<tensor<2xi32>>
    %b = dataflow.channel 1 : !dataflow.channel<tensor<8x16xbf16>>
    %c = dataflow.channel 1 : !dataflow.channel<tensor<16x8xbf16>>
    %d = dataflow.channel 1 : !dataflow.channel<tensor<16x8xbf16>>
    dataflow.load %ids to %a : tensor<2xi32> -> !dataflow.channel<tensor<2xi32>>
    dataflow.load %e by %a along 1 to %b : tensor<8x8x8xbf16>, !dataflow.channel<tensor<2xi32>> -> !dataflow.channel<tensor<8x16xbf16>>
    dataflow.load %w to %c : tensor<16x8xbf16> -> !dataflow.channel<tensor<16x8xbf16>>
    dataflow.stage "turn" firings 1 ins(%b, %c : !dataflow.channel<tensor<8x16xbf16>>, !dataflow.channel<tensor<16x8xbf16>>) periods [1, 1] outs(%d : !dataflow.channel<tensor<16x8xbf16>>) periods [1] {
    ^bb0(%x: tensor<8x16xbf16>, %y: tensor<16x8xbf16>):
      %z = nn.matmul %y, %x : (tensor<16x8xbf16>, tensor<8x16xbf16>) -> tensor<16x16xbf16>
      %v = nn.matmul %z, %y : (tensor<16x16xbf16>, tensor<16x8xbf16>) -> tensor<16x8xbf16>
      dataflow.yield %v : tensor<16x8xbf16>
    }
    dataflow.store %d result 0 : !dataflow.channel<tensor<16x8xbf16>>
  }
  kernel.schedule @run(%ids: tensor<2xi32>) -> tensor<16x8xbf16> {
    %e = nn.get_global @experts : tensor<8x8x8xbf16>
    %w = nn.get_global @w : tensor<16x8xbf16>
    %y = kernel.call @step(%ids, %e, %w) : (tensor<2xi32>, tensor<8x8x8xbf16>, tensor<16x8xbf16>) -> tensor<16x8xbf16>
    kernel.return %y : tensor<16x8xbf16>
  }
}
