"""C's elements and functions of one number: to the bit what numpy computes for the reference."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

from kl.backends import arithmetic, elements, numerics_sampling
from kl.backends.cpu.build import FLAGS, HEADERS
from kl.backends.tensors import Array, TensorSpec, dtypes, rounded

CC = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
pytestmark = pytest.mark.skipif(CC is None, reason="there is no C compiler")

FUNCTIONS = ("exp", "tanh", "log1p", "erfc", "silu", "sigmoid", "relu", "softplus", "gelu", "gelu_erf")
FLOATS = ("bf16", "f16", "f32", "f64", "f8E4M3FN")
READ_ONLY = ("f8E8M0FNU", "i8", "i16", "i32", "i64")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("numbers")
    lines = ['#include "numbers.h"', '#include "operations.h"']
    for name in FUNCTIONS:
        lines.append(
            f"void of_{name}(const double *x, double *y, long n)"
            f" {{ for (long i = 0; i < n; i++) y[i] = kl_{name}(x[i]); }}"
        )
    for name in (*FLOATS, *READ_ONLY):
        lines.append(
            f"void read_{name}(const kl_{name} *x, double *y, long n)"
            f" {{ for (long i = 0; i < n; i++) y[i] = kl_of_{name}(x[i]); }}"
        )
    for name in FLOATS:
        lines.append(
            f"void write_{name}(const double *x, kl_{name} *y, long n)"
            f" {{ for (long i = 0; i < n; i++) y[i] = kl_to_{name}(x[i]); }}"
        )
    lines.append("double uniform(long s, long position, long row) { return kl_uniform(s, position, row); }")
    (folder / "numbers.c").write_text("\n".join(lines))
    made = folder / "numbers.so"
    subprocess.run([str(CC), *FLAGS, f"-I{HEADERS}", folder / "numbers.c", "-o", made, "-lm"], check=True)
    return ctypes.CDLL(str(made))


def numbers() -> Array:
    """Numbers of all sizes and signs, and those at the edges."""
    rng = np.random.default_rng(5)
    sizes = np.ldexp(rng.normal(size=20_000), rng.integers(-80, 80, 20_000))
    edges = [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        1e308,
        5e-324,
        448.0,
        464.0,
        447.9,
        2.0**-6,
        2.0**-9,
        2.0**-10,
    ]
    near = rng.normal(size=20_000) * 8
    halves = np.arange(-2_000, 2_000) / 256 * (1 + 2.0**-8)
    return np.concatenate([sizes, near, halves, edges, np.negative(edges)])


def called(library: ctypes.CDLL, name: str, x: Array, made: Array) -> Array:
    function = getattr(library, name)
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long]
    function(x.ctypes.data, made.ctypes.data, len(x))
    return made


def same_bits(mine: Array, wanted: Array) -> bool:
    nan = np.isnan(wanted.astype(np.float64))
    equal = mine.view(np.uint8).reshape(len(mine), -1) == wanted.view(np.uint8).reshape(len(mine), -1)
    return bool(np.all(equal.all(axis=1) | (nan & np.isnan(mine.astype(np.float64)))))


def meaning(name: str) -> Callable[[Array], Array]:
    if name in ("tanh", "log1p", "erfc", "exp"):
        return getattr(arithmetic, name)
    return lambda x: getattr(elements, name)([x], {}, TensorSpec(x.shape, "f64"))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_give_the_bits_of_numpy(library: ctypes.CDLL, name: str):
    x = numbers()
    if name == "log1p":  # of numbers from 0 to 1
        x = np.abs(x[np.abs(x) <= 1.0])
    with np.errstate(all="ignore"):
        wanted = meaning(name)(x)
    assert same_bits(called(library, f"of_{name}", x, np.zeros_like(x)), wanted)


@pytest.mark.parametrize("name", FLOATS)
def test_numbers_are_rounded_once(library: ctypes.CDLL, name: str):
    x = numbers()
    with np.errstate(all="ignore"):
        wanted = rounded(x, name)
    assert same_bits(called(library, f"write_{name}", x, np.zeros(len(x), dtypes()[name])), wanted)


@pytest.mark.parametrize("name", [*FLOATS, *READ_ONLY])
def test_elements_are_read_as_numpy_reads_them(library: ctypes.CDLL, name: str):
    dtype = dtypes()[name]
    x = np.random.default_rng(3).integers(0, 256, 4096 * dtype.itemsize, np.uint8).view(dtype)
    with np.errstate(all="ignore"):
        wanted = x.astype(np.float64)
        assert same_bits(called(library, f"read_{name}", x, np.zeros(len(x))), wanted)


def test_drawn_numbers_are_those_of_the_reference(library: ctypes.CDLL):
    library.uniform.restype = ctypes.c_double
    library.uniform.argtypes = [ctypes.c_long] * 3
    for seed, position, row in ((0, 0, 0), (7, 3, 1), (2**62, 4095, 15), (1, 2**31 - 1, 0)):
        assert library.uniform(seed, position, row) == numerics_sampling.uniform(seed, position, row)
