"""What the numpy meanings are made of: sums in order, and functions of one number with bits of their own.

`numerics.py` says why: no result may depend on tiles or on the machine, so all of this is made of the
operations that IEEE 754 defines to the last bit. Functions are computed in f64, within a few ulps, and
`erfc` within 1e-13.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np

from .tensors import Array, TensorSpec, rounded

Attributes = Mapping[str, Any]
"""Attributes of an operation by their name in the IR: numbers, or tuples of them; a flag that is set is 1."""

Operation = Callable[[Sequence[Array], Attributes, TensorSpec], Array]
"""Operands, attributes and the spec of the result give the result, a new array.

Raises: ValueError for a position or index that is outside its range.
"""

OPERATIONS: dict[str, Operation] = {}
"""What each `nn` operation computes, by its name in the IR; `cache_append` alone gives no result."""


def meaning(function: Operation) -> Operation:
    """A function that is the meaning of the `nn` operation of its name."""
    OPERATIONS[f"nn.{function.__name__}"] = computed = ieee(function)
    return computed


def ieee(function: Operation) -> Operation:
    """Overflow gives infinities and invalid operations NaNs, as IEEE 754 says, without warnings."""
    return np.errstate(all="ignore")(function)


def wide(array: Array) -> Array:
    """The array in f64."""
    return array.astype(np.float64, order="C")


def finish(total: Array, result: TensorSpec) -> Array:
    """What was computed in f64 as the result, rounded once."""
    return rounded(total.reshape(result.shape), result.dtype)


def ordered_sum(terms: Array) -> Array:
    """Sum over the last dimension, which stays as 1; `accumulate` goes in order by definition."""
    return np.add.accumulate(terms, axis=-1)[..., -1:]


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """The coefficient of the highest power comes first."""
    return reduce(lambda sum_, term: sum_ * x + term, coefficients, np.zeros_like(x))


_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490  # 32 bits, so that its product with an exponent is exact
_LN2_LOW = 1.90821492927058770002e-10
_EXP_TERMS = np.cumprod([1.0, *(1.0 / k for k in range(1, 14))])[::-1].tolist()
"""1/13! down to 1/0!: the series of exp is below half an ulp of f64 for |x| <= ln(2)/2."""


def exp(x: Array) -> Array:
    """`exp` in f64 within two ulps, the same bits on every machine and for every array length.

    `exp(x) = 2^n * exp(r)` with `r = x - n ln 2` in `[-ln(2)/2, ln(2)/2]`; 0 or infinite beyond
    +-800.
    """
    x = np.clip(x, -800.0, 800.0)
    n = np.rint(x * _LOG2_E)
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    return np.ldexp(_polynomial(r, _EXP_TERMS), n.astype(np.int32))


def expm1(x: Array) -> Array:
    """`exp(x) - 1` for x up to 0, also where it is small."""
    return np.where(x > -0.34, x * _polynomial(x, _EXP_TERMS[:-1]), exp(x) - 1.0)


def tanh(x: Array) -> Array:
    """`(1 - e) / (1 + e)` with `e = exp(-2 |x|)`, and the sign of x."""
    e = expm1(-2.0 * np.abs(x))
    return np.copysign(-e / (e + 2.0), x)


_ATANH_TERMS = [1.0 / k for k in range(41, 0, -2)]
"""The series of atanh(z) / z in z^2: for z up to 1/3 the next term is below 3^-42 / 43."""


def log1p(x: Array) -> Array:
    """`log(1 + x)` for x from 0 to 1: twice the atanh of `x / (2 + x)`."""
    z = x / (2.0 + x)
    return 2.0 * z * _polynomial(z * z, _ATANH_TERMS)


_ROOT_PI = 1.7724538509055160273
_ERF_BOUND = 2.0
_ERF_TERMS = 45
_ERFC_LEVELS = 90


def erfc(x: Array) -> Array:
    """The complementary error function, `2 / sqrt(pi)` times the integral of `exp(-t^2)` from x on.

    Up to 2, `1 - erf(x)`, by a series of positive terms; above, where that loses digits, by Laplace's
    continued fraction (Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.6 and 7.1.14).
    `erfc(-x)` is `2 - erfc(x)`.
    """
    size = np.abs(x)
    above = np.where(size < _ERF_BOUND, 1.0 - _erf_series(size), _erfc_fraction(size))
    return np.where(x < 0.0, 2.0 - above, above)


def _erf_series(x: Array) -> Array:
    """`2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n + 1) / (1 * 3 * … * (2n + 1))`, for x from 0 to 2."""
    x = np.minimum(x, _ERF_BOUND)
    square = 2.0 * x * x
    total = np.ones_like(x)
    for n in range(_ERF_TERMS, 0, -1):
        total = 1.0 + total * square / (2 * n + 1)
    return 2.0 / _ROOT_PI * exp(-x * x) * x * total


def _erfc_fraction(x: Array) -> Array:
    """`exp(-x^2) / sqrt(pi) / (x + (1/2) / (x + 1 / (x + (3/2) / (x + …))))`, for x from 2 on."""
    x = np.maximum(x, _ERF_BOUND)
    below = x
    for n in range(_ERFC_LEVELS, 0, -1):
        below = x + n / 2 / below
    return exp(-x * x) / (_ROOT_PI * below)
