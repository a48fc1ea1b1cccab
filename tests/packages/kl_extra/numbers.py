"""The numpy meaning of the operations; `kl` loads this when it computes numbers, not when it compiles."""

from collections.abc import Sequence

import numpy as np

from kl.backends.numerics import Attributes, finish, ordered_sum, wide
from kl.backends.tensors import Array, TensorSpec


def limit(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Every element, but at least `low`, and at most what `high` has for its column."""
    x, high = map(wide, operands)
    return finish(np.minimum(np.maximum(x, attributes["low"]), high), result)


def centred_norm(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`(x - mean) / sqrt(variance + eps) * gain + bias` over the last dimension, summed in order."""
    x, gain, bias = map(wide, operands)
    centred = x - ordered_sum(x) / x.shape[-1]
    variance = ordered_sum(centred * centred) / x.shape[-1]
    return finish(centred / np.sqrt(variance + attributes["eps"]) * gain + bias, result)
