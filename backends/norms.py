"""The numpy meaning of the `nn` norms: of `group` elements of a row together, or of the whole row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arithmetic import Attributes, finish, meaning, ordered_sum, wide
from .tensors import Array, TensorSpec


def _grouped(x: Array, attributes: Attributes) -> Array:
    """`[…, N]` as `[…, N / group, group]` in f64."""
    return wide(x).reshape(*x.shape[:-1], -1, int(attributes.get("group", x.shape[-1])))


def _parameter(array: Array, groups: Array) -> Array:
    """A gain or bias in f64, as `[N / group, group]` or, where all groups share it, as `[1, group]`."""
    own = (1, groups.shape[-1]) if array.size == groups.shape[-1] else groups.shape[-2:]
    return wide(array).reshape(own)


def _scaled(groups: Array, mean_square: Array, eps: float, parameters: Sequence[Array]) -> Array:
    """`groups / sqrt(mean_square + eps) * gain + bias`, as many of the two as there are."""
    total = groups / np.sqrt(mean_square + eps)
    for combine, parameter in zip((np.multiply, np.add), parameters, strict=False):
        total = combine(total, _parameter(parameter, groups))
    return total


@meaning
def rms_norm(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`x / sqrt(mean(x^2) + eps) * gain` over the last dimension or each group of it."""
    x = _grouped(operands[0], attributes)
    mean_square = ordered_sum(x * x) / x.shape[-1]
    return finish(_scaled(x, mean_square, attributes["eps"], operands[1:]), result)


@meaning
def layer_norm(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`(x - mean) / sqrt(variance + eps) * gain + bias` over the last dimension or each group of it."""
    x = _grouped(operands[0], attributes)
    centred = x - ordered_sum(x) / x.shape[-1]
    variance = ordered_sum(centred * centred) / x.shape[-1]
    return finish(_scaled(centred, variance, attributes["eps"], operands[1:]), result)


@meaning
def square_sum(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """The sum of the squares of each row: `[…, N]` gives `[…, 1]`."""
    x = wide(operands[0])
    return finish(ordered_sum(x * x), result)


@meaning
def rms_scale(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`x / sqrt(square_sum / count + eps) * gain`; the sum is that of `count` elements."""
    x = _grouped(operands[0], {})
    mean_square = wide(operands[1])[..., None, :] / attributes["count"]
    return finish(_scaled(x, mean_square, attributes["eps"], operands[2:]), result)
