"""What the operations compute, in numpy; `kl` imports this when it computes numbers, not when it compiles."""

from collections.abc import Sequence

from kl.backends.numerics import Attributes, exp, finish, wide
from kl.backends.tensors import Array, TensorSpec


def swiglu(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """`silu(gate) * up`, rounded after each: the bits are those of the two operations."""
    gate, up = map(wide, operands)
    silu = finish(gate / (1.0 + exp(-gate)), result)
    return finish(wide(silu) * up, result)
