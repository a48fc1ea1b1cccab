// Operations before and after each pass, and those that it has added and removed, by name.
// RUN: kl-opt %s -p cse,outline-kernels,cse --statistics 2>&1 >/dev/null | filecheck %s
// CHECK:      cse: 6 operations before, 5 after
// CHECK-NEXT:   - 1 nn.silu
// CHECK-NEXT: outline-kernels: 5 operations before, 8 after
// CHECK-NEXT:   + 2 kernel.return, 1 kernel.call, 1 kernel.func, 1 kernel.schedule{{$}}
// CHECK-NEXT:   - 1 func.func, 1 func.return{{$}}
// CHECK-NEXT: cse: 8 operations before, 8 after
// CHECK-NOT:  {{[+]}}

// Pieces of a file are added up.
// RUN: kl-opt %S/kl-opt-pieces.mlir --split-input-file -p cse --statistics --allow-unregistered-dialect 2>&1 >/dev/null | filecheck %s --check-prefix=SUM
// SUM:      cse: 6 operations before, 5 after
// SUM-NOT:  cse:

// Times are a table with a row for each pass of the pipeline, and for what is no pass.
// RUN: kl-opt %s -p cse,outline-kernels,cse --time-passes 2>&1 >/dev/null | filecheck %s --check-prefix=TIME
// TIME:      time of {{ +}}ms{{ +}}share
// TIME-NEXT: parse {{ +[0-9]+\.[0-9]+ +[0-9.]+%}}
// TIME-NEXT: cse {{ }}
// TIME-NEXT: outline-kernels {{ }}
// TIME-NEXT: cse {{ }}
// TIME-NEXT: verification {{ }}
// TIME-NEXT: output {{ }}
// TIME-NEXT: total {{ +[0-9]+\.[0-9]+ +100\.0%}}

func.func @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %z = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
  %r = nn.add %y, %z : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>
  func.return %r : tensor<1x8xbf16>
}
