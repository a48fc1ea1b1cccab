// Which algorithm all tiles of an exchange are fastest with.
// RUN: kl-opt %s -p overlap-collectives --split-input-file | filecheck %s

builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 16 : i64}>} {

// A tile of 4096 bytes to each of 15 others takes 492 cycles of 125 bytes, and the last one 800 of latency. In
// trees 4 halves take 66 cycles, and the last one 8 * 800: 8 tiles take 4736 or 6928 cycles, 16 take 8672 or 7456.
// CHECK-LABEL: dataflow.kernel @few_tiles
// CHECK: dataflow.collective "all_reduce" 8 %a to %b by "one_shot"
dataflow.kernel @few_tiles(%x: tensor<8x2048xbf16>) -> tensor<8x2048xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.load %x to %a : tensor<8x2048xbf16> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.collective "all_reduce" 8 %a to %b by "ring" : !dataflow.channel<tensor<1x2048xbf16>> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2048xbf16>>
}

// CHECK-LABEL: dataflow.kernel @more_tiles
// CHECK: dataflow.collective "all_reduce" 16 %a to %b by "tree"
dataflow.kernel @more_tiles(%x: tensor<16x2048xbf16>) -> tensor<16x2048xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.load %x to %a : tensor<16x2048xbf16> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.collective "all_reduce" 16 %a to %b by "ring" : !dataflow.channel<tensor<1x2048xbf16>> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2048xbf16>>
}

// A ring sends 30 parts of 1/16, an eighth less than a tree, and waits 30 * 800 cycles.
// CHECK-LABEL: dataflow.kernel @large_tiles
// CHECK: dataflow.collective "all_reduce" 8 %a to %b by "ring"
dataflow.kernel @large_tiles(%x: tensor<8x2097152xbf16>) -> tensor<8x2097152xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x2097152xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x2097152xbf16>>
  dataflow.load %x to %a : tensor<8x2097152xbf16> -> !dataflow.channel<tensor<1x2097152xbf16>>
  dataflow.collective "all_reduce" 8 %a to %b by "tree" : !dataflow.channel<tensor<1x2097152xbf16>> -> !dataflow.channel<tensor<1x2097152xbf16>>
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x2097152xbf16>>
}

// Memory takes 64,822 cycles for the weight of which 16 tiles are made: of the exchange the last tile is left.
// CHECK-LABEL: dataflow.kernel @made_slowly
// CHECK: dataflow.collective "all_reduce" 16 %c to %d by "one_shot"
dataflow.kernel @made_slowly(%x: tensor<1x1024xbf16>, %w: tensor<1024x32768xbf16>) -> tensor<1x32768xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x1024xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1024x2048xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  %d = dataflow.channel 1 : !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.load %x to %a : tensor<1x1024xbf16> -> !dataflow.channel<tensor<1x1024xbf16>>
  dataflow.load %w to %b : tensor<1024x32768xbf16> -> !dataflow.channel<tensor<1024x2048xbf16>>
  dataflow.stage "matmul" firings 16 ins(%a, %b : !dataflow.channel<tensor<1x1024xbf16>>, !dataflow.channel<tensor<1024x2048xbf16>>) periods [16, 1] outs(%c : !dataflow.channel<tensor<1x2048xbf16>>) periods [1] {
  ^bb0(%e: tensor<1x1024xbf16>, %f: tensor<1024x2048xbf16>):
    %g = nn.matmul %e, %f : (tensor<1x1024xbf16>, tensor<1024x2048xbf16>) -> tensor<1x2048xbf16>
    dataflow.yield %g : tensor<1x2048xbf16>
  }
  dataflow.collective "all_reduce" 16 %c to %d by "ring" : !dataflow.channel<tensor<1x2048xbf16>> -> !dataflow.channel<tensor<1x2048xbf16>>
  dataflow.store %d result 0 : !dataflow.channel<tensor<1x2048xbf16>>
}

}
