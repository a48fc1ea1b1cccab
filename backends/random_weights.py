"""Seeded random weights of a model, made piece by piece: no more than the weights themselves is in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import sqrt
from typing import TYPE_CHECKING

from .stored_weights import random_part
from .tensors import Array, TensorSpec, in_pieces, rounded
from .weight_specs import WeightSpec

if TYPE_CHECKING:
    from numpy.random import Generator


def random_weights(specs: Iterable[WeightSpec], seed: int) -> dict[str, Array]:
    """Normal numbers that keep activations near 1: deviation fan-in^-1/2; vectors (norms) around 1.

    A weight depends on its name and shape and the seed alone, and the first layers of a stack not on
    how many follow. Constants have their own numbers.
    """
    return {spec.name: _whole(spec, random_layers(spec, seed)) for spec in specs}


def random_layers(spec: WeightSpec, seed: int) -> Iterator[Array]:
    """The layers of a random weight, in order, or the whole one: new arrays, C-ordered."""
    import numpy as np

    if spec.values is not None:
        yield from constant_layers(spec)
        return
    rng = np.random.default_rng([seed, *spec.name.encode()])
    layers = spec.tensor.shape[0] if spec.stacked else 1
    if spec.stored is not None:
        yield from random_part(spec.stored, TensorSpec(spec.layer_shape, spec.tensor.dtype), layers, rng)
        return
    for _ in range(layers):
        yield _normal(TensorSpec(spec.layer_shape, spec.tensor.dtype), rng)


def constant_layers(spec: WeightSpec) -> Iterator[Array]:
    """The layers of a constant, or the whole one, C-ordered."""
    import numpy as np

    assert spec.values is not None, f"{spec.name} is no constant"
    whole = rounded(np.array(spec.values, np.float64).reshape(spec.tensor.shape), spec.tensor.dtype)
    yield from (whole[layer, ...] for layer in range(len(whole))) if spec.stacked else (whole,)


def _normal(layer: TensorSpec, rng: Generator) -> Array:
    import numpy as np

    def make(count: int) -> Array:
        numbers = rng.standard_normal(count, np.float32)
        shape = layer.shape
        numbers = numbers / sqrt(shape[-2]) if len(shape) > 1 else 1 + numbers / 8
        return rounded(numbers, layer.dtype)

    return in_pieces(layer, make)


def _whole(spec: WeightSpec, layers: Iterable[Array]) -> Array:
    if not spec.stacked:
        (whole,) = layers
        return whole
    stack = spec.tensor.zeros()
    for number, layer in enumerate(layers):
        stack[number] = layer
    return stack
