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
    """Every socket has one of `parts` equal parts along an axis; with fewer parts neighbours share one.

    With `runs`, zeros are put between the elements of the axis first: so many of its elements, so many
    zeros, and so on in turn.
    """

    axis: int
    parts: int
    runs: tuple[int, ...] = ()

    def extent(self, whole: int) -> int:
        """The extent of one part; without zeros the parts divide the whole extent."""
        return (sum(self.runs) or whole) // self.parts

    def __str__(self) -> str:
        text = f"in {self.parts} parts along axis {self.axis}"
        return f"{text}, padded from {sum(self.runs[::2])} to {sum(self.runs)}" if self.runs else text


@dataclass(frozen=True)
class Partial:
    """Every socket has a summand; the value is the sum over the sockets, which still has to be made."""


Placement = Replicated | Split
Layout = Replicated | Split | Partial

REPLICATED = Replicated()
PARTIAL = Partial()


def split(axis: int, parts: int, runs: tuple[int, ...] = ()) -> Placement:
    """The split in so many parts; one part is the whole."""
    return Split(axis, parts, runs) if parts > 1 else REPLICATED


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
