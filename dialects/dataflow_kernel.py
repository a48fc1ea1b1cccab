"""A kernel as a network, and its channels; who feeds whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import Attribute, SSAValue, Use
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import HasParent, IsolatedFromAbove, NoTerminator, SymbolOpInterface

from .accesses import Place
from .dataflow_accesses import unordered_accesses
from .dataflow_loops import LOOPS, LoopsAttr, loops_of
from .dataflow_units import UnitOp, expect_least, fail_at
from .kernel import FunctionLikeOp
from .loop_tree import LoopTree
from .tensors import ChannelType, expect
from .vocabulary import Rate


@irdl_op_definition
class KernelOp(FunctionLikeOp):
    """A kernel as a network of units; results are stored by `dataflow.store … result N`.

    `dataflow.kernel @decoder(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> attributes
    {loops = #dataflow.loops<step 8, iteration 32 in step>} {…}`

    A unit runs once in each iteration of the loop that its `rate` names, or once a call. The loop named
    "step" is over decode steps: positions count its iterations. Without `loops` all runs once a call.
    """

    name = "dataflow.kernel"
    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface(), NoTerminator())

    @property
    def loops(self) -> LoopTree:
        """Its loops."""
        return loops_of(self)

    def schedule_name(self, name: str, rate: Rate) -> str:
        """What the attribute is called that says something of what runs at a rate, once it is scheduled.

        That of the innermost loop has no more than its name, that of another one the rate before it.
        """
        return name if rate == self.loops.innermost else f"{rate}_{name}"

    def channels(self) -> list[ChannelOp]:
        """Its channels, in program order."""
        return [op for op in self.body.block.ops if isinstance(op, ChannelOp)]

    def units(self) -> list[UnitOp]:
        """Its units, in program order."""
        return [op for op in self.body.block.ops if isinstance(op, UnitOp)]

    def verify_(self) -> None:
        super().verify_()
        given = self.attributes.get(LOOPS)
        expect(given is None or isinstance(given, LoopsAttr), f"`{LOOPS}` is {given}, no `#dataflow.loops`")
        for name in ("iterations", "steps"):
            expect(name not in self.attributes, f"`{name}` of a kernel; its `{LOOPS}` say how often it runs")
        for op in self.body.block.ops:
            if not isinstance(op, ChannelOp | UnitOp):
                fail_at(op, f"{op.name} directly inside a {self.name}; only units and channels stand there")
        unused = self.loops.unused(unit.runs for unit in self.units())
        expect(unused is None, f"no unit runs in loop '{unused}'")
        for channel in self.channels():
            _verify_balance(channel)
        self._verify_extents()
        stored = [unit.stored_result for unit in self.units()]
        for number in range(len(self.function_type.outputs)):
            count = stored.count(number)
            expect(count == 1, f"result {number} is stored by {count} units, needs one")
        for unordered in unordered_accesses(self.units()):
            fail_at(unordered.later.unit, str(unordered))

    def _verify_extents(self) -> None:
        """Raises: VerifyException about a unit that takes tiles for those of another extent."""
        known: dict[SSAValue, int] = {}
        for unit in self.units():
            known.update(unit.cut_extents(known))
        for unit in self.units():
            unit.verify_extents(known)

    def verify_places(self, places: Mapping[SSAValue, Place]) -> None:
        unordered = next(unordered_accesses(self.units(), places), None)
        if unordered is not None:
            names = " and ".join(f"%{unit.name_hint or 'a cache'}" for unit in unordered.memories)
            expect(False, f"@{self.sym_name.data} is given one memory as {names}: {unordered}")


def _verify_balance(channel: ChannelOp) -> None:
    """Check that a channel has two ends which agree on the tiles of a call.

    Raises: VerifyException.
    """
    producers, consumers = channel.producers(), channel.consumers()
    if len(producers) != 1:
        fail_at(channel, f"{channel.label} has {len(producers)} producers, needs one")
    if len(consumers) != 1:
        fail_at(channel, f"{channel.label} has {len(consumers)} consumers, needs one")
    producer, consumer = producers[0], consumers[0]
    made = producer.produced_tiles(channel.result)
    taken = consumer.consumed_tiles(channel.result)
    rates = producer.rate_at(channel.result), consumer.rate_at(channel.result)
    if not producer.loops.are_nested(*rates):
        puts = f"{producer.name} puts tiles into {channel.label} at rate '{rates[0]}'"
        fail_at(channel, f"{puts}, {consumer.name} takes them at rate '{rates[1]}', a loop beside it")
    if made != taken:
        puts = f"{producer.name} puts {made} tiles a call into {channel.label}"
        fail_at(channel, f"{puts}, {consumer.name} takes {taken}")


@dataclass(frozen=True)
class _Ends:
    """The units at a channel, and the uses of it that they were read off."""

    uses: list[Use]
    producers: list[UnitOp]
    consumers: list[UnitOp]


@irdl_op_definition
class ChannelOp(IRDLOperation):
    """A bounded queue of tiles: `%c = dataflow.channel 2 : !dataflow.channel<tensor<1x512xbf16>>`."""

    name = "dataflow.channel"

    depth = prop_def(IntegerAttr.constr(i64))
    """Tiles that it holds; a producer waits while it is full."""
    pmus = opt_prop_def(IntegerAttr.constr(i64))
    """PMUs that hold it, once units are allocated."""
    pmu_first = opt_prop_def(IntegerAttr.constr(i64))
    """The first of these PMUs, once they are placed; the others follow it."""
    hops = opt_prop_def(IntegerAttr.constr(i64))
    """Network hops from producer through buffer to consumer, once placed."""
    result = result_def(ChannelType)

    traits = traits_def(HasParent(KernelOp))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$depth attr-dict `:` type($result)"

    def __init__(self, tile: Attribute, depth: int = 2):
        super().__init__(result_types=[ChannelType(tile)], properties={"depth": IntegerAttr(depth, i64)})

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"%{self.result.name_hint}" if self.result.name_hint else "a channel"

    @property
    def type(self) -> ChannelType:
        """The channel type of the result."""
        type_ = self.result.type
        assert isinstance(type_, ChannelType), "the op defines a channel"
        return type_

    def producers(self) -> list[UnitOp]:
        """Units that put tiles into it, one per port."""
        return self._ends().producers

    def consumers(self) -> list[UnitOp]:
        """Units that take tiles from it, one per port."""
        return self._ends().consumers

    def _ends(self) -> _Ends:
        """Both ends, which all passes ask for over and over: known as long as its uses are those of before.

        A unit that is given other operands uses them anew, so that which are its inputs cannot change alone.
        """
        uses = [*self.result.uses]
        known: _Ends | None = vars(self).get("known_ends")
        if known is None or known.uses != uses:  # uses are equal where they are the same
            users = dict.fromkeys(use.operation for use in uses)
            units = [unit for unit in users if isinstance(unit, UnitOp)]
            sides = ((unit, unit.outputs(), unit.inputs()) for unit in units)
            known = _Ends(uses, [], [])
            for unit, outputs, inputs in sides:
                known.producers.extend(unit for channel in outputs if channel is self.result)
                known.consumers.extend(unit for channel in inputs if channel is self.result)
            vars(self)["known_ends"] = known
        return known

    def verify_(self) -> None:
        expect(self.depth.value.data > 0, f"a channel of depth {self.depth.value.data}")
        for name in ("pmus", "pmu_first", "hops"):
            expect_least(self, name, 0)


def channel_of(value: SSAValue) -> ChannelOp:
    """The channel op that defines a channel value.

    Raises: VerifyException about an argument, which none defines.
    """
    owner = value.owner
    expect(isinstance(owner, ChannelOp), "a channel is made by a dataflow.channel of its kernel")
    assert isinstance(owner, ChannelOp)
    return owner


def producer_of(channel: SSAValue) -> UnitOp:
    """The unit that puts tiles into a channel.

    Raises: VerifyException where there is none.
    """
    return _one(channel_of(channel), "producers", channel_of(channel).producers())


def consumer_of(channel: SSAValue) -> UnitOp:
    """The unit that takes tiles from a channel.

    Raises: VerifyException where there is none.
    """
    return _one(channel_of(channel), "consumers", channel_of(channel).consumers())


def _one(channel: ChannelOp, what: str, units: Sequence[UnitOp]) -> UnitOp:
    if not units:
        fail_at(channel, f"{channel.label} has 0 {what}, needs one")
    return units[0]


def readers_of(channel: SSAValue) -> list[UnitOp]:
    """The units that take a channel's tiles, directly or as others hand them on."""
    readers: list[UnitOp] = []
    waiting, seen = [channel], {channel}
    while waiting:
        readers.append(reader := consumer_of(waiting.pop()))
        if (handed := reader.handed_on()) is not None:
            waiting += [following for following in handed.onward if following not in seen]
            seen |= {*handed.onward}
    return readers
