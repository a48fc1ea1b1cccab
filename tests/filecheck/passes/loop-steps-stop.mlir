// A stop token goes from the pass to the loop over steps, and from there to the carry of the tokens.
// RUN: kl-opt %s -p "loop-steps{steps=4 stop=7}" | filecheck %s
// RUN: kl-opt %s -p "loop-steps{steps=4 stop=7},convert-kernel-to-dataflow" | filecheck %s --check-prefix=NETWORK

// CHECK:       kernel.func @step.loop(
// CHECK-NEXT:    %token_1 = kernel.steps 4 carried(%token : tensor<3xi32>) counted(%position : tensor<i32>) stop 7 -> tensor<4x3xi32> {

// NETWORK:       dataflow.kernel @step.loop({{.*}} attributes {loops = #dataflow.loops<step 4>} {
// NETWORK:         %tokens = dataflow.channel 1 : !dataflow.channel<tensor<3xi32>>
// NETWORK:         dataflow.carry 1 init %{{.*}} next %{{.*}} current %{{.*}} made %tokens {stop = 7 : i64} :
// NETWORK:         dataflow.store %{{.*}} into %k : memref<3x1x4x8xbf16> at %position
// NETWORK:         dataflow.store %tokens result 0 {start = 0 : i64, stride = 1 : i64}
nn.weight @table : tensor<16x8xbf16>
nn.state @keys : memref<3x1x4x8xbf16>
kernel.func @all(%ids: tensor<3xi32>, %at: tensor<i32>, %e: tensor<16x8xbf16>, %k: memref<3x1x4x8xbf16>) -> tensor<3xi32> {
  %x = nn.embedding %ids, %e : (tensor<3xi32>, tensor<16x8xbf16>) -> tensor<3x8xbf16>
  nn.cache_append %k[%at], %x : memref<3x1x4x8xbf16>, tensor<i32>, tensor<3x8xbf16>
  %n = nn.argmax %x : (tensor<3x8xbf16>) -> tensor<3xi32>
  kernel.return %n : tensor<3xi32>
}
kernel.schedule @step(%token: tensor<3xi32>, %position: tensor<i32>) -> tensor<3xi32> {
  %e = nn.get_global @table : tensor<16x8xbf16>
  %k = nn.get_global @keys : memref<3x1x4x8xbf16>
  %next = kernel.call @all(%token, %position, %e, %k) : (tensor<3xi32>, tensor<i32>, tensor<16x8xbf16>, memref<3x1x4x8xbf16>) -> tensor<3xi32>
  kernel.return %next : tensor<3xi32>
}
