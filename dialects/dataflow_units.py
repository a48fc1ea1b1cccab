"""What can be asked of every unit of a network.

Passes and the interpreter ask units through the methods of `UnitOp`, so that they need not know what kinds
of units there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn

from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation, opt_prop_def
from xdsl.utils.exceptions import VerifyException

from .dataflow_loops import loops_of, outer_strides
from .failing import raise_about
from .loop_tree import LoopTree
from .machine import Machine
from .tensors import ChannelType, element_type_of, expect, shape_of
from .vocabulary import CALL, Rate


def fail_at(op: Operation, message: str) -> NoReturn:
    """Raises: VerifyException about an operation inside the one that is verified."""
    raise_about(op, VerifyException(message))


def expect_least(op: Operation, name: str, least: int) -> None:
    """Raises: VerifyException where an integer property is there and below `least`."""
    value = op.properties.get(name)
    if isinstance(value, IntegerAttr):
        expect(value.value.data >= least, f"{name} is {value.value.data}; the least is {least}")


def expect_exchanged(source: Attribute, result: Attribute, axis: int | None) -> None:
    """Raises: VerifyException unless a tile is the sum of such tiles, or has them one behind the other."""
    if axis is None:
        expect(source == result, f"all_reduce keeps the type of tiles; {source} becomes {result}")
        return
    shape, whole = list(shape_of(source)), list(shape_of(result))
    expect(0 <= axis < len(shape), f"axis {axis} of a tile of rank {len(shape)}")
    grown = len(whole) == len(shape) and whole[axis] % shape[axis] == 0
    shape[axis] = whole[axis] if grown else shape[axis]
    fits = grown and shape == whole and element_type_of(source) == element_type_of(result)
    expect(fits, f"{source} gathered along axis {axis} is no {result}")


@dataclass(frozen=True)
class HandedOn:
    """Tiles that a unit passes from iteration to iteration as they are."""

    first: SSAValue
    """The channel that brings those of the first iteration."""
    next: SSAValue
    """The channel that brings those of every later one, from the iteration before."""
    onward: Sequence[SSAValue]
    """The channels that get the tiles of every iteration."""


class UnitOp(IRDLOperation):
    """A unit of the network: it takes tiles from channels and puts tiles into others.

    What it does in a pass falls into steps of work, each over a tile: `work` of them.
    """

    OWN_RATE: ClassVar[Rate | None] = None
    """The rate of the kind where `rate` does not say; None for that of the innermost loop."""
    NEEDS_LOOP: ClassVar[bool] = False
    """Whether it has a meaning in a loop only."""
    RESOURCE: ClassVar[str | None] = None
    """What all units of the kind share, `hbm` or `links`; None where each has units of its own."""
    FREES_LATE: ClassVar[bool] = False
    """Whether it puts a tile on before it lets go of the one it has taken."""

    rate = opt_prop_def(StringAttr)
    """The loop in each of whose iterations it runs once, or "call"; absent: the innermost loop."""

    @property
    def loops(self) -> LoopTree:
        """The loops of its kernel."""
        return loops_of(self.parent_op())

    @property
    def runs(self) -> Rate:
        """How often it runs."""
        return (self.OWN_RATE or self.loops.innermost or CALL) if self.rate is None else self.rate.data

    @property
    def passes(self) -> int:
        """How often it runs in a call."""
        return self.loops.passes(self.runs)

    def slice_strides(self) -> tuple[int, ...]:
        """By how many slices of its memory it moves in an iteration of each loop, the outermost first."""
        around = len(self.loops.path(self.runs))
        stride = self.properties.get("stride")
        if not around or not isinstance(stride, IntegerAttr):
            return (0,) * around
        outer = outer_strides(self.properties.get("outer_strides")) or (0,) * (around - 1)
        return (*outer, stride.value.data)

    @property
    def rounds(self) -> tuple[int, int]:
        """How often its loop begins anew in a call, and how often it runs then."""
        return self.loops.rounds(self.runs)

    def verify_(self) -> None:
        if self.parent_op() is None:
            return
        tree = self.loops
        if self.rate is None and self.OWN_RATE is None:
            several = " and ".join(f"'{name}'" for name in tree.leaves)
            expect(tree.innermost is not None, f"{self.name} runs in one of the loops {several}; give `rate`")
        known = ", ".join(f"'{rate}'" for rate in tree.rates)
        expect(self.runs in tree.rates, f"{self.name} at rate '{self.runs}'; its kernel has {known}")
        expect(
            not self.NEEDS_LOOP or self.runs != CALL, f"{self.name} at rate '{CALL}'; it belongs to a loop"
        )

    # Channels.

    def inputs(self) -> Sequence[SSAValue]:
        """The channels that it takes from."""
        return ()

    def outputs(self) -> Sequence[SSAValue]:
        """The channels that it puts into."""
        return ()

    def consumed_tiles(self, channel: SSAValue) -> int:
        """Tiles taken from one of its inputs in a call."""
        return self.passes * self.work

    def produced_tiles(self, channel: SSAValue) -> int:
        """Tiles put into one of its outputs in a call."""
        return self.passes * self.work

    def pass_tiles(self, channel: SSAValue) -> int:
        """Tiles put into one of its outputs in a pass, rounded up."""
        return -(-self.produced_tiles(channel) // self.passes)

    def gathered_tiles(self, channel: SSAValue) -> int:
        """Tiles that it must find in one of its inputs at once."""
        return 1

    def handed_on(self) -> HandedOn | None:
        """The tiles that it hands from iteration to iteration; None where it makes new ones."""
        return None

    def rate_at(self, channel: SSAValue) -> Rate:
        """How often it takes or puts the tiles of a pass: of what begins and ends a loop, around it."""
        handed = self.handed_on()
        if handed is None or any(channel is one for one in (handed.next, *handed.onward)):
            return self.runs
        return self.loops.path(self.runs)[-1].inside

    def cut(self, tile: Attribute) -> None:
        """Note that what it hands on now comes in tiles of this type; its channels still have the old one."""

    def distance(self, channel: SSAValue) -> int | None:
        """Iterations from when a tile is put into one of its channels to when it is used.

        None where that is not within the loop, but before it begins or when it has ended.
        """
        return 0

    # Extents.

    def cut_extents(self, known: Mapping[SSAValue, int]) -> Iterable[tuple[SSAValue, int]]:
        """The outputs whose tiles are cut from more indices than they have, and how many these are.

        `known` says that of its inputs, as far as it is known.
        """
        return ()

    def verify_extents(self, known: Mapping[SSAValue, int]) -> None:
        """Raises: VerifyException where its inputs are cut from other extents than it takes them for."""

    # Work.

    @property
    def work(self) -> int:
        """Steps of work in a pass."""
        return 1

    def put_work(self, channel: SSAValue) -> Sequence[int] | None:
        """The steps of a pass at whose ends tiles of an output are there; None where they come out uneven."""
        return range(self.work)

    def take_work(self, channel: SSAValue) -> tuple[Sequence[int], Sequence[int]] | None:
        """The steps of a pass that take, and that free, the tiles of an input; None as in `put_work`."""
        return range(self.work), range(self.work)

    def pace(self, machine: Machine) -> tuple[int, int]:
        """Cycles from one step of work to the next, and from the start of one to its tiles.

        By default a tile occupies the memory, then takes its latency; a unit without port takes no time.
        """
        channel = self.memory_port
        if channel is None:
            return 0, 0
        assert isinstance(channel.type, ChannelType), "checked by the op's definition"
        service = machine.hbm_cycles(channel.type.tile_bytes)
        return service, service + machine.hbm_latency_cycles

    @property
    def title(self) -> str:
        """What schedules call it."""
        return self.name

    # Memory and places.

    @property
    def memory(self) -> SSAValue | None:
        """The argument of the kernel that it reads or writes tile by tile; None for a result."""
        return None

    @property
    def memory_port(self) -> SSAValue | None:
        """The channel whose tiles it moves from or to memory; None where it moves none."""
        return None

    @property
    def stored_result(self) -> int | None:
        """The number of the kernel's result that it stores."""
        return None

    @property
    def beside(self) -> SSAValue | None:
        """The channel at whose first PMU it lies; None where it has units of its own, or sits in AGCUs."""
        return None
