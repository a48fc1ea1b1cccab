// A remark that a pass has left on a call is printed with the call's place.
// RUN: kl-opt %s -p merge-identical-kernels --remarks 2>&1 | filecheck %s
// Without the option it is not.
// RUN: kl-opt %s -p merge-identical-kernels 2>&1 | filecheck %s --check-prefix=SILENT

kernel.func @id(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  kernel.return %x : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  // CHECK:        kl-opt-remarks.mlir:[[# @LINE + 3]]:3: remark: it stands alone
  // CHECK-NEXT:   kernel.call @id
  // SILENT-NOT: remark:
  %y = kernel.call @id(%x) {kl.remarks = ["it stands alone"]} : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
