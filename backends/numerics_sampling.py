"""The numpy meaning of drawing tokens, to the rules of `numerics.py`, and the numbers that are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .arithmetic import OPERATIONS as OPERATIONS
from .arithmetic import Attributes, exp, meaning, wide
from .tensors import Array, TensorSpec

_WORD = (1 << 64) - 1


def mix(word: int) -> int:
    """A step of SplitMix64 from the state `word`, a number of 64 bits, as all that it gives."""
    word = (word + 0x9E3779B97F4A7C15) & _WORD
    word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ word >> 27) * 0x94D049BB133111EB) & _WORD
    return word ^ word >> 31


def uniform(seed: int, position: int, row: int) -> float:
    """The number from 0 to below 1 that a row draws at a position, of 53 bits."""
    return (mix(mix(mix(seed) ^ position) ^ row) >> 11) * 2.0**-53


@meaning
def sample(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """A column of each row, drawn as probable as `exp((x - max) / temperature)` is, of those kept."""
    x, position = wide(operands[0]), int(operands[1])
    seed = int(attributes["seed"])
    drawn = [drawn_column(row, uniform(seed, position, number), attributes) for number, row in enumerate(x)]
    return np.array(drawn, result.numpy_dtype)


def drawn_column(x: Array, u: float, attributes: Attributes) -> int:
    """The column of a row for a number from 0 to below 1; the first NaN if there is one."""
    if np.isnan(x).any():
        return int(np.argmax(x))
    order = np.argsort(-x, stable=True)[: int(attributes.get("top_k", len(x)))]
    falling = x[order]
    below = np.where(falling == falling[0], 0.0, falling - falling[0])  # of infinities there is no difference
    sums = np.add.accumulate(exp(below / attributes["temperature"]))
    if "top_p" in attributes:
        sums = sums[: np.searchsorted(sums, attributes["top_p"] * sums[-1]) + 1]
    return int(order[np.searchsorted(sums, u * sums[-1], side="right")])
