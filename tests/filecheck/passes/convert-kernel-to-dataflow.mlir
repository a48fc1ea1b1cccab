// RUN: kl-opt %s -p convert-kernel-to-dataflow --split-input-file | filecheck %s

// A value in memory is loaded once for all its readers, a channel each; a value of a stage goes to each reader
// through a channel of its own. Everything is whole: one firing, depth 1.
// CHECK: dataflow.kernel @residual(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
// CHECK-NEXT: [[X0:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: [[W:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<8x8xbf16>>
// CHECK-NEXT: [[A0:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: [[A1:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: [[B:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: [[X1:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: [[Y:%.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NEXT: dataflow.load %x to [[X0]], [[X1]] : tensor<1x8xbf16>
// CHECK-NEXT: dataflow.load %w to [[W]] : tensor<8x8xbf16>
// CHECK-NEXT: dataflow.stage "matmul.a" firings 1 ins([[X0]], [[W]] : {{.*}}) periods [1, 1] outs([[A0]], [[A1]] : {{.*}}) periods [1, 1] {
// CHECK: dataflow.yield [[R:%.*]], [[R]] : tensor<1x8xbf16>, tensor<1x8xbf16>
// CHECK: dataflow.stage "mul.b" firings 1 ins([[A0]], [[A1]] :
// CHECK: dataflow.stage "add.y" firings 1 ins([[B]], [[X1]] :
// CHECK: dataflow.store [[Y]] result 0 : !dataflow.channel<tensor<1x8xbf16>>
// CHECK-NOT: kernel.func
// The schedule stays as it is.
// CHECK: kernel.schedule @step
// CHECK-NEXT: %y = kernel.call @residual(%x, %w)
kernel.func @residual(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %a = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  %b = nn.mul %a, %a : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %y = nn.add %b, %x : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
  %y = kernel.call @residual(%x, %w) : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}

// -----
// An append becomes a store at the position. Attention becomes three stages: the scores of all 16 positions,
// their softmax, and the sum of the values in f64, rounded once. The reads of the cache wait for a token each.
// CHECK-LABEL: dataflow.kernel @attend
// CHECK: [[T0:%.*]] = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
// CHECK: [[K:%keys.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x2x16x4xbf16>>
// CHECK: [[S:%scores.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x4x16xf32>>
// CHECK: [[T1:%.*]] = dataflow.channel 1 : !dataflow.channel<!dataflow.token>
// CHECK: [[P:%weights.*]] = dataflow.channel 1 : !dataflow.channel<tensor<1x4x16xf32>>
// CHECK: dataflow.store %{{.*}} into %c : memref<1x2x16x4xbf16> at %p : tensor<i32> done([[T0]] :
// CHECK: dataflow.store %{{.*}} into %d : memref<1x2x16x4xbf16> at %p : tensor<i32> done([[T1]] :
// CHECK-NEXT: dataflow.load %q to
// CHECK-NEXT: dataflow.load %c to [[K]] after [[T0]] : !dataflow.channel<!dataflow.token> position %p : tensor<i32> :
// CHECK-NEXT: dataflow.stage "scores.a" firings 1 ins(%{{.*}}, [[K]] :
// CHECK: nn.attention_scores %{{.*}} scale 5.000000e-01 : (tensor<1x16xbf16>, tensor<1x2x16x4xbf16>) -> tensor<1x4x16xf32>
// CHECK: dataflow.stage "softmax.a" firings 1 ins([[S]],
// CHECK: nn.attention_softmax
// CHECK: dataflow.load %d to %{{values.*}} after [[T1]]
// CHECK-NEXT: dataflow.stage "values.a" firings 1 ins([[P]],
// CHECK-NEXT: ^{{.*}}([[W:%.*]]: tensor<1x4x16xf32>, [[V:%.*]]: tensor<1x2x16x4xbf16>, [[SUM:%.*]]: tensor<1x16xf64>):
// CHECK-NEXT: [[NEXT:%.*]] = nn.attention_values [[W]], [[V]], [[SUM]]
// CHECK-NEXT: [[R:%.*]] = nn.cast [[NEXT]] : (tensor<1x16xf64>) -> tensor<1x16xbf16>
// CHECK-NEXT: dataflow.yield [[R]], [[NEXT]] : tensor<1x16xbf16>, tensor<1x16xf64>
// CHECK-NOT: nn.attention{{ }}
// CHECK-NOT: nn.cache_append
kernel.func @attend(%q: tensor<1x16xbf16>, %x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %d: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x16xbf16> {
  nn.cache_append %c[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  nn.cache_append %d[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  %a = nn.attention %q, %c, %d, %p scale 0.5 : (tensor<1x16xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x16xbf16>
  kernel.return %a : tensor<1x16xbf16>
}

// -----
// Rows of a table come through a gather. The dead branch behind %d has no form: a unit without readers never ends.
// CHECK-LABEL: dataflow.kernel @rows
// CHECK: dataflow.gather %table by %{{.*}} to
// CHECK-NOT: dataflow.gather
// CHECK-NOT: silu
kernel.func @rows(%ids: tensor<2xi32>, %table: tensor<100x8xbf16>) -> tensor<2x8xbf16> {
  %r = nn.embedding %ids, %table : (tensor<2xi32>, tensor<100x8xbf16>) -> tensor<2x8xbf16>
  %d = nn.embedding %ids, %table : (tensor<2xi32>, tensor<100x8xbf16>) -> tensor<2x8xbf16>
  %e = nn.silu %d : (tensor<2x8xbf16>) -> tensor<2x8xbf16>
  kernel.return %r : tensor<2x8xbf16>
}

// -----
// A loop gives the network its iterations. Slices become streams that step through their stack, here downwards
// from slice 3; the carried value enters and leaves once a call, and so does what a stage holds for all 4 firings.
// CHECK-LABEL: dataflow.kernel @looped
// CHECK-SAME: attributes {loops = #dataflow.loops<iteration 4>}
// CHECK: dataflow.load %x to [[INIT:%.*]] {rate = "call"} :
// CHECK-NEXT: dataflow.carry 1 init [[INIT]] next [[NEXT:%[^ ]+]] final [[FINAL:%[^ ]+]] current [[H:%[^ ]+]] :
// CHECK-NEXT: dataflow.load %w to [[W:%.*]] {start = 3 : i64, stride = -1 : i64} : tensor<4x8x8xbf16>
// CHECK-NEXT: dataflow.stage "matmul.a" firings 1 ins([[H]], [[W]] : {{.*}}) periods [1, 1] outs([[A:%.*]] :
// CHECK: dataflow.load %g to [[G:%.*]] {rate = "call"} :
// CHECK-NEXT: dataflow.stage "mul.b" firings 1 ins([[A]], [[G]] : {{.*}}) periods [1, 4] outs([[NEXT]] :
// CHECK: dataflow.store [[FINAL]] result 0 {rate = "call"} :
// CHECK-NOT: kernel.loop
kernel.func @looped(%x: tensor<1x8xbf16>, %w: tensor<4x8x8xbf16>, %g: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<4x8x8xbf16>) attributes {starts = array<i64: 3>, strides = array<i64: -1>} {
  ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>):
    %a = nn.matmul %h, %wi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    %b = nn.mul %a, %g : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %b : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// What takes a tile in every iteration and holds none, an append, a gather or a carry, gets a load that runs in
// every iteration, even of what stays the same: %x is loaded once for the carry, and again and again.
// CHECK-LABEL: dataflow.kernel @again
// CHECK: dataflow.load %x to [[INIT:%.*]] {rate = "call"} :
// CHECK-NEXT: dataflow.carry 1 init [[INIT]] next [[NEXT:%[^ ]+]] final
// CHECK: dataflow.load %x to [[X:%.*]] :
// CHECK-NEXT: dataflow.store [[X]] into %c : memref<4x1x2x16x4xbf16> at %p : tensor<i32> {start = 0 : i64, stride = 1 : i64}
// CHECK: dataflow.load %x to [[NEXT]] :
kernel.func @again(%x: tensor<1x8xbf16>, %c: memref<4x1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  %r = kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%c : memref<4x1x2x16x4xbf16>) {
  ^bb0(%h: tensor<1x8xbf16>, %ci: memref<1x2x16x4xbf16>):
    nn.cache_append %ci[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
    kernel.yield %x : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// Every iteration may read a cache and a table that none of them writes, and append to slices of its own.
// CHECK-LABEL: dataflow.kernel @shared
// CHECK: dataflow.gather %table by
// CHECK: dataflow.store %{{.*}} into %c : {{.*}} {start = 0 : i64, stride = 2 : i64}
// CHECK: dataflow.store %{{.*}} into %c : {{.*}} {start = 1 : i64, stride = 2 : i64}
// CHECK: dataflow.load %k to %{{.*}} : memref<2x2x16x4xbf16>
kernel.func @shared(%i: tensor<2xi32>, %table: tensor<9x8xbf16>, %k: memref<2x2x16x4xbf16>, %c: memref<4x2x2x16x4xbf16>, %p: tensor<i32>) -> tensor<2xi32> {
  %r = kernel.loop 2 carried(%i : tensor<2xi32>) -> tensor<2xi32> stacks(%c, %c : memref<4x2x2x16x4xbf16>, memref<4x2x2x16x4xbf16>) attributes {starts = array<i64: 0, 1>, strides = array<i64: 2, 2>} {
  ^bb0(%j: tensor<2xi32>, %even: memref<2x2x16x4xbf16>, %odd: memref<2x2x16x4xbf16>):
    %x = nn.embedding %j, %table : (tensor<2xi32>, tensor<9x8xbf16>) -> tensor<2x8xbf16>
    nn.cache_append %even[%p], %x : memref<2x2x16x4xbf16>, tensor<i32>, tensor<2x8xbf16>
    nn.cache_append %odd[%p], %x : memref<2x2x16x4xbf16>, tensor<i32>, tensor<2x8xbf16>
    %a = nn.attention %x, %k, %k, %p scale 0.5 : (tensor<2x8xbf16>, memref<2x2x16x4xbf16>, memref<2x2x16x4xbf16>, tensor<i32>) -> tensor<2x8xbf16>
    %m = nn.argmax %a : (tensor<2x8xbf16>) -> tensor<2xi32>
    kernel.yield %m : tensor<2xi32>
  }
  kernel.return %r : tensor<2xi32>
}

// -----
// Layers and networks are no kernels: they stay.
// CHECK: func.func private @layer
// CHECK-NEXT: nn.silu
// CHECK: dataflow.kernel @copy
// CHECK-NEXT: %a = dataflow.channel 7
func.func private @layer(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %y = nn.silu %x : (tensor<8xbf16>) -> tensor<8xbf16>
  func.return %y : tensor<8xbf16>
}
dataflow.kernel @copy(%x: tensor<8xbf16>) -> tensor<8xbf16> {
  %a = dataflow.channel 7 : !dataflow.channel<tensor<8xbf16>>
  dataflow.load %x to %a : tensor<8xbf16> -> !dataflow.channel<tensor<8xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<8xbf16>>
}

// -----
// A loop over decode steps: the token goes from step to step by a carry of its own, the position is counted. What
// stands around the loop over layers runs once a step, with streams of its own; the layers' value begins anew with
// what a stage copies from it. Each step puts its token behind those before.
// CHECK-LABEL: dataflow.kernel @steps
// CHECK-SAME: attributes {loops = #dataflow.loops<step 2, iteration 4 in step>}
// CHECK: dataflow.load %t to [[FIRST:%[^ ]+]] {rate = "call"} :
// CHECK-NEXT: dataflow.carry 1 init [[FIRST]] next [[TOKEN:%[^ ]+]] current [[IDS:%[^ ]+]] {rate = "step"} :
// CHECK-NEXT: dataflow.gather %e by [[IDS]] to [[X:%[^ ]+]] {rate = "step"} :
// CHECK-NEXT: dataflow.stage "begin.x" firings 1 ins([[X]] : {{.*}}) periods [1] outs([[INIT:%[^ ]+]] : {{.*}} attributes {rate = "step"} {
// CHECK: dataflow.carry 1 init [[INIT]] next [[NEXT:%[^ ]+]] final [[FINAL:%[^ ]+]] current [[H:%[^ ]+]] :
// CHECK-NEXT: dataflow.load %w to %{{[^ ]+}} {start = 0 : i64, stride = 1 : i64} : tensor<4x8x8xbf16>
// CHECK: dataflow.counter %p to [[P:%[^ ]+]] :
// CHECK-NEXT: dataflow.stage "rope.b" firings 1 ins(%{{[^ ]+}}, [[P]] : {{.*}}) periods [1, 4]
// CHECK: dataflow.load %g to %{{[^ ]+}} {rate = "call"} :
// CHECK-NEXT: dataflow.stage "mul.d" firings 1 ins({{.*}}) periods [1, 8] outs([[NEXT]]
// CHECK: dataflow.load %g to %{{[^ ]+}} {rate = "step"} :
// CHECK-NEXT: dataflow.stage "mul.f" firings 1 ins([[FINAL]], {{.*}}) periods [1, 1] {{.*}} attributes {rate = "step"} {
// CHECK: dataflow.stage "argmax.n" firings 1 {{.*}} outs([[TOKEN]], [[MADE:%[^ ]+]] :
// CHECK: dataflow.store [[MADE]] result 0 {start = 0 : i64, stride = 1 : i64, rate = "step"} :
kernel.func @steps(%t: tensor<1xi32>, %p: tensor<i32>, %e: tensor<16x8xbf16>, %w: tensor<4x8x8xbf16>, %g: tensor<1x8xbf16>) -> tensor<2x1xi32> {
  %r = kernel.steps 2 carried(%t : tensor<1xi32>) counted(%p : tensor<i32>) -> tensor<2x1xi32> {
  ^bb0(%ids: tensor<1xi32>, %at: tensor<i32>):
    %x = nn.embedding %ids, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
    %y = kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w : tensor<4x8x8xbf16>) {
    ^bb1(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>):
      %a = nn.matmul %h, %wi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      %b = nn.rope %a, %at {head_dim = 8, frequencies = array<f64: 1.0, 0.1, 0.01, 0.001>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
      %d = nn.mul %b, %g : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
      kernel.yield %d : tensor<1x8xbf16>
    }
    %f = nn.mul %y, %g : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    %n = nn.argmax %f : (tensor<1x8xbf16>) -> tensor<1xi32>
    kernel.yield %n : tensor<1xi32>
  }
  kernel.return %r : tensor<2x1xi32>
}

// -----
// Without a loop over layers every unit runs once a step.
// CHECK-LABEL: dataflow.kernel @alone
// CHECK-SAME: attributes {loops = #dataflow.loops<step 3>}
// CHECK: dataflow.stage "silu.y" firings 1 {{.*}}) periods [1, 1] {
kernel.func @alone(%x: tensor<1x8xbf16>) -> tensor<3x1x8xbf16> {
  %r = kernel.steps 3 carried(%x : tensor<1x8xbf16>) -> tensor<3x1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    %y = nn.silu %h : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<3x1x8xbf16>
}

// -----
// A carry has one reader: where a step reads what its loop makes twice, or returns it, a stage copies it.
// CHECK-LABEL: dataflow.kernel @returned
// CHECK: dataflow.carry 1 init %{{[^ ]+}} next %{{[^ ]+}} final [[FINAL:%[^ ]+]] current
// CHECK: dataflow.stage "end.y" firings 1 ins([[FINAL]] : {{.*}}) periods [1] outs([[NEXT:%[^ ]+]], [[MADE:%[^ ]+]] : {{.*}} attributes {rate = "step"} {
// CHECK: dataflow.store [[MADE]] result 0
kernel.func @returned(%x: tensor<1x8xbf16>) -> tensor<2x1x8xbf16> {
  %r = kernel.steps 2 carried(%x : tensor<1x8xbf16>) -> tensor<2x1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    %y = kernel.loop 2 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16> {
    ^bb1(%i: tensor<1x8xbf16>):
      %a = nn.silu %i : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
      kernel.yield %a : tensor<1x8xbf16>
    }
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<2x1x8xbf16>
}

// -----
// Loops of loops: each level has its carry, and streams move with every loop that walks along their stack. What
// a loop does not change is loaded around it and held.
// CHECK-LABEL: dataflow.kernel @nested
// CHECK-SAME: attributes {loops = #dataflow.loops<iteration 4, iteration_1 5 in iteration>}
// CHECK: dataflow.load %x to %{{[^ ]+}} {rate = "call"}
// CHECK: dataflow.carry 1 init %{{[^ ]+}} next %{{[^ ]+}} final %{{[^ ]+}} current %{{[^ ]+}} {rate = "iteration"}
// CHECK: dataflow.stage "begin.h" {{.*}} attributes {rate = "iteration"} {
// CHECK: dataflow.carry 1 init %{{[^ ]+}} next %{{[^ ]+}} final %{{[^ ]+}} current %{{[^ ]+}} : 
// CHECK: dataflow.load %w to %{{[^ ]+}} {start = 0 : i64, stride = 1 : i64, outer_strides = array<i64: 6>} :
// CHECK: dataflow.stage "matmul.y" {{.*}} periods [1, 1] outs
// CHECK: dataflow.load %w to %{{[^ ]+}} {start = 5 : i64, stride = 6 : i64, rate = "iteration"} :
// CHECK: dataflow.stage "matmul.z" {{.*}} attributes {rate = "iteration"} {
// CHECK: dataflow.store %{{[^ ]+}} result 0 {rate = "call"}
kernel.func @nested(%x: tensor<1x8xbf16>, %w: tensor<24x8x8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.loop 4 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%w, %w : tensor<24x8x8xbf16>, tensor<24x8x8xbf16>) attributes {starts = array<i64: 0, 5>, strides = array<i64: 6, 6>, windows = array<i64: 5, 0>} {
  ^bb0(%h: tensor<1x8xbf16>, %five: tensor<5x8x8xbf16>, %last: tensor<8x8xbf16>):
    %s = kernel.loop 5 carried(%h : tensor<1x8xbf16>) -> tensor<1x8xbf16> stacks(%five : tensor<5x8x8xbf16>) {
    ^bb1(%g: tensor<1x8xbf16>, %one: tensor<8x8xbf16>):
      %y = nn.matmul %g, %one : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      kernel.yield %y : tensor<1x8xbf16>
    }
    %z = nn.matmul %s, %last : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %z : tensor<1x8xbf16>
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// Nobody reads what the second loop makes: there is none.
// CHECK-LABEL: dataflow.kernel @unread
// CHECK-SAME: attributes {loops = #dataflow.loops<iteration 3>}
// CHECK-NOT: iteration_1
kernel.func @unread(%x: tensor<1x8xbf16>, %w: tensor<2x8x8xbf16>) -> tensor<1x8xbf16> {
  %r = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    %y = nn.silu %h : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  kernel.loop 2 stacks(%w : tensor<2x8x8xbf16>) {
  ^bb0(%v: tensor<8x8xbf16>):
    %z = nn.silu %v : (tensor<8x8xbf16>) -> tensor<8x8xbf16>
    kernel.yield
  }
  kernel.return %r : tensor<1x8xbf16>
}

// -----
// Loops in a row among other operations; an invariant is loaded once for both.
// CHECK-LABEL: dataflow.kernel @row
// CHECK-SAME: attributes {loops = #dataflow.loops<iteration 3, iteration_1 2>}
// CHECK: dataflow.stage "silu.a" {{.*}} attributes {rate = "call"} {
// CHECK: dataflow.stage "begin.a" {{.*}} attributes {rate = "call"} {
// CHECK: dataflow.carry {{.*}} {rate = "iteration"}
// CHECK: dataflow.load %g to %{{[^ ]+}}, %{{[^ ]+}} {rate = "call"}
// CHECK: dataflow.stage "mul.y" {{.*}} periods [1, 3] outs({{.*}} attributes {rate = "iteration"} {
// CHECK: dataflow.carry {{.*}} {rate = "iteration_1"}
// CHECK: dataflow.stage "mul.z" {{.*}} periods [1, 2] outs({{.*}} attributes {rate = "iteration_1"} {
// CHECK: dataflow.stage "silu.o" {{.*}} attributes {rate = "call"} {
// CHECK: dataflow.store %{{[^ ]+}} result 0 {rate = "call"}
kernel.func @row(%x: tensor<1x8xbf16>, %g: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %a = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %b = kernel.loop 3 carried(%a : tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  ^bb0(%h: tensor<1x8xbf16>):
    %y = nn.mul %h, %g : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %y : tensor<1x8xbf16>
  }
  %c = kernel.loop 2 carried(%b : tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  ^bb0(%i: tensor<1x8xbf16>):
    %z = nn.mul %i, %g : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
    kernel.yield %z : tensor<1x8xbf16>
  }
  %o = nn.silu %c : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %o : tensor<1x8xbf16>
}

// -----
// An append behind a read waits for what the read has brought: a stage takes all of the attention's result before it
// hands the first tile on. A value that is made of that result waits by itself.
// CHECK-LABEL: dataflow.kernel @read_first
// CHECK: dataflow.stage "values.a" {{.*}} outs([[BEHIND:%[a-z0-9_]+]], %
// CHECK: dataflow.stage "wait.x" firings 1 ins(%{{[a-z0-9_]+}}, [[BEHIND]] : {{.*}} periods [1, 1] outs([[X:%[a-z0-9_]+]] :
// CHECK: dataflow.store [[X]] into %c
// CHECK-LABEL: dataflow.kernel @read_into_append
// CHECK-NOT: "wait
// CHECK: dataflow.store %{{.*}} into %c
kernel.func @read_first(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  %a = nn.attention %x, %c, %c, %p scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  nn.cache_append %c[%p], %x : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}
kernel.func @read_into_append(%x: tensor<1x8xbf16>, %c: memref<1x2x16x4xbf16>, %p: tensor<i32>) -> tensor<1x8xbf16> {
  %a = nn.attention %x, %c, %c, %p scale 0.5 : (tensor<1x8xbf16>, memref<1x2x16x4xbf16>, memref<1x2x16x4xbf16>, tensor<i32>) -> tensor<1x8xbf16>
  nn.cache_append %c[%p], %a : memref<1x2x16x4xbf16>, tensor<i32>, tensor<1x8xbf16>
  kernel.return %a : tensor<1x8xbf16>
}
