"""How fast the C products of the target `cpu` walk weights, beside a loop that only reads them.

Run from the repository root: `.venv/bin/python benchmarks/cpu_products.py [--threads N] [--runs N]`. Prints
GB of weights per second, the best of all runs, and its ratio to what the read loop reached; products and
reads take turns, so that both meet the same load. `--bytes` should be some times what caches hold.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

HEADERS = Path(__file__).resolve().parent.parent / "backends" / "cpu" / "c"
FLAGS = (
    "-O3",
    "-march=native",
    "-std=gnu11",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-pthread",
    "-shared",
    "-fPIC",
)
HARNESS = """
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
typedef uint16_t kl_bf16;
typedef _Float16 kl_f16;
typedef float kl_f32;
#ifdef KL_FAST
typedef float kl_sum;
#else
typedef double kl_sum;
#endif
#include "products.h"
#include "threads.h"

static const char *weights;
static kl_sum *x, *total;
static long size, lines, terms, count, matrices;
static uint64_t seen[256];

/* Numbers of 0.5 to 1 as bf16 or f32, on small pages, as mapped files have them; 0, or no memory. */
int fill(long bytes) {
  uint32_t *room = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bits = 1;
  if (room == MAP_FAILED) return 1;
  madvise(room, bytes, MADV_NOHUGEPAGE);
  for (long i = 0; i < bytes / 4; i++) {
    bits = bits * 1664525 + 1013904223;
    room[i] = (bits & 0x007f007f) | 0x3f003f00;
  }
  weights = (const char *)room, size = bytes;
  return 0;
}

static void read_all(kl_thread *thread, void **arguments) {
  kl_words sums[4] = {{0}};
  long from, to;
  (void)arguments;
  kl_share(thread, size / 4096 * 4096, 4096, &from, &to);
  for (long at = from; at < to; at += 4 * KL_BYTES)
    KL_UNROLL
    for (int i = 0; i < 4; i++) {
      __builtin_prefetch(weights + at + i * KL_BYTES + 4096, 0, 2);
      sums[i] ^= *(const kl_words *)(weights + at + i * KL_BYTES);
    }
  sums[0] ^= sums[1] ^ sums[2] ^ sums[3];
  seen[thread->index] = sums[0][0];
}

/* All matrices, one behind the other: threads share lines, or, where these are few, matrices. */
#define WALK(name, W, place, w_ld)                                                                       \\
  static void name##_##W(kl_thread *thread, void **arguments) {                                          \\
    const kl_##W *w = (const kl_##W *)weights;                                                           \\
    const int is_shared = lines >= 1024;                                                                 \\
    kl_sum *own = total + (is_shared ? 0 : thread->index * count * lines);                               \\
    long from = 0, to = lines;                                                                           \\
    (void)arguments;                                                                                     \\
    if (is_shared) kl_share(thread, lines, 64, &from, &to);                                              \\
    for (long i = is_shared ? 0 : thread->index; i < matrices; i += is_shared ? 1 : thread->count) {     \\
      kl_##name##_##W(own + from, lines, x, terms, count, w + i * lines * terms + from * place, w_ld,    \\
                      to - from, terms);                                                                 \\
      if (is_shared) kl_barrier(thread);                                                                 \\
    }                                                                                                    \\
  }
WALK(rows, bf16, terms, terms)
WALK(rows, f32, terms, terms)
WALK(columns, bf16, 1, lines)
WALK(columns, f32, 1, lines)

static double gigabytes_per_second(kl_job *job, double bytes) {
  long start = kl_nanoseconds();
  kl_call(job, NULL);
  return bytes / (double)(kl_nanoseconds() - start);
}

int start(int threads) { return kl_start(threads); }

double read_speed(void) { return gigabytes_per_second(read_all, (double)size); }

double product_speed(int is_columns, int is_wide, long of_lines, long of_terms, long rows) {
  kl_job *jobs[] = {rows_bf16, rows_f32, columns_bf16, columns_f32};
  const long bytes = of_lines * of_terms * (is_wide ? 4 : 2);
  lines = of_lines, terms = of_terms, count = rows, matrices = size / bytes;
  x = calloc((unsigned long)(count * terms), sizeof *x);
  total = calloc((unsigned long)(256 * count * lines), sizeof *total);
  double speed = 0;
  if (x && total) speed = gigabytes_per_second(jobs[2 * is_columns + is_wide], (double)(matrices * bytes));
  free(x), free(total);
  return speed;
}
"""


@dataclass(frozen=True)
class Walk:
    """Products by matrices of so many rows or columns and terms."""

    name: str
    lines: int
    terms: int
    is_columns: bool = False
    is_wide: bool = False
    """Whether weights are f32; else they are bf16."""
    count: int = 1
    """Rows of x."""


WALKS = (
    Walk("rows", 8192, 2048),
    Walk("rows of a head", 128256, 2048),
    Walk("rows, f32", 8192, 2048, is_wide=True),
    Walk("rows, 4 of x", 8192, 2048, count=4),
    Walk("rows, 16 of x", 8192, 2048, count=16),
    Walk("scores", 4096, 128),
    Walk("columns", 8192, 2048, is_columns=True),
    Walk("columns, 4 of x", 8192, 2048, is_columns=True, count=4),
    Walk("values", 128, 4096, is_columns=True),
    Walk("values, f32", 128, 4096, is_columns=True, is_wide=True),
)


def library(folder: Path, *flags: str) -> ctypes.CDLL:
    """The harness, compiled."""
    source, made = folder / "harness.c", folder / f"harness{len(flags)}.so"
    source.write_text(HARNESS, encoding="utf-8")
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *FLAGS, *flags, f"-I{HEADERS}", str(source), "-o", str(made)], check=True)
    loaded = ctypes.CDLL(str(made))
    loaded.read_speed.restype = loaded.product_speed.restype = ctypes.c_double
    return loaded


def speeds(loaded: ctypes.CDLL, runs: int) -> Iterator[tuple[Walk, float, float]]:
    """Of each walk, the best of the runs and the best read loop beside them, in GB/s."""
    for walk in WALKS:
        sizes = [ctypes.c_long(one) for one in (walk.lines, walk.terms, walk.count)]
        pairs = [
            (loaded.product_speed(int(walk.is_columns), int(walk.is_wide), *sizes), loaded.read_speed())
            for _ in range(runs)
        ]
        yield walk, max(one for one, _ in pairs), max(one for _, one in pairs)


def main() -> None:
    """Measure all walks, in order and in any order."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument(
        "--bytes", type=int, default=2**31, help="of weights, for each of the two ways to add"
    )
    options = parser.parse_args()
    if options.bytes < (least := max(walk.lines * walk.terms * 4 for walk in WALKS)):
        parser.error(f"--bytes: the largest matrix needs {least}")
    table = Table("sums", "weights", "GB/s", "of reading", title=f"{options.threads} threads")
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in (("in order", ()), ("in any order", ("-DKL_FAST",))):
            loaded = library(Path(folder), *flags)
            if loaded.fill(ctypes.c_long(options.bytes)) or loaded.start(options.threads):
                raise SystemExit("there is no memory for the weights, or no thread")
            for walk, speed, read in speeds(loaded, options.runs):
                shape = f"{walk.name} ({walk.lines} x {walk.terms})"
                table.add_row(name, shape, f"{speed:.1f}", f"{speed / read:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
