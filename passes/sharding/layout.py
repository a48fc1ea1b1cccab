"""What the analyses of `shard-tensors` hand to the pass: how the values of a model lie on the sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.dialects.builtin import FileLineColLoc, MemRefType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects.sharding import Layout, Placement, Split
from ...dialects.tensors import element_type_of, shape_of


def local_type(whole: Attribute, layout: Split) -> TensorType[Attribute] | MemRefType[Attribute]:
    """The type of one socket's part of a tensor or memref."""
    shape = list(shape_of(whole))
    shape[layout.axis] = layout.extent(shape[layout.axis])
    kind = MemRefType if isinstance(whole, MemRefType) else TensorType
    return kind(element_type_of(whole), shape)


@dataclass(frozen=True)
class GlobalUse:
    """What an operation needs of a weight or state, which in its body is an argument or fetched."""

    value: SSAValue
    op: Operation
    placement: Placement


@dataclass
class BodySharding:
    """What the propagation through a body has found."""

    layouts: dict[SSAValue, Layout] = field(default_factory=dict[SSAValue, Layout])
    """of the values that are not replicated"""
    whole_uses: dict[SSAValue, list[tuple[Operation, int]]] = field(
        default_factory=dict[SSAValue, list[tuple[Operation, int]]]
    )
    """of the split values that someone needs whole: by which operations, and as which operand"""
    global_uses: list[GlobalUse] = field(default_factory=list[GlobalUse])
    remarks: list[tuple[Operation, str]] = field(default_factory=list[tuple[Operation, str]])
    """what the user should know of an operation"""


def describe(op: Operation) -> str:
    """An operation in words, with its place where it is known."""
    place = op.location
    if not isinstance(place, FileLineColLoc):
        return op.name
    return f"{op.name} at {place.filename.data}:{place.line.data}:{place.column.data}"


def fail(op: Operation, message: str, way_out: str) -> NoReturn:
    """Raises: PassFailedException about an operation, with the way out."""
    message = f"{message}\nhelp: {way_out}"
    op.emit_error(message, PassFailedException(message))
