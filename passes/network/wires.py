"""The network of a kernel under construction: where values are, and the channels of their readers.

Channels are made where a value is read, one per reader. What a unit puts out is therefore known only when
all readers have been built; the units are made last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import AnyFloat, LocationAttr, StringAttr, TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue

from ...dialects import dataflow, nn
from ...dialects.accesses import Access
from ...dialects.dataflow import UnitOp
from ...dialects.tensors import element_type_of
from ...dialects.vocabulary import Rate
from ..diagnostics import fail


@dataclass(frozen=True)
class Memory:
    """A value in memory: a kernel argument, or slices `(start, stride)` of one that a loop walks along."""

    argument: BlockArgument
    slices: tuple[int, int] | None = None
    invariant: bool = False
    """The same in all iterations of a loop."""
    counted: bool = False
    """A position, at the first decode step; it grows by one with each."""


@dataclass
class Wire:
    """A value on its way through the network: what makes it and the channels of its readers."""

    type: Attribute
    rate: Rate = "iteration"
    """How often its producer makes it."""
    channels: list[SSAValue] = field(default_factory=list[SSAValue])


Source = Memory | Wire


@dataclass(frozen=True)
class Touched:
    """A use of a cache."""

    argument: BlockArgument
    access: Access
    op: Operation


@dataclass
class NetworkBuilder:
    """The network under construction: channels, then units in program order."""

    network: dataflow.KernelOp
    iterations: int
    """Of the loop, in a decode step."""
    steps: int = 1
    """Decode steps in a call."""
    rate: Rate = "iteration"
    """How often that runs which is converted now."""
    sources: dict[SSAValue, Source] = field(default_factory=dict[SSAValue, Source])
    loads: dict[tuple[Memory, Rate], Wire] = field(default_factory=dict[tuple[Memory, Rate], Wire])
    appends: dict[Memory, Wire] = field(default_factory=dict[Memory, Wire])
    touched: list[Touched] = field(default_factory=list["Touched"])
    """The caches that are read or appended to, in program order."""
    units: list[Callable[[], UnitOp]] = field(default_factory=list[Callable[[], UnitOp]])
    locations: list[LocationAttr] = field(default_factory=list[LocationAttr])

    @property
    def rounds(self) -> int:
        """Iterations in a decode step of that which is converted now."""
        return self.iterations if self.rate == "iteration" else 1

    def passes(self, rate: Rate) -> int:
        """How often a call that is."""
        return {"call": 1, "step": self.steps, "iteration": self.steps * self.iterations}[rate]

    def channel(self, wire: Wire, at: Operation, name: str | None = None) -> SSAValue:
        """A new reader of a wire."""
        op = dataflow.ChannelOp(wire.type, 1)
        op.location = at.location
        op.result.name_hint = name
        self.network.body.block.add_op(op)
        wire.channels.append(op.result)
        return op.result

    def unit(self, at: Operation, make: Callable[[], UnitOp], rate: Rate | None = None) -> None:
        """Append a unit, made when all channels are known; it runs at the rate given, or that of now."""
        rate = self.rate if rate is None else rate

        def make_at_rate() -> UnitOp:
            op = make()
            if rate != op.runs:
                op.rate = StringAttr(rate)
            return op

        self.units.append(make_at_rate)
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
        rate = self.rate
        if source.counted:
            rate = "step"
        elif source.invariant and rate == "iteration":
            rate = "call"
        if (source, rate) not in self.loads:
            self.loads[source, rate] = self._load(source, value, at, rate)
        return self.loads[source, rate]

    def _load(self, memory: Memory, value: SSAValue, at: Operation, rate: Rate) -> Wire:
        if not isinstance(value.type, TensorType):
            fail(at, f"{at.name} takes a memref as a value; only attention and appends work on caches")
        wire = Wire(value.type, rate)
        argument, slices = memory.argument, memory.slices
        if memory.counted:
            self.unit(at, lambda: dataflow.CounterOp(argument, wire.channels), "step")
        else:
            self.unit(at, lambda: dataflow.LoadOp(argument, wire.channels, slices=slices), rate)
        return wire

    def own_load(self, value: SSAValue, at: Operation, rate: Rate) -> SSAValue:
        """A channel with a load of its own."""
        wire = self._load(self.memory(value, at), value, at, rate)
        return self.channel(wire, at, value.name_hint)

    def held(self, value: SSAValue, at: Operation) -> tuple[SSAValue, int]:
        """A channel from which a stage reads a value, and for how many firings it holds each tile."""
        wire = self.wire(value, at)
        period = self.passes(self.rate) // self.passes(wire.rate)
        return self.channel(wire, at, value.name_hint), period

    def fresh(self, value: SSAValue, at: Operation) -> SSAValue:
        """A channel that brings a value anew in every pass, for readers that hold nothing."""
        source = self.sources[value]
        if isinstance(source, Memory) and source.invariant and not source.counted:
            return self.own_load(value, at, self.rate)
        wire = self.wire(value, at)
        if wire.rate != self.rate:
            name = f"%{value.name_hint}" if value.name_hint else "a value"
            fail(at, f"{at.name} takes {name} in every iteration, it is made once a step; keep it in memory")
        return self.channel(wire, at, value.name_hint)

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
    wire = Wire(result.type, builder.rate)
    channels, periods = [channel for channel, _ in inputs], [period for _, period in inputs]

    def make() -> UnitOp:
        outs = wire.channels
        block.add_op(dataflow.YieldOp([*(result for _ in outs), *states]))
        return dataflow.StageOp(label, 1, channels, outs, Region(block), periods, [1] * len(outs))

    builder.unit(at, make)
    return wire


def add_copy(
    builder: NetworkBuilder,
    at: Operation,
    label: str,
    value: SSAValue,
    behind: Sequence[SSAValue] = (),
) -> Wire:
    """A stage of its own that makes the tiles of a value anew, once it has all of the values `behind`.

    Raises: PassFailedException where they are no floats.
    """
    if not isinstance(element_type_of(value), AnyFloat):
        fail(at, f"a loop inside a step carries a {value.type}; it can carry floats alone")
    values = [value, *behind]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.CastOp(arguments[0], value.type)
        return [made], made.result, []

    inputs = [builder.held(one, at) for one in values]
    return add_stage(builder, at, label, inputs, [one.type for one in values], compute)
