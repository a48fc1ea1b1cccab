// What has no form as a schedule, and how to give it one.
// RUN: kl-opt %s -p outline-kernels --split-input-file --verify-diagnostics | filecheck %s

// CHECK: a layer calls a layer
// CHECK: help: call both from the step
func.func private @inner(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func private @outer(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.call @inner(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.call @outer(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// CHECK: all functions are private
// CHECK: help: make the step public
func.func private @layer(%x: tensor<1x8xbf16>) {
  func.return
}

// -----
// CHECK: @other is public and called like a layer
// CHECK: help: make @other private
func.func @other(%x: tensor<1x8xbf16>) {
  func.return
}
func.func @step(%x: tensor<1x8xbf16>) {
  nn.call @other(%x) : (tensor<1x8xbf16>) -> ()
  func.return
}

// -----
// CHECK: @layer has 0 blocks
// CHECK: help: give it a body of one block
func.func private @layer(tensor<1x8xbf16>) -> ()
func.func @step(%x: tensor<1x8xbf16>) {
  nn.call @layer(%x) : (tensor<1x8xbf16>) -> ()
  func.return
}

// -----
// Only kernels take slices.
// CHECK: @layer hands a slice of a stack to nn.observe
func.func private @layer(%w: tensor<8xbf16>) {
  nn.observe %w as "w" : tensor<8xbf16>
  func.return
}
func.func @step(%w: tensor<2x8xbf16>) {
  nn.call @layer[1](%w) : (tensor<2x8xbf16>) -> ()
  func.return
}

// -----
// CHECK: @layer hands a slice of a stack to func.return
// CHECK: help: let an operation of the layer read it
func.func private @layer(%w: tensor<8xbf16>) -> tensor<8xbf16> {
  func.return %w : tensor<8xbf16>
}
func.func @step(%w: tensor<2x8xbf16>) -> tensor<8xbf16> {
  %y = nn.call @layer[1](%w) : (tensor<2x8xbf16>) -> tensor<8xbf16>
  func.return %y : tensor<8xbf16>
}
