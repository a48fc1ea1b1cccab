// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{least-tiles=1 least-run-bytes=2}" | filecheck %s
// RUN: kl-opt %s -p "convert-kernel-to-dataflow,tile-stages{tile-bytes=512 least-tiles=1 least-run-bytes=2}" | filecheck %s --check-prefix=SMALL

// What is read around a loop is loaded ahead while it runs, and what the loop needs at once waits for the tile that HBM is
// at. HBM answers within 1 cycle, in which it brings 1,035 bytes: 8 columns of 64 rows of 2 bytes, 32 tiles of 256 columns.
// What the loop reads has 8 KiB, less than the usual tile, and stays whole. A smaller tile that is asked for holds for both.
// CHECK-LABEL: dataflow.kernel @steps
// CHECK: dataflow.stage "matmul.a" firings 1 ins
// CHECK: dataflow.load %v to {{.*}} -> !dataflow.channel<tensor<64x8xbf16>>
// CHECK-NEXT: dataflow.stage "matmul.l" firings 32 ins
// SMALL: dataflow.stage "matmul.a" firings 16 ins
// SMALL: dataflow.stage "matmul.l" firings 64 ins
builtin.module attributes {rdu.machine = #rdu.machine<{hbm_latency_cycles = 1}>} {
  kernel.func @steps(%t: tensor<1xi32>, %e: tensor<256x64xbf16>, %w: tensor<4x64x64xbf16>, %v: tensor<64x256xbf16>) -> tensor<2x1xi32> {
    %r = kernel.steps 2 carried(%t : tensor<1xi32>) -> tensor<2x1xi32> {
    ^bb0(%ids: tensor<1xi32>):
      %x = nn.embedding %ids, %e : (tensor<1xi32>, tensor<256x64xbf16>) -> tensor<1x64xbf16>
      %y = kernel.loop 4 carried(%x : tensor<1x64xbf16>) -> tensor<1x64xbf16> stacks(%w : tensor<4x64x64xbf16>) {
      ^bb1(%h: tensor<1x64xbf16>, %wi: tensor<64x64xbf16>):
        %a = nn.matmul %h, %wi : (tensor<1x64xbf16>, tensor<64x64xbf16>) -> tensor<1x64xbf16>
        kernel.yield %a : tensor<1x64xbf16>
      }
      %l = nn.matmul %y, %v : (tensor<1x64xbf16>, tensor<64x256xbf16>) -> tensor<1x256xbf16>
      %n = nn.argmax %l : (tensor<1x256xbf16>) -> tensor<1xi32>
      kernel.yield %n : tensor<1xi32>
    }
    kernel.return %r : tensor<2x1xi32>
  }
}
