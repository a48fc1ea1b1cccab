"""What kernels are called, by the roles of their operations: `decoder.qkv`, `decoder.attention`, `head`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation

from ...dialects.kernel import GroupOp
from ...dialects.operation import Fusion, fusion_of
from ...dialects.vocabulary import FUSION_ROLES, FusionRole
from .grouping import definition, group_of, has_role, holds, members, readers


def role(group: GroupOp) -> str:
    """One or two words for what a group does, from its main operations and its neighbours."""
    ops = list(members(group))
    if attention := _first(ops, "attention"):
        return _word(attention)
    if holds(ops, "routing"):
        return _of_experts(ops)
    if product := _first(ops, "projection"):
        return "mlp" if holds(ops, "elementwise") else _product_role(group, ops, product)
    naming = filter(None, (_first(ops, role) for role in FUSION_ROLES))
    main = next((op for op in naming if _word(op)), None)
    if main is None:
        return _short_name(ops[0])
    return f"add_{_word(main)}" if has_role(main, "norm") and holds(ops, "residual") else _word(main)


def _of_experts(ops: Sequence[Operation]) -> str:
    """A block that reads the experts that it chooses; else a router, or what little of one there is."""
    if holds(ops, "slices"):
        return "experts"
    words = [_word(op) for op in ops if has_role(op, "routing")]
    return "router" if "router" in words else words[0]


def _first(ops: Iterable[Operation], role: FusionRole) -> Operation | None:
    return next((op for op in ops if has_role(op, role)), None)


def _short_name(op: Operation) -> str:
    return op.name.split(".")[-1]


def _word(op: Operation) -> str:
    """What a kernel is called after an operation; nothing where it gives no name."""
    fusion = fusion_of(op)
    return fusion.word if isinstance(fusion, Fusion) and fusion.word is not None else _short_name(op)


def _product_role(group: GroupOp, ops: list[Operation], product: Operation) -> str:
    """A matrix product is called after the place it has in a transformer."""
    products = [op for op in ops if has_role(op, "projection")]
    sources = [op for op in (definition(product.operands[0]) for product in products) if op is not None]
    after = list(readers(group))
    kernels = filter(None, map(group_of, after))
    if holds(after, "append", "attention") or any(holds(members(k), "rotation") for k in kernels):
        return "qkv"
    if holds(sources, "attention"):
        return "output"
    if holds(sources, "elementwise"):
        return "down"
    if holds(after, "elementwise"):
        return "gate_up" if len(products) > 1 else "up"
    ends = holds(after, "selection", "socket_gather") or any(isinstance(op, ReturnOp) for op in after)
    return "head" if ends else _word(product)
