"""The facts of one operation: which product it is, which cache it reads, and what of its operands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from xdsl.dialects.builtin import AnyFloat, MemRefType
from xdsl.ir import SSAValue

from ...dialects import nn
from ...dialects.nn_compute import TableLookupOp
from ...dialects.operation import ComputeOp
from ...dialects.tensors import element_type_of, shape_of, size_bytes_of
from ..targets import TargetError
from .work import CacheRead, Product

STORED: Mapping[str, str] = {"f8e4m3": "fp8", "f4e2m1": "fp4"}
"""The formats of weights that are multiplied as they are stored, by rows that are quantised on the way; those
of whole numbers are widened in the kernel of their product."""
FLOATS: Mapping[str, str] = {"bf16": "bf16", "f16": "bf16", "f32": "f32", "f8E4M3FN": "fp8"}
"""At which peak products of a type of the IR run."""


def _views(value: SSAValue) -> Iterator[nn.DequantizeOp]:
    """The operation that widens what a product reads, seen through other views of weights."""
    owner = value.owner
    while isinstance(owner, ComputeOp):
        if isinstance(owner, nn.DequantizeOp):
            yield owner
            return
        if not owner.WEIGHTS:
            return
        owner = owner.operands[owner.WEIGHTS[0]].owner


def stored_type(op: ComputeOp) -> str:
    """The type of 8 or 4 bits as which a product multiplies its weight; empty where it does not."""
    formats = (view.format.data for number in op.multiplied() for view in _views(op.operands[number]))
    return next((STORED[one] for one in formats if one in STORED), "")


def _element_type(op: ComputeOp) -> str:
    """At which peak a product runs: that of the widest type which it multiplies.

    Raises: TargetError for a type that no machine of this class multiplies.
    """
    if stored := stored_type(op):
        return stored
    types = [element_type_of(op.operands[number]) for number in op.multiplied()]
    for one in types:
        if str(one) not in FLOATS:
            known = ", ".join(FLOATS)
            raise TargetError(f"{op.name} multiplies {one}; machines of this class multiply {known}")
    floats = [one for one in types if isinstance(one, AnyFloat)]
    return FLOATS[str(max(floats, key=lambda one: one.bitwidth))]


def product_of(op: ComputeOp) -> Product | None:
    """The product of matrices that an operation is; None for one that is none, or reads a cache."""
    if not op.multiplied() or any(isinstance(value.type, MemRefType) for value in op.operands):
        return None
    rows = shape_of(op.operands[op.multiplied()[0]])
    return Product(_element_type(op), rows[0] if rows else 1, op.flops())


def is_free(op: ComputeOp) -> bool:
    """Whether it costs nothing: scales of weights that are multiplied as they are stored."""
    return isinstance(op, nn.DequantizeOp) and op.format.data in STORED


def quantised_operands(op: ComputeOp) -> Iterator[SSAValue]:
    """The rows that a product has quantised before it."""
    if op.multiplied() and stored_type(op):
        yield op.operands[op.multiplied()[0]]


def cache_read(op: ComputeOp, role: str) -> CacheRead | None:
    """What an operation reads of caches; None for one that reads none.

    Raises: TargetError for one of which it is not known how much it reads.
    """
    caches = list(dict.fromkeys(v for v in op.operands if isinstance(v.type, MemRefType)))
    if not caches or role == "append":
        return None
    if role != "attention":
        raise TargetError(f"{op.name} reads a cache, and nothing says how much of it")
    _, heads, positions, _ = shape_of(caches[0])
    width = shape_of(op.operands[0])[1] // (heads * shape_of(caches[0])[3])
    product = Product(_element_type(op), max(width, 1), op.flops())
    return CacheRead(positions, sum(map(size_bytes_of, caches)), product)


def read_bytes(op: ComputeOp, number: int, named: Mapping[int, float]) -> float:
    """Bytes that an operation reads of an operand: of a table the rows that are looked up, of experts those
    that ids name where rows choose at random."""
    operand = op.operands[number]
    whole = size_bytes_of(operand)
    if isinstance(op, TableLookupOp) and number == 1:
        return min(whole, size_bytes_of(op.results[0]))
    if isinstance(op, nn.GatherSlicesOp) and number == 0:
        (slots,) = shape_of(op.ids)
        return min(whole, size_bytes_of(op.result) * named.get(slots, 1.0))
    return whole
