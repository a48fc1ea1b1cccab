"""How the values of a model lie on the sockets, and what the analyses of `shard-tensors` hand to the pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.dialects.builtin import FileLineColLoc, MemRefType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects.nn import element_type_of, shape_of


@dataclass(frozen=True)
class Replicated:
    """Every socket has the whole value."""

    def __str__(self) -> str:
        return "whole"


@dataclass(frozen=True)
class Split:
    """Every socket has one of `parts` equal parts along an axis; with fewer parts neighbours share one."""

    axis: int
    parts: int

    def __str__(self) -> str:
        return f"in {self.parts} parts along axis {self.axis}"


@dataclass(frozen=True)
class Partial:
    """Every socket has a summand; the value is the sum over the sockets, which still has to be made."""


Placement = Replicated | Split
Layout = Replicated | Split | Partial

REPLICATED = Replicated()
PARTIAL = Partial()


def split(axis: int, parts: int) -> Placement:
    """The split in so many parts; one part is the whole."""
    return Split(axis, parts) if parts > 1 else REPLICATED


def local_type(whole: Attribute, layout: Split) -> TensorType[Attribute] | MemRefType[Attribute]:
    """The type of one socket's part of a tensor or memref, whose extent the parts divide."""
    shape = list(shape_of(whole))
    shape[layout.axis] //= layout.parts
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
