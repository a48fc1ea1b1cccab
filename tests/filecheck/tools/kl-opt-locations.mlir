// Every parsed operation carries the place it stands at, and a location that the text states wins.
// RUN: kl-opt %s --print-debuginfo | filecheck %s

// CHECK: nn.weight @w : tensor<8x8xbf16> loc("{{.*}}kl-opt-locations.mlir":[[# @LINE + 1]]:1)
nn.weight @w : tensor<8x8xbf16>
// CHECK: loc("model.kl":3:5)
nn.weight @v : tensor<8x8xbf16> loc("model.kl":3:5)
