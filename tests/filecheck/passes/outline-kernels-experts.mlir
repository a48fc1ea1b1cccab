// Kernels of a mixture of experts at each granularity; views of weights stand in the kernels of their readers.
// RUN: kl-opt %s -p outline-kernels{granularity=op} --split-input-file | filecheck %s --check-prefix=OP
// RUN: kl-opt %s -p outline-kernels{granularity=block} --split-input-file | filecheck %s --check-prefix=BLOCK
// RUN: kl-opt %s -p outline-kernels{granularity=layer} --split-input-file | filecheck %s --check-prefix=LAYER

// The router is one kernel, up to the experts that it names and their gates. A shared expert reads the same
// row; its product is joined with those of the chosen experts, and not with that of the router.
// OP-LABEL: kernel.func @decoder.router(
// OP-NEXT: nn.matmul %x, %router
// OP-NEXT: nn.cast
// OP-NEXT: nn.softmax
// OP-NEXT: nn.top_k
// OP-NEXT: nn.take
// OP-NEXT: nn.sum
// OP: nn.div
// OP-NEXT: nn.spread
// OP-NEXT: kernel.return %e, %g : tensor<4xi32>, tensor<2x4xf32>
// OP-LABEL: kernel.func @decoder.gate_up(
// OP-NEXT: nn.gather_slices %wg, %e along 1
// OP-NEXT: nn.matmul
// OP-NEXT: nn.gather_slices %wu, %e along 1
// OP-NEXT: nn.matmul
// OP-NEXT: nn.matmul %x, %shared
// OP-NEXT: nn.gather_slices %bu, %e along 0
// OP-NEXT: nn.add
// OP-NEXT: kernel.return
// OP-LABEL: kernel.func @decoder.activation_1(
// OP-NEXT: nn.silu
// OP-NEXT: nn.mul
// OP-NEXT: nn.scale
// OP-NEXT: kernel.return
// OP-LABEL: kernel.func @decoder.down(
// OP-NEXT: nn.gather_slices %wd, %e along 0
// OP-NEXT: nn.matmul
// OP-NEXT: nn.gather_slices %bd, %e along 0
// OP-NEXT: nn.matmul %g,
// OP-NEXT: nn.add
// OP: kernel.return

// BLOCK-LABEL: kernel.func @decoder.mlp(
// BLOCK-NOT: nn.softmax
// BLOCK-LABEL: kernel.func @decoder.experts(
// BLOCK: nn.softmax
// BLOCK: nn.gather_slices
// BLOCK: nn.gather_slices
// BLOCK: nn.gather_slices
// BLOCK: kernel.return
// BLOCK-NOT: kernel.func
// BLOCK-LABEL: kernel.schedule

// LAYER-LABEL: kernel.func @decoder(
// LAYER: nn.gather_slices
// LAYER: kernel.return
// LAYER-NOT: kernel.func
// LAYER-LABEL: kernel.schedule
func.func private @decoder(%y: tensor<2x8xbf16>, %first: tensor<8x8xbf16>, %router: tensor<8x8xbf16>, %wg: tensor<8x8x6xbf16>, %wu: tensor<8x8x6xbf16>, %bu: tensor<8x6xbf16>, %wd: tensor<8x6x8xbf16>, %bd: tensor<8x8xbf16>, %shared: tensor<8x8xbf16>) -> tensor<2x8xbf16> {
  %y0 = nn.matmul %y, %first : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %y1 = nn.silu %y0 : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %x = nn.add %y, %y1 : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %s = nn.matmul %x, %router : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %f = nn.cast %s : (tensor<2x8xbf16>) -> tensor<2x8xf32>
  %p = nn.softmax %f : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %ids = nn.top_k %p of 2 : (tensor<2x8xf32>) -> tensor<2x2xi32>
  %w = nn.take %p, %ids : (tensor<2x8xf32>, tensor<2x2xi32>) -> tensor<2x2xf32>
  %t = nn.sum %w : (tensor<2x2xf32>) -> tensor<2x1xf32>
  %n = nn.div %w, %t : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  %e = nn.distinct %ids of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.spread %n, %ids, %e : (tensor<2x2xf32>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x4xf32>
  %cu = nn.gather_slices %wu, %e along 1 : (tensor<8x8x6xbf16>, tensor<4xi32>) -> tensor<8x24xbf16>
  %cg = nn.gather_slices %wg, %e along 1 : (tensor<8x8x6xbf16>, tensor<4xi32>) -> tensor<8x24xbf16>
  %a = nn.matmul %x, %cg : (tensor<2x8xbf16>, tensor<8x24xbf16>) -> tensor<2x24xbf16>
  %b = nn.matmul %x, %cu : (tensor<2x8xbf16>, tensor<8x24xbf16>) -> tensor<2x24xbf16>
  %cb = nn.gather_slices %bu, %e along 0 : (tensor<8x6xbf16>, tensor<4xi32>) -> tensor<24xbf16>
  %bb = nn.add %b, %cb : (tensor<2x24xbf16>, tensor<24xbf16>) -> tensor<2x24xbf16>
  %c = nn.silu %a : (tensor<2x24xbf16>) -> tensor<2x24xbf16>
  %d = nn.mul %c, %bb : (tensor<2x24xbf16>, tensor<2x24xbf16>) -> tensor<2x24xbf16>
  %h = nn.scale %d, %g : (tensor<2x24xbf16>, tensor<2x4xf32>) -> tensor<2x24xbf16>
  %r = nn.gather_slices %wd, %e along 0 : (tensor<8x6x8xbf16>, tensor<4xi32>) -> tensor<24x8xbf16>
  %o = nn.matmul %h, %r : (tensor<2x24xbf16>, tensor<24x8xbf16>) -> tensor<2x8xbf16>
  %q = nn.gather_slices %bd, %e along 0 : (tensor<8x8xbf16>, tensor<4xi32>) -> tensor<4x8xbf16>
  %ob = nn.matmul %g, %q : (tensor<2x4xf32>, tensor<4x8xbf16>) -> tensor<2x8xbf16>
  %os = nn.add %o, %ob : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %sh = nn.matmul %x, %shared : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %st = nn.add %os, %sh : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %z = nn.add %x, %st : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return %z : tensor<2x8xbf16>
}
func.func @step(%y: tensor<2x8xbf16>, %first: tensor<8x8xbf16>, %router: tensor<8x8xbf16>, %wg: tensor<8x8x6xbf16>, %wu: tensor<8x8x6xbf16>, %bu: tensor<8x6xbf16>, %wd: tensor<8x6x8xbf16>, %bd: tensor<8x8xbf16>, %shared: tensor<8x8xbf16>) -> tensor<2x8xbf16> {
  %z = nn.call @decoder(%y, %first, %router, %wg, %wu, %bu, %wd, %bd, %shared) : (tensor<2x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>, tensor<8x8x6xbf16>, tensor<8x8x6xbf16>, tensor<8x6xbf16>, tensor<8x6x8xbf16>, tensor<8x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  func.return %z : tensor<2x8xbf16>
}

// -----
// A view with two readers is one for each of them.
// OP-LABEL: kernel.func @twice.up(
// OP-NEXT: nn.gather_slices
// OP-NEXT: nn.matmul %x
// OP-LABEL: kernel.func @twice.down(
// OP-NEXT: nn.gather_slices
// OP-NEXT: nn.matmul
// OP-LABEL: kernel.schedule @twice
func.func @twice(%x: tensor<2x8xbf16>, %e: tensor<2xi32>, %w: tensor<8x8x4xbf16>) -> tensor<2x8xbf16> {
  %c = nn.gather_slices %w, %e along 1 : (tensor<8x8x4xbf16>, tensor<2xi32>) -> tensor<8x8xbf16>
  %a = nn.matmul %x, %c : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %b = nn.silu %a : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %d = nn.matmul %b, %c : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  func.return %d : tensor<2x8xbf16>
}

// -----
// What lies between a choice and what it weighs belongs to the router; what others read as well does not.
// OP-LABEL: kernel.func @shared.head(
// OP-NEXT: nn.matmul
// OP: kernel.return
// OP-LABEL: kernel.func @shared.top_k(
// OP: nn.top_k
// OP: kernel.return
// OP-LABEL: kernel.schedule @shared
func.func @shared(%x: tensor<2x8xbf16>, %router: tensor<8x8xbf16>) -> (tensor<2x2xi32>, tensor<2x8xbf16>) {
  %s = nn.matmul %x, %router : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %ids = nn.top_k %s of 2 : (tensor<2x8xbf16>) -> tensor<2x2xi32>
  func.return %ids, %s : tensor<2x2xi32>, tensor<2x8xbf16>
}

// -----
// The product of gates and biases joins that of the experts below its sum over sockets as well.
// OP-LABEL: kernel.func @sockets.matmul(
// OP-NEXT: nn.gather_slices %wd
// OP-NEXT: nn.matmul
// OP-NEXT: nn.gather_slices %bd
// OP-NEXT: nn.matmul
// OP-NEXT: kernel.return
// OP-LABEL: kernel.func @sockets.all_reduce(
func.func @sockets(%h: tensor<2x24xbf16>, %w: tensor<2x2xbf16>, %ids: tensor<2x2xi32>, %wd: tensor<8x6x8xbf16>, %bd: tensor<8x8xbf16>) -> tensor<2x8xbf16> {
  %e = nn.distinct %ids of 8 : (tensor<2x2xi32>) -> tensor<4xi32>
  %g = nn.spread %w, %ids, %e : (tensor<2x2xbf16>, tensor<2x2xi32>, tensor<4xi32>) -> tensor<2x4xbf16>
  %r = nn.gather_slices %wd, %e along 0 : (tensor<8x6x8xbf16>, tensor<4xi32>) -> tensor<24x8xbf16>
  %o = nn.matmul %h, %r : (tensor<2x24xbf16>, tensor<24x8xbf16>) -> tensor<2x8xbf16>
  %s = collective.all_reduce %o : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  %q = nn.gather_slices %bd, %e along 0 : (tensor<8x8xbf16>, tensor<4xi32>) -> tensor<4x8xbf16>
  %b = nn.matmul %g, %q : (tensor<2x4xbf16>, tensor<4x8xbf16>) -> tensor<2x8xbf16>
  %y = nn.add %s, %b : (tensor<2x8xbf16>, tensor<2x8xbf16>) -> tensor<2x8xbf16>
  func.return %y : tensor<2x8xbf16>
}

// -----
// What is made of a choice, and goes into gates again, belongs to the router though others read it, too: the
// weights of Llama 4 multiply what goes into the experts.
// OP-LABEL: kernel.func @input.router(
// OP-NEXT: nn.matmul
// OP-NEXT: nn.top_k
// OP-NEXT: nn.take
// OP: nn.sigmoid
// OP: nn.mul_scalar
// OP: nn.spread
// OP-NEXT: kernel.return %e, %w, %g
// OP-NOT: nn.top_k
// OP-LABEL: kernel.schedule @input
func.func @input(%x: tensor<2x8xbf16>, %router: tensor<8x8xbf16>, %wu: tensor<8x8x6xbf16>) -> (tensor<2x24xbf16>, tensor<2x2xbf16>) {
  %s = nn.matmul %x, %router : (tensor<2x8xbf16>, tensor<8x8xbf16>) -> tensor<2x8xbf16>
  %ids = nn.top_k %s of 1 : (tensor<2x8xbf16>) -> tensor<2x1xi32>
  %t = nn.take %s, %ids : (tensor<2x8xbf16>, tensor<2x1xi32>) -> tensor<2x1xbf16>
  %w = nn.sigmoid %t : (tensor<2x1xbf16>) -> tensor<2x1xbf16>
  %y = nn.mul %x, %w : (tensor<2x8xbf16>, tensor<2x1xbf16>) -> tensor<2x8xbf16>
  %e = nn.distinct %ids of 8 : (tensor<2x1xi32>) -> tensor<2xi32>
  %o = nn.mul_scalar %w, 0.0 : (tensor<2x1xbf16>) -> tensor<2x1xbf16>
  %p = nn.add_scalar %o, 1.0 : (tensor<2x1xbf16>) -> tensor<2x1xbf16>
  %g = nn.spread %p, %ids, %e : (tensor<2x1xbf16>, tensor<2x1xi32>, tensor<2xi32>) -> tensor<2x2xbf16>
  %c = nn.gather_slices %wu, %e along 1 : (tensor<8x8x6xbf16>, tensor<2xi32>) -> tensor<8x12xbf16>
  %u = nn.matmul %y, %c : (tensor<2x8xbf16>, tensor<8x12xbf16>) -> tensor<2x12xbf16>
  %d = nn.concat %u, %u : (tensor<2x12xbf16>, tensor<2x12xbf16>) -> tensor<2x24xbf16>
  func.return %d, %g : tensor<2x24xbf16>, tensor<2x2xbf16>
}
