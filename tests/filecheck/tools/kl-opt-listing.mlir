// What there is, without any input: passes by package with their first sentences,
// RUN: kl-opt --list-passes | filecheck %s --check-prefix=PASSES
// PASSES:     {{^}}kernel-looping {{[0-9.]+}}:
// PASSES:     {{^}}  merge-identical-kernels {{ +}}Keep the first of the kernels that are equal but for their names and locations; call it for all.{{$}}
// PASSES:     {{^}}  kl-default {{ +}}The default pipeline of a target, from the level that the module is at.{{$}}
// PASSES:     {{^}}xdsl {{[0-9.]+}}:
// PASSES-NOT: {{^}}  merge-identical-kernels
// PASSES:     {{^}}  canonicalize {{ +}}Applies all canonicalization patterns.{{$}}
// PASSES:     {{^}}  cse {{ +}}(no documentation)

// a pass with its options, their types in words, their defaults and what they mean,
// RUN: kl-opt --help-pass loop-kernels | filecheck %s --check-prefix=HELP
// HELP:      {{^}}loop-kernels, of kernel-looping
// HELP:      Replace runs of calls of one kernel
// HELP:      Before:
// HELP:      After:
// HELP:      Options:
// HELP-NEXT:   min-count: a whole number; default: 2
// HELP-NEXT:       Fewest iterations of a loop.
// HELP-NEXT:   exclude: a list of values, each a text; default: none
// HELP-NEXT:       Names of kernels that stay out of loops

// RUN: kl-opt --help-pass kl-default | filecheck %s --check-prefix=DEFAULTS
// DEFAULTS: to: one of nn, kernel, dataflow, rdu; default: none
// DEFAULTS: loop: true or false; default: true

// RUN: kl-opt --help-pass cse | filecheck %s --check-prefix=BARE
// BARE:      cse, of xdsl
// BARE-NEXT: {{^$}}
// BARE-NEXT: (no documentation)
// BARE-NEXT: {{^$}}
// BARE-NEXT: It has no options.

// and dialects.
// RUN: kl-opt --list-dialects | filecheck %s --check-prefix=DIALECTS
// DIALECTS:     {{^}}kernel-looping {{[0-9.]+}}:
// DIALECTS:     {{^}}  dataflow {{ +}}10 operations, 3 attributes{{$}}
// DIALECTS:     {{^}}xdsl {{[0-9.]+}}:
// DIALECTS:     {{^}}  func {{ +}}3 operations, 0 attributes{{$}}
