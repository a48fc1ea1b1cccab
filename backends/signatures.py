"""What a program has in common with the model that it came from: what it takes, gives, keeps and reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .tensors import Array, TensorSpec
from .weight_specs import WeightSpec


@dataclass(frozen=True)
class Signature:
    """The tensors of a call by name, as each socket has them; weights are whole ones."""

    sockets: int
    inputs: Mapping[str, TensorSpec]
    """In the order in which a step takes them."""
    outputs: Sequence[TensorSpec]
    """Of a call, in order, those of several decode steps stacked; what they are called is the compiler's."""
    states: Mapping[str, TensorSpec]
    """What stays from step to step."""
    weights: Mapping[str, WeightSpec]
    rows: int
    """Of the smallest table that rows are read of by their number; 1 if there is none."""


def first_inputs(inputs: Mapping[str, TensorSpec], rows: int, seed: int) -> dict[str, Array]:
    """Seeded random numbers for a first step: ids of `rows`, which every table has, and normal numbers."""
    import numpy as np

    rng, found = np.random.default_rng(seed), dict[str, Array]()
    for name, spec in inputs.items():
        numbers = rng.integers(rows, size=spec.shape) if spec.is_integer else rng.normal(size=spec.shape)
        found[name] = np.asarray(numbers).astype(spec.numpy_dtype)
    return found
