// Slices that ids name are read by loads by index: each with its own channel, and ids through one.
// RUN: kl-opt %s -p convert-kernel-to-dataflow --split-input-file --verify-diagnostics | filecheck %s

// CHECK: dataflow.kernel @up
// CHECK: dataflow.stage "distinct.e" firings 1 ins(%{{.*}}) periods [1] outs(%e, %e_1 :
// CHECK: dataflow.load %w by %e along 1 to %s : tensor<6x4x8xbf16>, !dataflow.channel<tensor<4xi32>> -> !dataflow.channel<tensor<4x32xbf16>>
// CHECK: dataflow.stage "matmul.p" firings 1 ins(%{{.*}}, %s :
// CHECK: dataflow.load %b by %e_1 along 0 to %t : tensor<6x8xbf16>, !dataflow.channel<tensor<4xi32>> -> !dataflow.channel<tensor<32xbf16>>
// CHECK: dataflow.stage "add.y" firings 1 ins(%p, %t :
// CHECK-NOT: gather_slices
kernel.func @up(%x: tensor<2x4xbf16>, %w: tensor<6x4x8xbf16>, %b: tensor<6x8xbf16>, %ids: tensor<2x2xi32>) -> tensor<2x32xbf16> {
  %e = nn.distinct %ids of 6 : (tensor<2x2xi32>) -> tensor<4xi32>
  %s = nn.gather_slices %w, %e along 1 : (tensor<6x4x8xbf16>, tensor<4xi32>) -> tensor<4x32xbf16>
  %p = nn.matmul %x, %s : (tensor<2x4xbf16>, tensor<4x32xbf16>) -> tensor<2x32xbf16>
  %t = nn.gather_slices %b, %e along 0 : (tensor<6x8xbf16>, tensor<4xi32>) -> tensor<32xbf16>
  %y = nn.add %p, %t : (tensor<2x32xbf16>, tensor<32xbf16>) -> tensor<2x32xbf16>
  kernel.return %y : tensor<2x32xbf16>
}

// -----
// Biases that are rows: slices of one axis are read as those of two.
// CHECK: dataflow.load %b by %{{.*}} along 0 to %s : tensor<6x8xbf16>, !dataflow.channel<tensor<4xi32>> -> !dataflow.channel<tensor<4x8xbf16>>
kernel.func @rows(%b: tensor<6x8xbf16>, %e: tensor<4xi32>) -> tensor<4x8xbf16> {
  %s = nn.gather_slices %b, %e along 0 : (tensor<6x8xbf16>, tensor<4xi32>) -> tensor<4x8xbf16>
  kernel.return %s : tensor<4x8xbf16>
}

// -----
// Layers have stacks of their own: a loop walks along a stack of stacks, from the last layer to the first. What it is
// given from memory is loaded anew for each.
// CHECK: dataflow.kernel @layers
// CHECK: dataflow.load %e to %e_1 : tensor<4xi32>
// CHECK-NEXT: dataflow.load %w by %e_1 along 0 to %s {start = 2 : i64, stride = -1 : i64} : tensor<3x6x8x8xbf16>, !dataflow.channel<tensor<4xi32>> -> !dataflow.channel<tensor<32x8xbf16>>
kernel.func @layers(%x: tensor<2x8xbf16>, %w: tensor<3x6x8x8xbf16>, %e: tensor<4xi32>, %g: tensor<2x32xbf16>) -> tensor<2x8xbf16> {
  %y = kernel.loop 3 carried(%x : tensor<2x8xbf16>) -> tensor<2x8xbf16> stacks(%w : tensor<3x6x8x8xbf16>) attributes {starts = array<i64: 2>, strides = array<i64: -1>} {
  ^bb0(%z: tensor<2x8xbf16>, %v: tensor<6x8x8xbf16>):
    %s = nn.gather_slices %v, %e along 0 : (tensor<6x8x8xbf16>, tensor<4xi32>) -> tensor<32x8xbf16>
    %p = nn.matmul %g, %s : (tensor<2x32xbf16>, tensor<32x8xbf16>) -> tensor<2x8xbf16>
    %q = nn.add %z, %p : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
    kernel.yield %q : tensor<2x8xbf16>
  }
  kernel.return %y : tensor<2x8xbf16>
}

// -----
// What is chosen once for all layers is held in a stage, which brings it to each of them.
// CHECK: dataflow.kernel @once
// CHECK: dataflow.stage "distinct.e" {{.*}} outs(%e : {{.*}} attributes {rate = "call"} {
// CHECK: dataflow.stage "hold.e" firings 1 ins(%e : !dataflow.channel<tensor<4xi32>>) periods [3] outs(%e_1 : !dataflow.channel<tensor<4xi32>>) periods [1] {
// CHECK-NEXT: ^bb0([[E:%.*]]: tensor<4xi32>):
// CHECK-NEXT: dataflow.yield [[E]] : tensor<4xi32>
// CHECK: dataflow.load %w by %e_1 along 0 to %s {start = 0 : i64, stride = 1 : i64}
kernel.func @once(%x: tensor<2x8xbf16>, %w: tensor<3x6x8x8xbf16>, %ids: tensor<2x2xi32>, %g: tensor<2x32xbf16>) -> tensor<2x8xbf16> {
  %e = nn.distinct %ids of 6 : (tensor<2x2xi32>) -> tensor<4xi32>
  %y = kernel.loop 3 carried(%x : tensor<2x8xbf16>) -> tensor<2x8xbf16> stacks(%w : tensor<3x6x8x8xbf16>) {
  ^bb0(%z: tensor<2x8xbf16>, %v: tensor<6x8x8xbf16>):
    %s = nn.gather_slices %v, %e along 0 : (tensor<6x8x8xbf16>, tensor<4xi32>) -> tensor<32x8xbf16>
    %p = nn.matmul %g, %s : (tensor<2x32xbf16>, tensor<32x8xbf16>) -> tensor<2x8xbf16>
    %q = nn.add %z, %p : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
    kernel.yield %q : tensor<2x8xbf16>
  }
  kernel.return %y : tensor<2x8xbf16>
}

// -----
// CHECK: nn.gather_slices reads slices of what is computed in its kernel
// CHECK: read slices of a weight, and compute with them
kernel.func @made(%w: tensor<6x8xbf16>, %e: tensor<4xi32>) -> tensor<4x8xbf16> {
  %v = nn.silu %w : (tensor<6x8xbf16>) -> tensor<6x8xbf16>
  %s = nn.gather_slices %v, %e along 0 : (tensor<6x8xbf16>, tensor<4xi32>) -> tensor<4x8xbf16>
  kernel.return %s : tensor<4x8xbf16>
}

// -----
// CHECK: nn.gather_slices takes slices of several layers as a stack; let a loop walk along them
kernel.func @window(%x: tensor<2x8xbf16>, %w: tensor<6x8x8xbf16>, %e: tensor<1xi32>) -> tensor<2x8xbf16> {
  %y = kernel.loop 2 carried(%x : tensor<2x8xbf16>) -> tensor<2x8xbf16> stacks(%w : tensor<6x8x8xbf16>) attributes {starts = array<i64: 0>, strides = array<i64: 3>, windows = array<i64: 3>} {
  ^bb0(%z: tensor<2x8xbf16>, %three: tensor<3x8x8xbf16>):
    %s = nn.gather_slices %three, %e along 0 : (tensor<3x8x8xbf16>, tensor<1xi32>) -> tensor<8x8xbf16>
    %q = nn.matmul %z, %s : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
    kernel.yield %q : tensor<2x8xbf16>
  }
  kernel.return %y : tensor<2x8xbf16>
}
