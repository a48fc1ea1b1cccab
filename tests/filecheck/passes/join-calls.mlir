// All calls of a step become one, of a kernel that does what they do.
// RUN: kl-opt %s -p join-calls --split-input-file | filecheck %s

// The loop over layers stays one, between embedding and the choice of the token.
// CHECK: kernel.func @step.call(%token: tensor<1xi32>, %e: tensor<16x8xbf16>, %w: tensor<2x8x8xbf16>) -> tensor<1xi32> {
// CHECK-NEXT: %x = nn.embedding %token, %e
// CHECK-NEXT: [[H:%[a-z0-9_]+]] = kernel.loop 2 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<2x8x8xbf16>) {
// CHECK: }
// CHECK-NEXT: %next = nn.argmax [[H]]
// CHECK-NEXT: kernel.return %next : tensor<1xi32>
// CHECK-LABEL: kernel.schedule @step
// CHECK: %next = kernel.call @step.call(%token, %e, %w)
// CHECK-NEXT: kernel.return %next : tensor<1xi32>
nn.weight @table : tensor<16x8xbf16>
nn.weight @w : tensor<2x8x8xbf16>
kernel.func @embedding(%ids: tensor<1xi32>, %e: tensor<16x8xbf16>) -> tensor<1x8xbf16> {
  %x = nn.embedding %ids, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %x : tensor<1x8xbf16>
}
kernel.func @layer.loop(%x: tensor<1x8xbf16>, %w: tensor<2x8x8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.loop 2 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<2x8x8xbf16>) {
  ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>):
    %y = nn.matmul %h, %wi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}
kernel.func @argmax(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
  %y = nn.argmax %x : (tensor<1x8xbf16>) -> tensor<1xi32>
  kernel.return %y : tensor<1xi32>
}
kernel.schedule @step(%token: tensor<1xi32>) -> tensor<1xi32> {
  %e = nn.get_global @table : tensor<16x8xbf16>
  %w = nn.get_global @w : tensor<2x8x8xbf16>
  %x = kernel.call @embedding(%token, %e) : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  %h = kernel.call @layer.loop(%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  %next = kernel.call @argmax(%h) : (tensor<1x8xbf16>) -> tensor<1xi32>
  kernel.return %next : tensor<1xi32>
}

// -----
// A call for one slice becomes a loop of one iteration; a value that is returned twice is one result.
// CHECK: kernel.func @slices.call(%x: tensor<1x8xbf16>, %w: tensor<2x8x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: %a = kernel.loop 1 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<2x8x8xbf16>) attributes {starts = array<i64: 1>} {
// CHECK: }
// CHECK-NEXT: %b = kernel.loop 1 carried(%a : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<2x8x8xbf16>) {
// CHECK: kernel.return %b : tensor<1x8xbf16>
// CHECK-LABEL: kernel.schedule @slices
// CHECK: %b = kernel.call @slices.call(%x, %w)
// CHECK-NEXT: kernel.return %b, %b, %x
nn.weight @w : tensor<2x8x8xbf16>
kernel.func @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @slices(%x: tensor<1x8xbf16>) -> (tensor<1x8xbf16>, tensor<1x8xbf16>, tensor<1x8xbf16>) {
  %w = nn.get_global @w : tensor<2x8x8xbf16>
  %a = kernel.call @layer[1](%x, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  %b = kernel.call @layer[0](%a, %w) : (tensor<1x8xbf16>, tensor<2x8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %b, %b, %x : tensor<1x8xbf16>, tensor<1x8xbf16>, tensor<1x8xbf16>
}

// -----
// What the host reads between the calls has to be there between them.
// CHECK-LABEL: kernel.schedule @observed
// CHECK: nn.observe %a as "first" {kl.remarks = ["calls are not joined: the host reads %a as 'first' between them"]}
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @observed(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %a as "first" : tensor<1x8xbf16>
  %b = kernel.call @silu(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %b : tensor<1x8xbf16>
}

// -----
// What it reads behind them is a result of the one call.
// CHECK-LABEL: kernel.schedule @read_behind
// CHECK-NEXT: %b, %a = kernel.call @read_behind.call(%x)
// CHECK-NEXT: nn.observe %b as "last"
// CHECK-NEXT: kernel.return %a
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @read_behind(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %b = kernel.call @silu(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %b as "last" : tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}

// -----
// One call is one already.
// CHECK-LABEL: kernel.schedule @one
// CHECK: kernel.call @silu(%x)
kernel.func @silu(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @one(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = kernel.call @silu(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}
