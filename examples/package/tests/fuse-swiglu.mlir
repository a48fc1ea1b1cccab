// RUN: kl-opt %s -p mine-fuse-swiglu | filecheck %s

// A `silu` that only the product reads becomes one operation with it.
kernel.func @gated(%gate: tensor<1x8xbf16>, %up: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %0 = nn.silu %gate : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %1 = nn.mul %0, %up : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %1 : tensor<1x8xbf16>
}
// CHECK-LABEL: kernel.func @gated
// CHECK-NOT:     nn.silu
// CHECK:         mine.swiglu %gate, %up
// CHECK-NEXT:    kernel.return

// What somebody else reads stays.
kernel.func @read(%gate: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %0 = nn.silu %gate : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %1 = nn.mul %0, %0 : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %1 : tensor<1x8xbf16>
}
// CHECK-LABEL: kernel.func @read
// CHECK:         nn.silu
// CHECK-NEXT:    nn.mul
