// RUN: not kl-opt %s -p "prefetch-weights{percent=0}" 2>&1 | filecheck %s
// RUN: not kl-opt %s -p "prefetch-weights{percent=101}" 2>&1 | filecheck %s --check-prefix=MORE

// A share of nothing, or of more than there is, has no meaning.
// CHECK: error: percent is 0; it must be between 1 and 100
// MORE: error: percent is 101; it must be between 1 and 100
builtin.module {
}
