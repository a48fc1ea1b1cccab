"""The propagation of `shard-tensors` through a body: from how its operands lie to how a result does."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.dialects.builtin import FileLineColLoc, MemRefType, TensorType
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.traits import MemoryWriteEffect
from xdsl.utils.exceptions import PassFailedException

from ...dialects import nn
from ...dialects.sharding import (
    REPLICATED,
    CannotSplit,
    Layout,
    Placement,
    Replicated,
    Sharded,
    ShardView,
    Split,
    shifted,
)
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
    """Of the values that are not replicated."""
    whole_uses: dict[SSAValue, list[tuple[Operation, int]]] = field(
        default_factory=dict[SSAValue, list[tuple[Operation, int]]]
    )
    """Of the split values that someone needs whole: by which operations, and as which operand."""
    global_uses: list[GlobalUse] = field(default_factory=list[GlobalUse])
    remarks: list[tuple[Operation, str]] = field(default_factory=list[tuple[Operation, str]])
    """What the user should know of an operation."""


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


@dataclass(frozen=True)
class Layer:
    """A layer body that has been propagated through, as its calls see it."""

    global_arguments: Set[int]
    """Numbers of the arguments that are weights or states."""
    uses: Mapping[int, list[GlobalUse]]
    """What the body needs of each of them."""


def shard_body(
    block: Block, globals: Set[SSAValue], layers: Mapping[str, Layer], sockets: int
) -> BodySharding:
    """Propagate through the operations of a body, in order.

    `globals` are its values that are weights or states: the analysis chooses how they lie. All other
    arguments are replicated, and so is what the body returns.

    Raises: PassFailedException at an operation that cannot be split evenly, that needs what is padded whole,
        or that has no rule.
    """
    rules = _Rules(globals, layers, sockets, _wanted(block, sockets))
    for op in block.ops:
        rules.visit(op)
    return rules.body


@dataclass
class _Rules:
    """Walks through a body and notes how values lie, how they are needed, and how weights and states are."""

    globals: Set[SSAValue]
    layers: Mapping[str, Layer]
    sockets: int
    wanted: Mapping[SSAValue, Placement]
    """How the results of products have to lie for the heads that they hold; else the rules choose."""
    body: BodySharding = field(default_factory=BodySharding)

    def visit(self, op: Operation) -> None:
        """Ask an operation how it lies; what calls, is read or returned is the business of this module."""
        match op:
            case nn.GetGlobalOp():
                pass
            case nn.CallOp():
                self._call(op)
            case nn.ObserveOp() | ReturnOp():
                for number in range(len(op.operands)):
                    self._need(op, number, REPLICATED)
            case _:
                self._shard(op)

    def _shard(self, op: Operation) -> None:
        """Apply the rule that an operation brings."""
        operands = tuple(map(self._placement, op.operands))
        free = frozenset(number for number, value in enumerate(op.operands) if value in self.globals)
        wanted = self.wanted.get(op.results[0]) if op.results else None
        view = ShardView(self.sockets, operands, free, wanted)
        try:
            sharded = op.shard(view) if isinstance(op, nn.ComputeOp) else None
        except CannotSplit as refusal:
            fail(op, refusal.message, refusal.way_out)
        if not isinstance(sharded, Sharded):
            message = f"there is no rule for how {op.name} runs on {self.sockets} sockets"
            fail(op, message, "run it on one socket, or give the operation a method `shard`")
        for number, needed in enumerate(sharded.operands):
            self._need(op, number, needed)
        self.body.remarks += ((op, remark) for remark in sharded.remarks)
        if not isinstance(sharded.result, Replicated):
            self.body.layouts[op.results[0]] = sharded.result

    def _call(self, op: nn.CallOp) -> None:
        """A layer needs its weights and states as its body does, everything else whole."""
        name = op.callee.root_reference.data
        if name not in self.layers:
            fail(op, f"@{name} is called here and is no layer", "call private functions, from the step alone")
        layer = self.layers[name]
        for number, operand in enumerate(op.operands):
            if number not in layer.global_arguments:
                self._need(op, number, REPLICATED)
            for use in layer.uses.get(number, ()):
                sliced = len(shape_of(operand)) - len(shape_of(use.value))
                self._use_global(operand, use.op, shifted(use.placement, sliced))

    # How values lie, and how operations need them.

    def _placement(self, value: SSAValue) -> Placement:
        """How a value lies for its readers: who reads a missing sum reads the sum."""
        layout: Layout = self.body.layouts.get(value, REPLICATED)
        return layout if isinstance(layout, Split) else REPLICATED

    def _need(self, op: Operation, number: int, needed: Placement) -> None:
        """Note how an operand is needed; what is split can be gathered, what is whole cannot be split."""
        value = op.operands[number]
        if value in self.globals:
            self._use_global(value, op, needed)
            return
        given = self._placement(value)
        if given == needed:
            return
        if isinstance(needed, Replicated) and isinstance(given, Split) and not given.runs:
            self.body.whole_uses.setdefault(value, []).append((op, number))
            return
        message = f"operand {number} of {op.name} is needed {needed}, and comes {given}"
        fail(op, message, _PADDED if isinstance(needed, Replicated) else _NOT_SPLIT)

    def _use_global(self, value: SSAValue, op: Operation, placement: Placement) -> None:
        self.body.global_uses.append(GlobalUse(value, op, placement))
        if isinstance(placement, Split):
            self.body.layouts[value] = placement


_NOT_SPLIT = "compute it from a product with a weight, by operations that keep heads apart"
_PADDED = "take a number of sockets that divides the elements: zeros cannot be gathered"


def _wanted(block: Block, sockets: int) -> dict[SSAValue, Placement]:
    """How values have to lie for the heads that they hold, and what they are made of: found backwards.

    What goes to memory lies as the memory does, whatever else reads it.
    """
    wanted: dict[SSAValue, Placement] = {}
    for op in reversed(list(block.ops)):
        if not isinstance(op, nn.ComputeOp):
            continue
        wants = op.wants(wanted.get(op.results[0]) if op.results else None, sockets)
        for operand, placement in zip(op.operands, wants, strict=True):
            if placement is not None and (operand not in wanted or op.has_trait(MemoryWriteEffect)):
                wanted[operand] = placement
    return wanted
