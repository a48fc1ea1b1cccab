// A whole step becomes the body of a loop over steps: token and position go from step to step in one kernel.
// RUN: kl-opt %s -p loop-steps{steps=4} --split-input-file | filecheck %s
// RUN: kl-opt %s -p loop-steps{steps=4},loop-steps{steps=2} --split-input-file | filecheck %s

// The token of a step is that of the one before, the position counts; weights are handed in once. The loop over
// layers becomes the inner one, and what stood around it joins it.
// CHECK:       kernel.func @step.loop(
// CHECK-SAME:    %token: tensor<1xi32>, %position: tensor<i32>, %e: tensor<16x8xbf16>, %w: tensor<3x8x8xbf16>) -> tensor<4x1xi32>
// CHECK-NEXT:    %token_1 = kernel.steps 4 carried(%token : tensor<1xi32>) counted(%position : tensor<i32>) -> tensor<4x1xi32> {
// CHECK-NEXT:    ^bb0(%token_2: tensor<1xi32>, %position_1: tensor<i32>):
// CHECK-NEXT:      %x = nn.embedding %token_2, %e
// CHECK-NEXT:      %y = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<3x8x8xbf16>) {
// CHECK-NEXT:      ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>):
// CHECK-NEXT:        %a = nn.matmul %h, %wi
// CHECK-NEXT:        %b = nn.rope %a, %position_1
// CHECK-NEXT:        kernel.yield %b
// CHECK:           %n = nn.argmax %y
// CHECK-NEXT:      kernel.yield %n : tensor<1xi32>
// CHECK-NEXT:    }
// CHECK-NEXT:    kernel.return %token_1 : tensor<4x1xi32>
// CHECK-NOT:   kernel.func
// CHECK:       kernel.schedule @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<4x1xi32> {
// CHECK-NEXT:    %e = nn.get_global @table
// CHECK-NEXT:    %w = nn.get_global @w
// CHECK-NEXT:    %next = kernel.call @step.loop(%token, %position, %e, %w)
// CHECK-NEXT:    kernel.return %next : tensor<4x1xi32>
nn.weight @table : tensor<16x8xbf16>
nn.weight @w : tensor<3x8x8xbf16>
kernel.func @embedding(%ids: tensor<1xi32>, %e: tensor<16x8xbf16>) -> tensor<1x8xbf16> {
  %x = nn.embedding %ids, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %x : tensor<1x8xbf16>
}
kernel.func @layer.loop(%x: tensor<1x8xbf16>, %w: tensor<3x8x8xbf16>, %at: tensor<i32>) -> tensor<1x8xbf16> {
  %y = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<3x8x8xbf16>) {
  ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>):
    %a = nn.matmul %h, %wi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    %b = nn.rope %a, %at {head_dim = 8, frequencies = array<f64: 0.1>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
    kernel.yield %b : tensor<1x8xbf16>
  }
  kernel.return %y : tensor<1x8xbf16>
}
kernel.func @argmax(%y: tensor<1x8xbf16>) -> tensor<1xi32> {
  %n = nn.argmax %y : (tensor<1x8xbf16>) -> tensor<1xi32>
  kernel.return %n : tensor<1xi32>
}
kernel.schedule @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<1xi32> {
  %e = nn.get_global @table : tensor<16x8xbf16>
  %w = nn.get_global @w : tensor<3x8x8xbf16>
  %x = kernel.call @embedding(%token, %e) : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
  %y = kernel.call @layer.loop(%x, %w, %position) : (tensor<1x8xbf16>, tensor<3x8x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  %next = kernel.call @argmax(%y) : (tensor<1x8xbf16>) -> tensor<1xi32>
  kernel.return %next : tensor<1xi32>
}

// -----
// Several values may go from step to step, in whatever order they are returned; a kernel that another schedule
// calls stays.
// CHECK:       kernel.func @one(
// CHECK:       kernel.func @swap.loop(%a: tensor<1x8xbf16>, %b: tensor<2x8xbf16>) -> (tensor<4x1x8xbf16>, tensor<4x2x8xbf16>)
// CHECK:         kernel.steps 4 carried(%a, %b : tensor<1x8xbf16>, tensor<2x8xbf16>) -> tensor<4x1x8xbf16>, tensor<4x2x8xbf16>
// CHECK-NOT:   kernel.func
// CHECK:       kernel.schedule @swap(%a: tensor<1x8xbf16>, %b: tensor<2x8xbf16>) -> (tensor<4x2x8xbf16>, tensor<4x1x8xbf16>)
// CHECK-NEXT:    %d, %c = kernel.call @swap.loop(%a, %b)
// CHECK-NEXT:    kernel.return %c, %d
// CHECK:       kernel.schedule @other(
// CHECK-NEXT:    kernel.call @one(%a)
kernel.func @one(%a: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %a : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.func @two(%b: tensor<2x8xbf16>) -> tensor<2x8xbf16> {
  %y = nn.silu %b : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  kernel.return %y : tensor<2x8xbf16>
}
kernel.schedule @swap(%a: tensor<1x8xbf16>, %b: tensor<2x8xbf16>) -> (tensor<2x8xbf16>, tensor<1x8xbf16>) {
  %c = kernel.call @two(%b) : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %d = kernel.call @one(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %c, %d : tensor<2x8xbf16>, tensor<1x8xbf16>
}
kernel.schedule @other(%a: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %c = kernel.call @one(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  nn.observe %c as "c" : tensor<1x8xbf16>
  kernel.return %c : tensor<1x8xbf16>
}

// -----
// A schedule of kernels that are networks already stays as it is.
// CHECK:       kernel.call @copy(%a)
// CHECK-NOT:   remarks
dataflow.kernel @copy(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %x to %c : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x8xbf16>>
}
kernel.schedule @step(%a: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %b = kernel.call @copy(%a) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %b : tensor<1x8xbf16>
}
