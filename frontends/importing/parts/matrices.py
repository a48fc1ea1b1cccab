"""Matrices and vectors of linear layers, whole or as parts of a fused tensor."""

from __future__ import annotations

from ..pieces import Weight


def matrix(name: str, inputs: str, outputs: str, tensor: str, *, transposed: bool, part: str = "") -> Weight:
    """The matrix of a linear layer, `[inputs, outputs]`; `part` says which outputs of the tensor it has."""
    tensor = f"{tensor}.weight"
    if transposed:
        return Weight(name, (inputs, outputs), tensor, True, rows=part, linear=True)
    return Weight(name, (inputs, outputs), tensor, columns=part, linear=True)


def vector(name: str, extent: str, tensor: str, part: str = "") -> Weight:
    """The bias of a linear layer, or of a part of it."""
    return Weight(name, (extent,), f"{tensor}.bias", rows=part)


def product(x: str, weight: str, bias: str = "") -> str:
    """The expression of a linear layer."""
    return f"{x} @ {weight} + {bias}" if bias else f"{x} @ {weight}"
