// With a stop token, what keeps steps from being looped is an error: nothing would stop.
// RUN: kl-opt %s -p "loop-steps{steps=4 stop=16}" --split-input-file --verify-diagnostics | filecheck %s
// RUN: kl-opt %s -p "loop-steps{steps=4 stop=-1}" --split-input-file --verify-diagnostics | filecheck %s --check-prefix=NEGATIVE
// RUN: kl-opt %s -p "loop-steps{steps=4 stop=7}" --split-input-file --verify-diagnostics | filecheck %s --check-prefix=OTHER

// CHECK: stop is 16; the vocabulary has the tokens 0 to 15
// NEGATIVE: stop is -1; the vocabulary has the tokens 0 to 15
nn.weight @table : tensor<16x8xbf16>
kernel.func @all(%ids: tensor<3xi32>, %e: tensor<16x8xbf16>) -> tensor<3xi32> {
  %x = nn.embedding %ids, %e : (tensor<3xi32>, tensor<16x8xbf16>) -> tensor<3x8xbf16>
  %n = nn.argmax %x : (tensor<3x8xbf16>) -> tensor<3xi32>
  kernel.return %n : tensor<3xi32>
}
kernel.schedule @step(%token: tensor<3xi32>) -> tensor<3xi32> {
  %e = nn.get_global @table : tensor<16x8xbf16>
  %next = kernel.call @all(%token, %e) : (tensor<3xi32>, tensor<16x8xbf16>) -> tensor<3xi32>
  kernel.return %next : tensor<3xi32>
}

// -----
// OTHER: steps are not looped: the host reads %y as 'hidden' in every step; so none of them ends at the stop token 7
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @observed(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %y as "hidden" : tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// What goes from step to step is no token.
// OTHER: steps are not looped: rows stop at a token; it takes integers [batch], not tensor<1x8xbf16>; so none of them ends at the stop token 7
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @hidden(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// OTHER: stop is 7; kernels are networks already, or loop over steps
dataflow.kernel @copy(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %c : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
kernel.schedule @step(%a: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %b = kernel.call @copy(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %b : tensor<1x8xbf16>
}
