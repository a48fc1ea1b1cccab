// A remark that a pass has left on a call is printed with the call's place.
// RUN: kl-opt %s -p merge-identical-kernels --remarks 2>&1 | filecheck %s
// Without the option it is not.
// RUN: kl-opt %s -p merge-identical-kernels 2>&1 | filecheck %s --check-prefix=SILENT

// A remark of the input is nobody's, one that a pass makes bears its name.
// RUN: kl-opt %s -p 'merge-identical-kernels,loop-kernels{exclude=id}' --remarks 2>&1 >/dev/null | filecheck %s --check-prefix=NAMED
// NAMED: remark: it stands alone{{$}}
// NAMED: remark: calls of @id are not looped: the kernel is excluded [loop-kernels]{{$}}
// With an expression, only passes whose names match remark; a file may stand behind the option without one.
// RUN: kl-opt --remarks %s -p 'merge-identical-kernels,loop-kernels{exclude=id}' 2>&1 >/dev/null | filecheck %s --check-prefix=NAMED
// RUN: kl-opt --remarks=^loop %s -p 'merge-identical-kernels,loop-kernels{exclude=id}' 2>&1 >/dev/null | filecheck %s --check-prefix=LOOP
// LOOP-NOT: it stands alone{{$}}
// LOOP:     remark: calls of @id are not looped: the kernel is excluded [loop-kernels]{{$}}
// RUN: kl-opt %s -p 'merge-identical-kernels,loop-kernels{exclude=id}' --remarks=merge 2>&1 | filecheck %s --check-prefix=SILENT

kernel.func @id(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  kernel.return %x : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  // CHECK:        kl-opt-remarks.mlir:[[# @LINE + 3]]:3: remark: it stands alone
  // CHECK-NEXT:   kernel.call @id
  // SILENT-NOT: remark:
  %y = kernel.call @id(%x) {kl.remarks = ["it stands alone"]} : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = kernel.call @id(%y) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %z : tensor<1x8xbf16>
}
