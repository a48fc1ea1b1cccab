// RUN: kl-opt %s -p outline-kernels --split-input-file | filecheck %s
// RUN: kl-opt %s -p outline-kernels --split-input-file --print-debuginfo | filecheck %s --check-prefix=LOC

// A layer is outlined once; its calls stay calls, with their slices. The private function goes, the step
// becomes a schedule, and every operation keeps its place in the source.
// CHECK: kernel.func @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: %y = nn.matmul %x, %w
// CHECK-NEXT: kernel.return %y : tensor<1x8xbf16>
// CHECK-NOT: kernel.func
// CHECK: kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: %w = nn.get_global @w : tensor<2x8x8xbf16>
// CHECK-NEXT: %y = kernel.call @layer[0] (%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: %y_1 = kernel.call @layer[1] (%y, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: kernel.return %y_1 : tensor<1x8xbf16>
// CHECK-NOT: func.func
nn.weight @w : tensor<2x8x8xbf16>
// LOC: kernel.func @layer(
func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  // LOC: nn.matmul {{.*}} loc("{{.*}}outline-kernels.mlir":[[# @LINE + 1]]:3)
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
  // LOC: } loc("{{.*}}outline-kernels.mlir":[[# @LINE - 4]]:1)
}
func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<2x8x8xbf16>
  // LOC: kernel.call @layer[0] {{.*}} loc("{{.*}}outline-kernels.mlir":[[# @LINE + 1]]:3)
  %a = nn.call @layer[0](%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  // LOC: kernel.call @layer[1] {{.*}} loc("{{.*}}outline-kernels.mlir":[[# @LINE + 1]]:3)
  %b = nn.call @layer[1](%a, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  // LOC: kernel.return {{.*}} loc("{{.*}}outline-kernels.mlir":[[# @LINE + 1]]:3)
  func.return %b : tensor<1x8xbf16>
}

// -----
// A weight that a layer fetches itself becomes an argument of the kernel; the schedule fetches it once.
// CHECK: kernel.func @layer(%x: tensor<1x8xbf16>, %norm: tensor<8xbf16>) -> tensor<1x8xbf16> {
// CHECK: kernel.schedule @fetching(
// CHECK-NEXT: %norm = nn.get_global @norm
// CHECK-NEXT: %y = kernel.call @layer(%x, %norm)
// CHECK-NEXT: %y_1 = kernel.call @layer(%y, %norm)
// CHECK-NEXT: kernel.return %y_1
nn.weight @norm : tensor<8xbf16>
nn.weight @unread : tensor<8xbf16>
func.func private @layer(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %norm = nn.get_global @norm : tensor<8xbf16>
  %unread = nn.get_global @unread : tensor<8xbf16>
  %y = nn.rms_norm %x, %norm eps 1.0e-05 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @fetching(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = nn.call @layer(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.call @layer(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %b : tensor<1x8xbf16>
}

// -----
// What the host reads stays in the schedule, at its place; inside a layer it divides the layer.
// CHECK: kernel.func @layer.up(
// CHECK: kernel.func @layer.activation(
// CHECK: kernel.schedule @observing(
// CHECK-NEXT: nn.observe %x as "input"
// CHECK-NEXT: %h = kernel.call @layer.up(%x
// CHECK-NEXT: nn.observe %h as "inner"
// CHECK-NEXT: %y = kernel.call @layer.activation(%h)
// CHECK-NEXT: nn.observe %y as "output"
// CHECK-NEXT: kernel.return %y
func.func private @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %h = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %h as "inner" : tensor<1x8xbf16>
  %y = nn.silu %h : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}
func.func @observing(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  nn.observe %x as "input" : tensor<1x8xbf16>
  %y = nn.call @layer(%x, %w) : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %y as "output" : tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// A layer hands out only what is read, and takes only what it uses; what nobody reads is not computed.
// CHECK: kernel.func @layer(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: %y = nn.silu %x
// CHECK-NEXT: kernel.return %y
// CHECK: kernel.schedule @unread(
// CHECK-NEXT: %y = kernel.call @layer(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
// CHECK-NEXT: kernel.return %y, %x
func.func private @layer(%x: tensor<1x8xbf16>, %unused: tensor<8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %dead = nn.gelu %y : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y, %x : tensor<1x8xbf16>, tensor<1x8xbf16>
}
func.func private @never_called(%x: tensor<1x8xbf16>) {
  func.return
}
func.func @unread(%x: tensor<1x8xbf16>, %u: tensor<8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %y, %z = nn.call @layer(%x, %u) : (tensor<1x8xbf16>, tensor<8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>)
  func.return %y, %z : tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// Names of other symbols are left alone.
// CHECK: nn.weight @taken.activation
// CHECK: kernel.func @taken.activation_1(
nn.weight @taken.activation : tensor<8xbf16>
func.func @taken(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %y : tensor<1x8xbf16>
}

// -----
// A module that is a schedule already stays as it is.
// CHECK: kernel.func @k(
// CHECK: kernel.schedule @scheduled(
// CHECK-NEXT: kernel.call @k(%x)
kernel.func @k(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @scheduled(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @k(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
