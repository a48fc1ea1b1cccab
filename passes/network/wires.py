"""The network of a kernel under construction: where values are, and the channels of their readers.

Channels are made where a value is read, one per reader. What a unit puts out is therefore known only when
all readers have been built; the units are made last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from xdsl.dialects.builtin import LocationAttr, StringAttr, TensorType
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue

from ...dialects import dataflow, nn
from ...dialects.accesses import Access
from ...dialects.dataflow import UnitOp
from ...dialects.dataflow_loops import Slices, set_loops
from ...dialects.loop_tree import LoopTree
from ...dialects.vocabulary import CALL, STEP, Rate
from ..diagnostics import fail


@dataclass(frozen=True)
class Memory:
    """A value in memory: a kernel argument, or what loops walk along it."""

    argument: BlockArgument
    start: int | None = None
    """Its first slice; None for the whole argument."""
    strides: tuple[tuple[Rate, int], ...] = ()
    """By how many slices it moves in an iteration of a loop, the outermost loop first."""
    is_window: bool = False
    """Several slices in a row, for a loop inside to walk along."""
    counted: bool = False
    """A position, at the first decode step; it grows by one with each."""

    def walked(self, loop: Rate, start: int, stride: int, *, is_window: bool) -> Memory:
        """What a loop hands its body of it in each iteration."""
        strides = (*self.strides, (loop, stride))
        return Memory(self.argument, (self.start or 0) + start, strides, is_window)

    @property
    def rate(self) -> Rate:
        """How often it is another part: with the innermost loop that walks along it."""
        return self.strides[-1][0] if self.strides else CALL

    def slices(self, tree: LoopTree, rate: Rate) -> Slices | None:
        """The slices that a stream of this rate touches; None where it takes the whole argument."""
        if self.start is None:
            return None
        strides = dict(self.strides)
        *outer, stride = (strides.get(loop.name, 0) for loop in tree.path(rate)) if rate != CALL else (0,)
        return Slices(self.start, stride, tuple(outer))


@dataclass
class Wire:
    """A value on its way through the network: what makes it and the channels of its readers."""

    type: Attribute
    rate: Rate = CALL
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
    shared_bytes: int
    """What is left for caches that are read once for keys and values."""
    loops: dict[Operation, Rate] = field(default_factory=dict[Operation, Rate])
    """The name of each loop."""
    rate: Rate = CALL
    """How often that runs which is converted now."""
    sources: dict[SSAValue, Source] = field(default_factory=dict[SSAValue, Source])
    loads: dict[tuple[Memory, Rate], Wire] = field(default_factory=dict[tuple[Memory, Rate], Wire])
    appends: dict[Memory, Wire] = field(default_factory=dict[Memory, Wire])
    touched: list[Touched] = field(default_factory=list["Touched"])
    """The caches that are read or appended to, in program order."""
    units: list[Callable[[], UnitOp]] = field(default_factory=list[Callable[[], UnitOp]])
    locations: list[LocationAttr] = field(default_factory=list[LocationAttr])

    @property
    def tree(self) -> LoopTree:
        """The loops of the network."""
        return self.network.loops

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
            if rate != (op.OWN_RATE or self.tree.innermost):
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
        # What does not change in a loop is held; what a decode step reads by itself it reads anew.
        rate = STEP if source.counted or self.rate == STEP else source.rate
        if (source, rate) not in self.loads:
            self.loads[source, rate] = self._load(source, value, at, rate)
        return self.loads[source, rate]

    def _load(self, memory: Memory, value: SSAValue, at: Operation, rate: Rate) -> Wire:
        if not isinstance(value.type, TensorType):
            fail(at, f"{at.name} takes a memref as a value; only attention and appends work on caches")
        if memory.is_window:
            fail(at, f"{at.name} takes slices of several layers as a value; let a loop walk along them")
        wire = Wire(value.type, rate)
        argument, slices = memory.argument, memory.slices(self.tree, rate)
        if memory.counted:
            self.unit(at, lambda: dataflow.CounterOp(argument, wire.channels), STEP)
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
        period = self.tree.passes(self.rate) // self.tree.passes(wire.rate)
        return self.channel(wire, at, value.name_hint), period

    def fresh(self, value: SSAValue, at: Operation) -> SSAValue:
        """A channel that brings a value anew in every pass, for readers that hold nothing."""
        source = self.sources[value]
        if isinstance(source, Memory) and source.rate != self.rate and not source.counted:
            return self.own_load(value, at, self.rate)
        wire = self.wire(value, at)
        if wire.rate != self.rate:
            name = f"%{value.name_hint}" if value.name_hint else "a value"
            what = f"{name} in every iteration of '{self.rate}', it is made at rate '{wire.rate}'"
            fail(at, f"{at.name} takes {what}; keep it in memory")
        return self.channel(wire, at, value.name_hint)

    def finish(self) -> dataflow.KernelOp:
        """Add the units to the network; a loop in which nothing is left to do is none."""
        for make, location in zip(self.units, self.locations, strict=True):
            op = make()
            op.location = location
            self.network.body.block.add_op(op)
        rates = [unit.runs for unit in self.network.units()]
        set_loops(self.network.attributes, self.tree.without_unused(rates))
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
    """A stage of its own that makes the floats of a value anew, once it has all of the values `behind`."""
    values = [value, *behind]

    def compute(arguments: Sequence[SSAValue]) -> tuple[list[Operation], SSAValue, list[SSAValue]]:
        made = nn.CastOp(arguments[0], value.type)
        return [made], made.result, []

    inputs = [builder.held(one, at) for one in values]
    return add_stage(builder, at, label, inputs, [one.type for one in values], compute)
