// RUN: not kl-opt %s -p "tile-stages{tile-bytes=0}" 2>&1 | filecheck %s
// RUN: not kl-opt %s -p "tile-stages{least-tiles=-2}" 2>&1 | filecheck %s --check-prefix=LEAST
// RUN: not kl-opt %s -p "tile-stages{least-run-bytes=0}" 2>&1 | filecheck %s --check-prefix=RUN-BYTES
// RUN: not kl-opt %s -p "tile-stages{cache-tile-bytes=0}" 2>&1 | filecheck %s --check-prefix=CACHE

// Options without a meaning are refused.
// CHECK: error: tile-bytes is 0; it must be positive
// LEAST: error: least-tiles is -2; it must be positive
// RUN-BYTES: error: least-run-bytes is 0; it must be positive
// CACHE: error: cache-tile-bytes is 0; it must be positive
builtin.module {
}
