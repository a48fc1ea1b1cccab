// The options decide which legal runs become loops; a remark tells what they keep from it.
// RUN: kl-opt %s -p loop-kernels | filecheck %s --check-prefix=DEFAULT
// RUN: kl-opt %s -p loop-kernels{min-count=3} | filecheck %s --check-prefix=COUNT
// RUN: kl-opt %s -p 'loop-kernels{exclude="@a"}' | filecheck %s --check-prefix=EXCLUDE
// RUN: kl-opt %s -p loop-kernels{exclude=a,b} | filecheck %s --check-prefix=BOTH
// RUN: not kl-opt %s -p loop-kernels{min-count=1} 2>&1 | filecheck %s --check-prefix=ONE
// RUN: not kl-opt %s -p loop-kernels{max-period=0} 2>&1 | filecheck %s --check-prefix=PERIOD
// RUN: not kl-opt %s -p loop-kernels{exclude=c} 2>&1 | filecheck %s --check-prefix=UNKNOWN
// RUN: kl-opt %s -p loop-kernels{min-count=3} --remarks 2>&1 | filecheck %s --check-prefix=SHOWN

// DEFAULT: %r = kernel.call @a.loop(%x)
// DEFAULT-NEXT: %t = kernel.call @b.loop(%r)
// DEFAULT-NOT: kl.remarks

// COUNT: %r = kernel.call @a.loop(%x)
// COUNT-NEXT: %s = kernel.call @b(%r) {kl.remarks = ["2 calls of @b are not looped: min-count is 3"]}
// COUNT-NEXT: %t = kernel.call @b(%s) : (tensor<1x16xbf16>)

// EXCLUDE: %p = kernel.call @a(%x) {kl.remarks = ["calls of @a are not looped: the kernel is excluded"]}
// EXCLUDE-NEXT: %q = kernel.call @a(%p) : (tensor<1x16xbf16>)
// EXCLUDE-NEXT: %r = kernel.call @a(%q) : (tensor<1x16xbf16>)
// EXCLUDE-NEXT: %t = kernel.call @b.loop(%r)

// BOTH-NOT: .loop

// ONE: error: min-count is 1; a loop takes the place of 2 calls or more
// PERIOD: error: max-period is 0; a pattern has 1 kernel or more
// UNKNOWN: error: exclude names @c, no kernel of this module
// UNKNOWN: help: it has @a, @b

// SHOWN: loop-kernels-options.mlir:[[# @LINE + 13]]:3: remark: 2 calls of @b are not looped: min-count is 3
kernel.func @a(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.silu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.func @b(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %y = nn.gelu %x : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %y : tensor<1x16xbf16>
}
kernel.schedule @step(%x: tensor<1x16xbf16>) -> tensor<1x16xbf16> {
  %p = kernel.call @a(%x) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %q = kernel.call @a(%p) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %r = kernel.call @a(%q) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %s = kernel.call @b(%r) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  %t = kernel.call @b(%s) : (tensor<1x16xbf16>) -> tensor<1x16xbf16>
  kernel.return %t : tensor<1x16xbf16>
}
