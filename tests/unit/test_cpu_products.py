"""C's products have the bits of `add_products`; its threads run every call and meet at barriers."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import EBUSY, EINVAL
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from kl.backends.numerics import add_products
from kl.backends.tensors import Array

HEADERS = Path(__file__).parents[2] / "backends" / "cpu" / "c"
FLAGS = ["-std=gnu11", "-ffp-contract=off", "-fno-math-errno", "-pthread", "-Wall", "-Wextra", "-Werror"]
TYPES = {"bf16": ml_dtypes.bfloat16, "f16": np.float16, "f32": np.float32}
IS_X86 = platform.machine().lower() in {"x86_64", "amd64"}
NATIVE = ("-O2", "-march=native")
VARIANTS = {
    "native": NATIVE,
    "avx2": ("-O1", "-mavx2", "-mfma", "-mf16c"),
    "portable": ("-O1", "-mno-avx"),
}
TYPEDEFS = """
#include <stdint.h>
typedef uint16_t kl_bf16;
typedef _Float16 kl_f16;
typedef float kl_f32;
typedef double kl_f64;
#ifdef KL_FAST
typedef float kl_sum;
#else
typedef double kl_sum;
#endif
"""
PRODUCTS = (
    TYPEDEFS
    + '#include "products.h"\n'
    + "".join(
        f"void {name}_{w}(kl_sum *total, long total_ld, const kl_sum *x, long x_ld, long count,"
        f" const kl_{w} *weights, long w_ld, long lines, long terms) {{"
        f" kl_{name}_{w}(total, total_ld, x, x_ld, count, weights, w_ld, lines, terms); }}\n"
        for name in ("rows", "columns")
        for w in TYPES
    )
    + """
#include <sys/mman.h>
#include <unistd.h>
/* Weights of all sizes that end where nothing may be read: 0, or no return. */
int guarded(void) {
  static kl_sum total[3 * 80], x[3 * 80];
  long page = sysconf(_SC_PAGESIZE), size = 32 * page;
  char *room = mmap(0, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *end = room + size;
  if (room == MAP_FAILED || mprotect(end, page, PROT_NONE)) return 1;
  for (long count = 1; count < 4; count++)
    for (long lines = 1; lines < 36; lines += count)
      for (long terms = 1; terms < 75; terms += count) {
        long rows = (lines - 1) * (terms + 1) + terms, columns = (terms - 1) * (lines + 1) + lines;
        rows_bf16(total, 80, x, 80, count, (kl_bf16 *)end - rows, terms + 1, lines, terms);
        rows_f32(total, 80, x, 80, count, (kl_f32 *)end - rows, terms + 1, lines, terms);
        columns_bf16(total, 80, x, 80, count, (kl_bf16 *)end - columns, lines + 1, lines, terms);
        columns_f32(total, 80, x, 80, count, (kl_f32 *)end - columns, lines + 1, lines, terms);
      }
  return 0;
}
"""
)


def compiled(text: str, folder: Path, *flags: str) -> Path:
    """What the system's compiler makes of C; the test is skipped where there is none."""
    cc = shutil.which("cc")
    if cc is None:
        pytest.skip("there is no C compiler: no cc")
    source, made = folder / "harness.c", folder / "harness"
    source.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [cc, *FLAGS, *flags, f"-I{HEADERS}", str(source), "-o", str(made)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return made


def has_avx2() -> bool:
    """Whether Linux says that this processor has what the variant is compiled for."""
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False
    return {"avx2", "fma", "f16c"} <= words


@pytest.fixture(scope="module", params=VARIANTS)
def exact(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The products in order, compiled for this processor, for one with AVX2 and for the least of its kind."""
    if request.param != "native" and not IS_X86:
        pytest.skip("these are flags of x86 compilers")
    if request.param == "avx2" and not has_avx2():
        pytest.skip("this processor has no AVX2")
    folder = tmp_path_factory.mktemp(request.param)
    return ctypes.CDLL(str(compiled(PRODUCTS, folder, "-shared", "-fPIC", *VARIANTS[request.param])))


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The products in any order."""
    flags = ("-shared", "-fPIC", "-DKL_FAST", *NATIVE)
    return ctypes.CDLL(str(compiled(PRODUCTS, tmp_path_factory.mktemp("fast"), *flags)))


@dataclass(frozen=True)
class Shape:
    """Of a product: rows of x, rows or columns of weights, and terms of each sum."""

    count: int
    lines: int
    terms: int


SHAPES = [
    *(Shape(count, lines, terms) for count in (1, 2) for lines in (1, 16, 33) for terms in (1, 7, 8, 32, 64)),
    *(Shape(3, lines, terms) for lines, terms in ((5, 3), (15, 31), (17, 33), (50, 100), (100, 17))),
    *(Shape(count, 21, 45) for count in (4, 5, 8, 9, 19)),
    Shape(1, 64, 300),
    Shape(1, 2100, 11),
    Shape(2, 4, 700),
]


def with_gaps(matrix: Array, gap: int, fill: float) -> Array:
    """A matrix whose rows lie apart; what is between them is `fill`."""
    height, width = matrix.shape
    wide = np.full((height, width + gap), fill, matrix.dtype)
    wide[:, :width] = matrix
    return wide


def run(library: ctypes.CDLL, name: str, total: Array, x: Array, w: Array, gap: int) -> Array:
    """The sums by C, from an address that is a multiple of nothing; what lies between rows is left alone."""
    kind = np.float64 if total.dtype == np.float64 else np.float32
    lines, terms = w.shape if name == "rows" else w.shape[::-1]
    totals, factors = with_gaps(total, gap, 77.0), with_gaps(x.astype(kind), gap, np.nan)
    weights = with_gaps(w, gap, np.nan)
    room = np.zeros(weights.nbytes + w.itemsize, np.uint8)
    room[w.itemsize :] = weights.view(np.uint8).ravel()
    getattr(library, f"{name}_{next(key for key, one in TYPES.items() if one == w.dtype)}")(
        ctypes.c_void_p(totals.ctypes.data), ctypes.c_long(totals.shape[1]),
        ctypes.c_void_p(factors.ctypes.data), ctypes.c_long(factors.shape[1]), ctypes.c_long(len(x)),
        ctypes.c_void_p(room.ctypes.data + w.itemsize), ctypes.c_long(weights.shape[1]),
        ctypes.c_long(lines), ctypes.c_long(terms),
    )  # fmt: skip
    assert (totals[:, lines:] == 77.0).all(), "what lies between rows of sums is written"
    return totals[:, :lines]


def any_finite(generator: np.random.Generator, shape: tuple[int, int], dtype: type) -> Array:
    """Numbers of any size that the type has, the smallest among them, too."""
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    exponent = np.array(np.inf, dtype).view(unsigned)
    bits = generator.integers(0, np.iinfo(unsigned).max, shape, unsigned, endpoint=True)
    return np.where(bits & exponent == exponent, bits & ~exponent, bits).view(dtype)


def signed_zeros(generator: np.random.Generator, shape: tuple[int, int], dtype: type) -> Array:
    """Zeros, half of them below."""
    return np.where(generator.integers(0, 2, shape) == 1, -0.0, 0.0).astype(dtype)


def infinite(generator: np.random.Generator, shape: tuple[int, int], dtype: type) -> Array:
    """Numbers above zero, some of them infinite: no sum of their products is NaN."""
    numbers = generator.uniform(0.5, 2.0, shape)
    return np.where(generator.integers(0, 50, shape) == 0, np.inf, numbers).astype(dtype)


def normal(generator: np.random.Generator, shape: tuple[int, int], dtype: type) -> Array:
    """Numbers of about one size: each counts in a sum."""
    return generator.standard_normal(shape).astype(dtype)


NUMBERS: list[Callable[[np.random.Generator, tuple[int, int], type], Array]]
NUMBERS = [any_finite, signed_zeros, infinite, normal, normal]


@pytest.mark.parametrize("name", ["rows", "columns"])
@pytest.mark.parametrize("kind", TYPES)
def test_sums_in_order_have_the_bits_of_the_reference(exact: ctypes.CDLL, name: str, kind: str):
    generator = np.random.default_rng(len(name) + len(kind))
    for number, shape in enumerate(SHAPES):
        draw = NUMBERS[number % len(NUMBERS)]
        x = draw(generator, (shape.count, shape.terms), list(TYPES.values())[number % len(TYPES)])
        w = draw(generator, (shape.terms, shape.lines), TYPES[kind])
        total = draw(generator, (shape.count, shape.lines), np.float32).astype(np.float64)
        expected = add_products(total, x, w)
        stored = np.ascontiguousarray(w.T) if name == "rows" else w
        actual = run(exact, name, total, x, stored, gap=number % 4)
        assert np.array_equal(actual.view(np.int64), expected.view(np.int64)), (shape, draw.__name__)


@pytest.mark.parametrize("name", ["rows", "columns"])
@pytest.mark.parametrize("kind", TYPES)
def test_sums_in_any_order_are_within_their_bound(fast: ctypes.CDLL, name: str, kind: str):
    """A number is rounded `terms + 1` times at most on its way into a sum, by 2^-24 of it each time."""
    generator = np.random.default_rng(7)
    for number, shape in enumerate(SHAPES):
        x = generator.standard_normal((shape.count, shape.terms)).astype(np.float32)
        w = generator.standard_normal((shape.terms, shape.lines)).astype(TYPES[kind])
        total = generator.standard_normal((shape.count, shape.lines)).astype(np.float32)
        expected = add_products(total.astype(np.float64), x, w)
        size = add_products(np.abs(total).astype(np.float64), np.abs(x), np.abs(w))
        stored = np.ascontiguousarray(w.T) if name == "rows" else w
        actual = run(fast, name, total, x, stored, gap=number % 4)
        assert (np.abs(actual - expected) <= (shape.terms + 2) * 2.0**-24 * size).all(), shape


def assert_ends_are_kept(library: ctypes.CDLL) -> None:
    """Run `guarded` in a process of its own: it ends by a signal where more is read than there is."""
    program = "import ctypes, sys; sys.exit(ctypes.CDLL(sys.argv[1]).guarded())"
    assert subprocess.run([sys.executable, "-c", program, library._name], check=False).returncode == 0


def test_nothing_behind_the_last_weight_is_read_in_order(exact: ctypes.CDLL):
    assert_ends_are_kept(exact)


def test_nothing_behind_the_last_weight_is_read_in_any_order(fast: ctypes.CDLL):
    assert_ends_are_kept(fast)


POOL = (
    TYPEDEFS
    + '#include "threads.h"\n'
    + """
static long slots[64];
static void count_up(kl_thread *thread, void **arguments) {
  slots[thread->index] += *(long *)arguments[0];
  if (thread->count != *(int *)arguments[1]) slots[63]++;
}
/* After a barrier all see what all have written before; nobody is a turn ahead or behind. */
static void take_turns(kl_thread *thread, void **arguments) {
  for (long turn = 1; turn <= *(long *)arguments[0]; turn++) {
    slots[thread->index] = turn;
    kl_barrier(thread);
    for (int i = 0; i < thread->count; i++)
      if (slots[i] != turn) __atomic_fetch_add(&slots[63], 1, __ATOMIC_RELAXED);
    kl_barrier(thread);
  }
}
int start(int threads) { return kl_start(threads); }
void stop(void) { kl_stop(); }
long slot(int index) { return slots[index]; }
void clear(void) { for (int i = 0; i < 64; i++) slots[i] = 0; }
void call(int turns, long number, int threads) {
  void *arguments[] = {&number, &threads};
  kl_call(turns ? take_turns : count_up, arguments);
}
void share(int index, int count, long total, long unit, long *from, long *to) {
  kl_thread thread = {.index = index, .count = count};
  kl_share(&thread, total, unit, from, to);
}
"""
)


@pytest.fixture(scope="module")
def pool_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    made = compiled(POOL, tmp_path_factory.mktemp("pool"), "-shared", "-fPIC", *NATIVE)
    return ctypes.CDLL(str(made))


@pytest.fixture
def pool(pool_library: ctypes.CDLL) -> Iterator[ctypes.CDLL]:
    """The library of threads, its slots 0; threads that a test starts are ended."""
    pool_library.clear()
    yield pool_library
    pool_library.stop()


def slots_of(pool: ctypes.CDLL, threads: int) -> list[int]:
    """What the threads have written, and behind it how often something was wrong."""
    return [*(pool.slot(index) for index in range(threads)), pool.slot(63)]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_thread_runs_every_call(pool: ctypes.CDLL, threads: int):
    for _ in range(2):  # they can be started again
        assert pool.start(threads) == 0
        for number in range(200):
            pool.call(0, ctypes.c_long(number), threads)
        pool.stop()
    assert slots_of(pool, threads) == [2 * sum(range(200))] * threads + [0]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_barrier_is_passed_by_all_or_none(pool: ctypes.CDLL, threads: int):
    assert pool.start(threads) == 0
    pool.call(1, ctypes.c_long(100), threads)
    assert slots_of(pool, threads) == [100] * threads + [0]


def test_threads_that_sleep_are_woken(pool: ctypes.CDLL):
    assert pool.start(3) == 0
    for _ in range(20):
        time.sleep(0.005)
        pool.call(0, ctypes.c_long(1), 3)
    assert slots_of(pool, 3) == [20, 20, 20, 0]


def test_threads_without_a_call_fall_asleep(pool: ctypes.CDLL):
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("only Linux tells what threads do")
    before = set(os.listdir(tasks))
    assert pool.start(3) == 0
    pool.call(0, ctypes.c_long(1), 3)
    workers = set(os.listdir(tasks)) - before
    assert len(workers) == 2
    states, until = "", time.monotonic() + 30  # seconds: they would never
    while states != "SS" and time.monotonic() < until:
        time.sleep(0.001)
        states = "".join((tasks / one / "stat").read_text().rpartition(")")[2].split()[0] for one in workers)
    assert states == "SS"


def test_without_workers_calls_are_run_by_the_caller(pool: ctypes.CDLL):
    pool.call(0, ctypes.c_long(5), 1)
    pool.call(1, ctypes.c_long(5), 1)
    assert slots_of(pool, 2) == [5, 0, 0]


def test_a_pool_is_not_started_twice_or_without_threads(pool: ctypes.CDLL):
    assert pool.start(0) == EINVAL
    assert pool.start(2) == 0
    assert pool.start(2) == EBUSY
    pool.call(0, ctypes.c_long(1), 2)
    assert slots_of(pool, 2) == [1, 1, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("unit", [1, 16])
def test_shares_cover_all_in_whole_units(pool: ctypes.CDLL, count: int, unit: int):
    for total in (0, 1, 15, 16, 17, 100, 2**40 + 3):
        bounds = [(ctypes.c_long(), ctypes.c_long()) for _ in range(count)]
        for index, (start, end) in enumerate(bounds):
            pool.share(
                index,
                count,
                ctypes.c_long(total),
                ctypes.c_long(unit),
                ctypes.byref(start),
                ctypes.byref(end),
            )
        starts, ends = [one.value for one, _ in bounds], [one.value for _, one in bounds]
        assert [*starts, total] == [0, *ends]
        assert all(start % unit == 0 or start == total for start in starts)
        units = [-(-(end - start) // unit) for start, end in zip(starts, ends, strict=True)]
        assert max(units) - min(units) <= 1
