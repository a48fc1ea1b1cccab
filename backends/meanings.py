"""Finds the numpy meaning of an operation: ours in `numerics*.py`, others in their packages, on use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # programs are checked without numpy
    from .arithmetic import Operation

_OUR_DIALECTS = ("nn", "collective")
_PACKAGE = __name__.rpartition(".backends")[0]
_NAMES = """
    add add_scalar argmax attention attention_scores attention_softmax attention_values cast clamp concat
    dequantize distinct div div_scalar embedding exp gather_slices gelu gelu_erf head_matmul layer_norm
    matmul mul mul_scalar rdiv_scalar relu rms_norm rms_scale rope rsub_scalar sample scale sigmoid silu slice
    softmax softplus spread sqrt square_sum sub sum take tanh top_k
"""
OF_A_SOCKET = ("collective.own_experts",)
"""Our operations that ask on which socket they are: it is their attribute `socket`, of so many `sockets`."""
KNOWN = (*(f"nn.{name}" for name in _NAMES.split()), *OF_A_SOCKET)
"""Our operations that have a numpy meaning; they are known without it, as numpy is slow to import."""


def is_known(name: str) -> bool:
    """Whether an operation may stand in a program: one of ours must exist, another package's is not asked."""
    return name in KNOWN or name.partition(".")[0] not in _OUR_DIALECTS


@cache
def operations() -> Mapping[str, Operation]:
    """What our operations compute, by their names in the IR."""
    from . import (
        numerics_attention,
        numerics_experts,
        numerics_routing,
        numerics_sampling,
        numerics_stored,
    )  # all are there then

    found = numerics_attention.OPERATIONS | numerics_experts.OPERATIONS
    found |= numerics_routing.OPERATIONS | numerics_sampling.OPERATIONS
    return found | numerics_stored.OPERATIONS


@cache
def meaning_of(name: str) -> Operation:
    """What an operation computes, by its name in the IR, such as `nn.matmul` or `mine.swiglu`.

    Only an operation that is not ours needs xDSL and its own package: that brings the dialect, through the
    entry point `xdsl.universe`.

    Raises: ValueError if nobody brings it.
    """
    if name in OF_A_SOCKET:
        from .collectives import ON_A_SOCKET

        return ON_A_SOCKET[name]
    if name in KNOWN:
        return operations()[name]
    from xdsl.universe import Universe

    load = Universe.get_multiverse().all_dialects.get(name.partition(".")[0])
    found = [op for op in load().operations if op.name == name] if load is not None else []
    if not found:
        raise ValueError(f"{name} is no operation of an installed package; install the one that brings it")
    reference = getattr(found[0], "NUMPY", "")
    if not reference:
        raise ValueError(f"{name} cannot be computed: its class has no NUMPY")
    return load_meaning(reference)


@cache
def load_meaning(reference: str) -> Callable[..., Any]:
    """The function `package.module:function`; a leading dot stands for this package.

    Raises: ValueError if there is none.
    """
    from .arithmetic import ieee

    module, _, function = reference.partition(":")
    try:
        return ieee(getattr(import_module(module, _PACKAGE), function))
    except (ImportError, AttributeError) as cause:
        raise ValueError(f"its meaning in numbers is no function {reference}: {cause}") from cause
