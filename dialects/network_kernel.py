"""A kernel as a network, its channels, and what all units have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from xdsl.dialects.builtin import FunctionType, IntegerAttr, UnitAttr, i64
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.irdl import IRDLOperation, ParsePropInAttrDict, opt_prop_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from .kernel import FunctionLikeOp
from .nn import expect
from .tiles import ChannelType


class NetworkOp(FunctionLikeOp):
    """A kernel as a network of units; the base of `dataflow.kernel` and `rdu.kernel`.

    With `steps` it makes so many decode steps in a call: its iterations fall into as many equal parts, and
    units `per_step` run once in each.
    """

    def __init__(
        self,
        sym_name: str,
        function_type: FunctionType,
        body: Region | None = None,
        attributes: dict[str, Attribute] | None = None,
    ):
        super().__init__(sym_name, function_type, body, attributes)
        self.attributes.setdefault("iterations", IntegerAttr(1, i64))

    @property
    def iterations(self) -> int:
        """How often the network runs in one call."""
        return self._count("iterations", absent=0)

    @property
    def steps(self) -> int:
        """How many decode steps that are."""
        return self._count("steps", absent=1)

    def _count(self, name: str, absent: int) -> int:
        attribute = self.attributes.get(name, IntegerAttr(absent, i64))
        return attribute.value.data if isinstance(attribute, IntegerAttr) else 0

    def verify_(self) -> None:
        super().verify_()
        expect(self.iterations > 0, "a kernel needs `iterations`, a positive integer")
        expect(self.steps > 0, "`steps` of a kernel is a positive integer")
        even = self.iterations % self.steps == 0
        expect(even, f"{self.iterations} iterations do not make {self.steps} equal steps")
        for op in self.body.block.ops:
            if not isinstance(op, QueueOp | UnitOp):
                fail_at(op, f"{op.name} directly inside a {self.name}; only units and channels stand there")
        for channel in self.body.block.ops:
            if isinstance(channel, QueueOp):
                verify_balance(channel)


def verify_balance(channel: QueueOp) -> None:
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
    if made != taken:
        puts = f"{producer.name} puts {made} tiles a call into {channel.label}"
        fail_at(channel, f"{puts}, {consumer.name} takes {taken}")


def fail_at(op: Operation, message: str) -> NoReturn:
    """Raises: VerifyException about an operation inside the one that is verified."""
    op.emit_error(message, VerifyException(message))


class UnitOp(IRDLOperation):
    """A unit of the network: it takes tiles from channels and puts tiles into others."""

    per_step = opt_prop_def(UnitAttr)
    """It runs once a decode step, not once an iteration."""

    @property
    def passes(self) -> int:
        """How often it runs in a call."""
        kernel = self.parent_op()
        if not isinstance(kernel, NetworkOp):
            return 1
        return kernel.iterations if self.per_step is None else kernel.steps

    def inputs(self) -> Sequence[SSAValue]:
        """The channels that it takes from."""
        return ()

    def outputs(self) -> Sequence[SSAValue]:
        """The channels that it puts into."""
        return ()

    def consumed_tiles(self, channel: SSAValue) -> int:
        """Tiles taken from one of its inputs in a call."""
        raise NotImplementedError

    def produced_tiles(self, channel: SSAValue) -> int:
        """Tiles put into one of its outputs in a call."""
        raise NotImplementedError


class QueueOp(IRDLOperation):
    """A bounded queue of tiles between two units; the base of `dataflow.channel` and `rdu.buffer`."""

    depth = prop_def(IntegerAttr.constr(i64))
    """Tiles that it holds; a producer waits while it is full."""
    pmus = opt_prop_def(IntegerAttr.constr(i64))
    """PMUs that hold it, once units are allocated."""
    pmu_first = opt_prop_def(IntegerAttr.constr(i64))
    """The first of these PMUs, once they are placed; the others follow it."""
    hops = opt_prop_def(IntegerAttr.constr(i64))
    """Network hops from producer through buffer to consumer, once placed."""
    result = result_def(ChannelType)

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
        return self._ends(outputs=True)

    def consumers(self) -> list[UnitOp]:
        """Units that take tiles from it, one per port."""
        return self._ends(outputs=False)

    def _ends(self, *, outputs: bool) -> list[UnitOp]:
        units = {id(use.operation): use.operation for use in self.result.uses}
        ends: list[UnitOp] = []
        for unit in units.values():
            if isinstance(unit, UnitOp):
                side = unit.outputs() if outputs else unit.inputs()
                ends += [unit for channel in side if channel is self.result]
        return ends

    def verify_(self) -> None:
        expect(self.depth.value.data > 0, f"a channel of depth {self.depth.value.data}")
        for name in ("pmus", "pmu_first", "hops"):
            expect_least(self, name, 0)


def expect_least(op: Operation, name: str, least: int) -> None:
    """Raises: VerifyException where an integer property is there and below `least`."""
    value = op.properties.get(name)
    if isinstance(value, IntegerAttr):
        expect(value.value.data >= least, f"{name} is {value.value.data}; the least is {least}")


def channel_of(value: SSAValue) -> QueueOp:
    """The channel op that defines a channel value."""
    owner = value.owner
    assert isinstance(owner, QueueOp), "channels are made by ops"
    return owner
