"""The network of a kernel under construction: where values are, and the channels of their readers.

Channels are made where a value is read, one per reader. The channels of a stage's results, of a load and
of a carry are therefore known only when all readers have been built; the units are made last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.dialects.builtin import LocationAttr, TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow, kernel
from ...dialects.network import UnitOp, YieldOp


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: PassFailedException about an operation that has no form in a network."""
    op.emit_error(message, PassFailedException(message))


@dataclass(frozen=True)
class Memory:
    """A value in memory: a kernel argument, or slices `(start, step)` of one that the loop walks through."""

    argument: BlockArgument
    slices: tuple[int, int] | None = None
    invariant: bool = False
    """The same in all iterations of a loop."""

    def parts(self, iterations: int) -> frozenset[int]:
        """The slices that the iterations touch; the whole argument counts as slice 0."""
        start, step = self.slices or (0, 0)
        return frozenset(start + i * step for i in range(iterations))

    def is_shared(self, iterations: int) -> bool:
        """Whether several iterations touch the same part of it."""
        return len(self.parts(iterations)) < iterations


@dataclass
class Wire:
    """A value on its way through the network: what makes it and the channels of its readers."""

    type: Attribute
    per_call: bool = False
    """Its producer makes it once a call although the kernel loops."""
    channels: list[SSAValue] = field(default_factory=list[SSAValue])


Source = Memory | Wire


@dataclass
class NetworkBuilder:
    """The network under construction: channels, then units in program order."""

    func: kernel.FuncOp
    network: dataflow.KernelOp
    iterations: int
    sources: dict[SSAValue, Source] = field(default_factory=dict[SSAValue, Source])
    loads: dict[Memory, Wire] = field(default_factory=dict[Memory, Wire])
    appends: dict[Memory, Wire] = field(default_factory=dict[Memory, Wire])
    cache_reads: list[Memory] = field(default_factory=list[Memory])
    units: list[Callable[[], UnitOp]] = field(default_factory=list[Callable[[], UnitOp]])
    locations: list[LocationAttr] = field(default_factory=list[LocationAttr])

    def channel(self, wire: Wire, at: Operation, name: str | None = None) -> SSAValue:
        """A new reader of a wire."""
        op = dataflow.ChannelOp(wire.type, 1)
        op.location = at.location
        op.result.name_hint = name
        self.network.body.block.add_op(op)
        wire.channels.append(op.result)
        return op.result

    def unit(self, at: Operation, make: Callable[[], UnitOp]) -> None:
        """Append a unit, made when all channels are known."""
        self.units.append(make)
        self.locations.append(at.location)

    def memory(self, value: SSAValue, at: Operation) -> Memory:
        """The memory of a value that must be there: a cache, a table, a position."""
        source = self.sources[value]
        if not isinstance(source, Memory):
            name = f"%{value.name_hint}" if value.name_hint else "this operand"
            fail(at, f"{at.name} needs {name} in memory; make it an argument of the kernel")
        return source

    def wire(self, value: SSAValue, at: Operation) -> Wire:
        """The wire of a value; what lies in memory is loaded, once for all its readers."""
        source = self.sources[value]
        if isinstance(source, Wire):
            return source
        if source not in self.loads:
            self.loads[source] = self._load(source, value, at, once=source.invariant)
        return self.loads[source]

    def _load(self, memory: Memory, value: SSAValue, at: Operation, *, once: bool) -> Wire:
        if not isinstance(value.type, TensorType):
            fail(at, f"{at.name} takes a memref as a value; only attention and appends work on caches")
        wire = Wire(value.type, per_call=once)
        argument, slices = memory.argument, memory.slices
        self.unit(at, lambda: dataflow.LoadOp(argument, wire.channels, slices=slices, once=once))
        return wire

    def own_load(self, value: SSAValue, at: Operation, *, once: bool) -> SSAValue:
        """A channel with a load of its own, that runs once a call or once an iteration."""
        wire = self._load(self.memory(value, at), value, at, once=once)
        return self.channel(wire, at, value.name_hint)

    def held(self, value: SSAValue, at: Operation) -> tuple[SSAValue, int]:
        """A channel from which a stage reads a value, and for how many firings it holds each tile."""
        wire = self.wire(value, at)
        return self.channel(wire, at, value.name_hint), self.iterations if wire.per_call else 1

    def fresh(self, value: SSAValue, at: Operation) -> SSAValue:
        """A channel that brings a value anew in every iteration, for readers that hold nothing."""
        source = self.sources[value]
        if isinstance(source, Memory) and source.invariant:
            return self.own_load(value, at, once=False)
        return self.channel(self.wire(value, at), at, value.name_hint)

    def finish(self) -> dataflow.KernelOp:
        """Add the units to the network."""
        for make, location in zip(self.units, self.locations, strict=True):
            op = make()
            op.location = location
            self.network.body.block.add_op(op)
        return self.network


Compute = Callable[[Sequence[SSAValue]], tuple[list[Operation], SSAValue, list[SSAValue]]]
"""Builds the body of a stage from its arguments: the operations, the result, the next states."""


def add_stage(
    builder: NetworkBuilder,
    at: Operation,
    label: str,
    inputs: Sequence[tuple[SSAValue, int]],
    argument_types: Sequence[Attribute],
    compute: Compute,
) -> Wire:
    """A stage of one firing; returns the wire of its result."""
    block = Block(arg_types=argument_types)
    operations, result, states = compute(block.args)
    for op in operations:
        op.location = at.location
    block.add_ops(operations)
    wire = Wire(result.type)
    channels, periods = [channel for channel, _ in inputs], [period for _, period in inputs]

    def make() -> UnitOp:
        outs = wire.channels
        block.add_op(YieldOp([*(result for _ in outs), *states]))
        return dataflow.StageOp(label, 1, channels, outs, Region(block), periods, [1] * len(outs))

    builder.unit(at, make)
    return wire
