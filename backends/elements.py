"""The numpy meaning of the `nn` operations on elements: computed in f64, rounded once.

An operand of lower rank is repeated over the leading axes of the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np

from .arithmetic import Attributes, Operation, erfc, finish, log1p, meaning, wide
from .arithmetic import exp as wide_exp
from .arithmetic import tanh as wide_tanh
from .tensors import Array, TensorSpec, rounded


def _elementwise(*parameters: str) -> Callable[[Callable[..., Array]], Operation]:
    """The meaning of an operation by a function of its operands in f64 and of attributes of these names."""

    def decorate(compute: Callable[..., Array]) -> Operation:
        @wraps(compute)
        def operation(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
            numbers = (attributes[parameter] for parameter in parameters)
            return finish(compute(*map(wide, operands), *numbers), result)

        return meaning(operation)

    return decorate


# Two tensors.


@_elementwise()
def add(lhs: Array, rhs: Array) -> Array:
    """Elementwise sum."""
    return lhs + rhs


@_elementwise()
def sub(lhs: Array, rhs: Array) -> Array:
    """Elementwise difference."""
    return lhs - rhs


@_elementwise()
def mul(lhs: Array, rhs: Array) -> Array:
    """Elementwise product."""
    return lhs * rhs


@_elementwise()
def div(lhs: Array, rhs: Array) -> Array:
    """Elementwise quotient."""
    return lhs / rhs


# A tensor and a number.


@_elementwise("number")
def add_scalar(x: Array, number: float) -> Array:
    """`x + number`."""
    return x + number


@_elementwise("number")
def mul_scalar(x: Array, number: float) -> Array:
    """`x * number`."""
    return x * number


@_elementwise("number")
def div_scalar(x: Array, number: float) -> Array:
    """`x / number`."""
    return x / number


@_elementwise("number")
def rsub_scalar(x: Array, number: float) -> Array:
    """`number - x`."""
    return number - x


@_elementwise("number")
def rdiv_scalar(x: Array, number: float) -> Array:
    """`number / x`."""
    return number / x


@_elementwise("low", "high")
def clamp(x: Array, low: float, high: float) -> Array:
    """`low` for what is below it, `high` for what is above it; a NaN stays."""
    return np.where(x < low, low, np.where(x > high, high, x))


# One tensor.


@_elementwise()
def silu(x: Array) -> Array:
    """`x / (1 + exp(-x))`."""
    return x / (1.0 + wide_exp(-x))


@_elementwise()
def gelu(x: Array) -> Array:
    """`x / 2 * (1 + tanh(u))` with `u = sqrt(2 / pi) * (x + 0.044715 x^3)`.

    Written as `x / (1 + exp(-2 u))`, which is the same.
    """
    u = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x * x * x)
    return x / (1.0 + wide_exp(-2.0 * u))


@_elementwise()
def gelu_erf(x: Array) -> Array:
    """`x / 2 * (1 + erf(x / sqrt(2)))`; `1 + erf(u)` is `erfc(-u)`."""
    return x / 2.0 * erfc(x / -np.sqrt(2.0))


@_elementwise()
def sigmoid(x: Array) -> Array:
    """`1 / (1 + exp(-x))`."""
    return 1.0 / (1.0 + wide_exp(-x))


@_elementwise()
def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return wide_tanh(x)


@_elementwise()
def relu(x: Array) -> Array:
    """0 for what is below it; a NaN stays."""
    return np.where(x < 0.0, 0.0, x)


@_elementwise()
def exp(x: Array) -> Array:
    """The exponential function."""
    return wide_exp(x)


@_elementwise()
def softplus(x: Array) -> Array:
    """`log(1 + exp(x))`, as `max(x, 0) + log(1 + exp(-|x|))`, which does not overflow."""
    return np.where(x < 0.0, 0.0, x) + log1p(wide_exp(-np.abs(x)))


@_elementwise()
def sqrt(x: Array) -> Array:
    """Square root; NaN of negative numbers."""
    return np.sqrt(x)


@meaning
def cast(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The same numbers in another element type."""
    return rounded(operands[0], result.dtype).reshape(result.shape).copy()
