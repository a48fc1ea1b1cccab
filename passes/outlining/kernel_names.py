"""Names for kernels that say what they do: `decoder.qkv`, `decoder.attention`, `head`."""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation
from xdsl.traits import SymbolOpInterface

from ...dialects.collective import AllGatherOp, AllReduceOp, ShardedEmbeddingOp
from ...dialects.kernel import GroupOp
from ...dialects.nn import (
    AddOp,
    ArgmaxOp,
    AttentionOp,
    CacheAppendOp,
    EmbeddingOp,
    GeluOp,
    MatmulOp,
    MulOp,
    RMSNormOp,
    RopeOp,
    SiluOp,
)
from .grouping import definition, members, readers

ACTIVATIONS = (SiluOp, GeluOp, MulOp)
ROLES: tuple[tuple[type[Operation], str], ...] = (
    (EmbeddingOp, "embedding"),
    (ShardedEmbeddingOp, "embedding"),
    (AllReduceOp, "all_reduce"),
    (ArgmaxOp, "argmax"),
    (RopeOp, "rope"),
    (CacheAppendOp, "append"),
    (RMSNormOp, "norm"),
    (SiluOp, "activation"),
    (GeluOp, "activation"),
    (MulOp, "activation"),
    (AddOp, "add"),
)
"""What a group without products and attention is called, after the first of these that it holds."""


class UniqueNames:
    """Hands out names that no symbol of a module has."""

    def __init__(self, module: ModuleOp, without: Iterable[Operation] = ()):
        """The symbols `without` give their names free."""
        kept = set(module.ops) - set(without)
        self._taken = {name for op in kept if (name := _symbol(op)) is not None}

    def take(self, wanted: str) -> str:
        """The name itself, or with the first free number behind it."""
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def _symbol(op: Operation) -> str | None:
    """A symbol's name. xDSL's `get_name_if_symbol` gives text or an attribute, depending on the version."""
    interface = op.get_trait(SymbolOpInterface)
    name = None if interface is None else interface.get_sym_attr_name(op)
    return None if name is None else name.data


def role(group: GroupOp) -> str:
    """One or two words for what a group does, from its main operations and its neighbours."""
    ops = list(members(group))
    if holds(ops, AttentionOp):
        return "attention"
    if holds(ops, MatmulOp):
        return "mlp" if holds(ops, *ACTIVATIONS) else _product_role(group, ops)
    word = next((word for kind, word in ROLES if holds(ops, kind)), ops[0].name.split(".")[-1])
    return "add_norm" if word == "norm" and holds(ops, AddOp) else word


def holds(ops: Iterable[Operation], *kinds: type[Operation]) -> bool:
    """Whether one of the operations is of one of these kinds."""
    return any(isinstance(op, kinds) for op in ops)


def _product_role(group: GroupOp, ops: list[Operation]) -> str:
    """A matrix product is called after the place it has in a transformer."""
    products = [op for op in ops if isinstance(op, MatmulOp)]
    sources = [op for op in (definition(product.lhs) for product in products) if op is not None]
    after = list(readers(group))
    if holds(after, RopeOp, CacheAppendOp, AttentionOp):
        return "qkv"
    if holds(sources, AttentionOp):
        return "output"
    if holds(sources, *ACTIVATIONS):
        return "down"
    if holds(after, *ACTIVATIONS):
        return "gate_up" if len(products) > 1 else "up"
    return "head" if holds(after, ArgmaxOp, AllGatherOp, ReturnOp) else "matmul"
