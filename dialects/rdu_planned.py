"""What the machine needs of a kernel: walks on its streams, and that it is planned; checked, not assumed.

A planned kernel is a `dataflow.kernel` like any other. Its results are addresses that an argument load sets,
behind those of its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, IntegerAttr, i64
from xdsl.ir import Attribute, Operation, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.utils.exceptions import VerifyException

from .alike import whole
from .dataflow import ChannelOp, KernelOp, LoadOp, StageOp, StoreOp
from .dataflow_pace import hops_trouble, pace_trouble
from .dataflow_units import fail_at
from .grid import Grid
from .machine import Machine
from .rdu_machine import machine_of
from .tensors import expect, shape_of, tile_of

WALK_ATTRIBUTE = "rdu.walk"

STAGE_PLAN = ("ii", "latency", "pcus", "pcu_first")
CHANNEL_PLAN = ("pmus", "pmu_first", "hops")


@dataclass(frozen=True)
class Walk:
    """The address pattern of a stream, in bytes.

    Tile t in iteration i of its loop begins at `start + i * pass_stride + t * tile_stride` from the address
    of the argument, a store at a position `position * position_stride` further; `strides` are those from one
    element to the next, per dimension of the tile.

    A load by index has `slots`, and in slot s the slice that its id names, `id * slot_stride` further. Tile t
    has its part of `slots_per_tile` slots from `t // tiles_per_slot * slots_per_tile` on; it begins
    `t % tiles_per_slot * tile_stride` from the start of each of these slices.
    """

    tiles: int
    """Tiles of one pass."""
    tile_stride: int
    start: int
    pass_stride: int
    strides: tuple[int, ...]
    positions_per_tile: int | None = None
    """Of a load that waits: tiles from `position / positions_per_tile` on wait for its token."""
    outer_strides: tuple[int, ...] = ()
    """It moves so far in an iteration of each loop around its own, the outermost first; () is not at all."""
    position_stride: int | None = None
    """Of a store at a position of a cache: a tile `[B, n]` is written as `[B, n / head_dim, head_dim]`."""
    ring: int | None = None
    """Of a stream of a ring that knows a position: it is taken modulo this."""
    last: tuple[int, ...] = ()
    """The shape of what the last tile of a pass has in memory, where that is less than others have."""
    slots: int | None = None
    """Of a load by index: the slices that a pass reads, each by an id of its own."""
    slot_stride: int | None = None
    """Of a load by index: bytes from one slice of the stack to the next."""
    slots_per_tile: int | None = None
    """Of a load by index: the slots of which a tile has a part, or all."""
    tiles_per_slot: int | None = None
    """Of a load by index: the tiles that a slot is cut into."""


@irdl_attr_definition
class WalkAttr(ParametrizedAttribute):
    """The walk of a stream: `#rdu.walk<{tiles = 8, tile_stride = 1024, …, strides = array<i64: 2>}>`."""

    name = "rdu.walk"

    numbers: DictionaryAttr

    def walk(self) -> Walk:
        """The numbers by name.

        Raises: VerifyException where one is missing, unknown or no integer.
        """
        values: dict[str, int] = {}
        numbers = dict(self.numbers.data)
        strides = numbers.pop("strides", None)
        none = DenseArrayBase.from_list(i64, [])
        outer, last = (numbers.pop(name, none) for name in ("outer_strides", "last"))
        for name, value in numbers.items():
            expect(name in Walk.__dataclass_fields__, f"a walk has no number '{name}'")
            if not isinstance(value, IntegerAttr):
                raise VerifyException(f"{name} of a walk is {value}, not an integer")
            values[name] = value.value.data
        for name in ("tiles", "tile_stride", "start", "pass_stride"):
            expect(name in values, f"a walk needs `{name}`")
        expect(isinstance(strides, DenseArrayBase), "a walk needs `strides`, an array of bytes")
        expect(isinstance(outer, DenseArrayBase), "`outer_strides` of a walk is an array of bytes")
        expect(isinstance(last, DenseArrayBase), "`last` of a walk is an array of extents")
        lists = _integers(strides), _integers(outer), _integers(last)
        return Walk(**values, **dict(zip(("strides", "outer_strides", "last"), lists, strict=True)))

    def verify(self) -> None:
        self.walk()

    @staticmethod
    def of(walk: Walk) -> WalkAttr:
        """The attribute that stands for a walk."""
        numbers: dict[str, Attribute] = {}
        for name, value in vars(walk).items():
            if name == "strides" or (name in ("outer_strides", "last") and value):
                numbers[name] = DenseArrayBase.from_list(i64, value)
            elif isinstance(value, int):
                numbers[name] = whole(value)
        return WalkAttr(DictionaryAttr(numbers))


def _integers(array: Attribute | None) -> tuple[int, ...]:
    assert isinstance(array, DenseArrayBase), "expected before"
    return tuple(int(number) for number in array.get_values())


def walk_of(op: LoadOp | StoreOp) -> Walk | None:
    """The walk of a stream; None where it has none yet."""
    attribute = op.attributes.get(WALK_ATTRIBUTE)
    return attribute.walk() if isinstance(attribute, WalkAttr) else None


def set_walk(op: LoadOp | StoreOp, walk: Walk) -> None:
    """Put a walk on a stream."""
    op.attributes[WALK_ATTRIBUTE] = WalkAttr.of(walk)


def missing_plan(kernel: KernelOp) -> tuple[Operation, str] | None:
    """The first stage or channel that is not planned, and what is missing."""
    for op in kernel.body.block.ops:
        match op:
            case StageOp():
                needed, passes, what = (
                    STAGE_PLAN,
                    "allocate-units, schedule-stages and place-units",
                    op.label.data,
                )
            case ChannelOp():
                needed, passes, what = CHANNEL_PLAN, "allocate-units and place-units", op.label
            case _:
                continue
        for name in needed:
            if name not in op.properties:
                return op, f"{what} has no {name}; run {passes} first"
    return None


def verify_planned(kernel: KernelOp) -> None:
    """Check that a kernel can run on the machine of its module.

    Raises: VerifyException where a unit has no schedule or place, where two have the same, where a channel
        does not fit its PMUs, where one is faster than its units can be, or where a stream has no walk, or
        one of another tile.
    """
    missing = missing_plan(kernel)
    if missing is not None:
        fail_at(*missing)
    machine = machine_of(kernel)
    stages = [op for op in kernel.units() if isinstance(op, StageOp)]
    _verify_places([(op, op.label.data, op.pcu_first, op.pcus) for op in stages], machine.pcus, "PCU")
    channels = kernel.channels()
    buffers = [(op, op.result.name_hint or "buffer", op.pmu_first, op.pmus) for op in channels]
    _verify_places(buffers, machine.pmus, "PMU")
    for channel in channels:
        _verify_room(channel, machine)
    _verify_pace(stages, channels, machine)
    for unit in kernel.units():
        if isinstance(unit, LoadOp | StoreOp):
            _verify_walk(unit)


def _verify_pace(stages: Iterable[StageOp], channels: Iterable[ChannelOp], machine: Machine) -> None:
    """Raises: VerifyException about what is faster than its units can be; slower it may be."""
    grid = Grid.of(machine)
    for stage in stages:
        if (trouble := pace_trouble(stage, machine)) is not None:
            fail_at(stage, trouble)
    for channel in channels:
        if (trouble := hops_trouble(channel, grid)) is not None:
            fail_at(channel, trouble)


Place = tuple[Operation, str, IntegerAttr | None, IntegerAttr | None]


def _verify_places(places: Iterable[Place], available: int, kind: str) -> None:
    """Raises: VerifyException where a unit has two tasks or lies outside the machine."""
    spans: list[tuple[int, int, str, Operation]] = []
    for op, name, first, count in places:
        assert first is not None, "planned"
        assert count is not None, "planned"
        if count.value.data > 0:
            spans.append((first.value.data, first.value.data + count.value.data, name, op))
    spans.sort(key=lambda span: span[:3])
    for (_, end, name, _), (begin, _, other, op) in pairwise(spans):
        if end > begin:
            fail_at(op, f"{kind} {begin} belongs to '{name}' and to '{other}'")
    for _, end, _, op in spans[-1:]:
        if end > available:
            fail_at(op, f"{kind} {end - 1} of a machine with {available}")


def _verify_room(channel: ChannelOp, machine: Machine) -> None:
    assert channel.pmus is not None, "planned"
    depth, count = channel.depth.value.data, channel.pmus.value.data
    need = depth * channel.type.tile_bytes
    room = count * machine.pmu_bytes if count else machine.pcu_fifo_bytes
    if need > room:
        fail_at(channel, f"{depth} tiles take {need} bytes, {count} PMUs hold {room}")


def _verify_walk(op: LoadOp | StoreOp) -> None:
    walk = walk_of(op)
    if walk is None:
        fail_at(op, f"{op.name} has no {WALK_ATTRIBUTE}; run convert-dataflow-to-rdu first")
    if isinstance(op, LoadOp):
        _verify_gate(op, walk)
        _verify_slots(op, walk)
        rank = len(shape_of(tile_of(op.channels[0])))
    else:
        if (op.position is None) != (walk.position_stride is None):
            fail_at(op, "give `at` and `position_stride` together")
        rank = len(shape_of(tile_of(op.channel))) if op.position is None else 3
    if len(walk.strides) != rank:
        fail_at(op, f"{len(walk.strides)} strides for a tile of rank {rank}")
    if (op.ring is None) != (walk.ring is None):
        fail_at(op, "give `ring` of a stream and of its walk together")
    if walk.ring is not None and walk.ring < 1:
        fail_at(op, f"ring is {walk.ring}; it has 1 position at least")
    if walk.tiles != op.work:
        fail_at(op, f"a walk of {walk.tiles} tiles for a stream of {op.work}")
    if walk.last != op.last_tile:
        given, wanted = (tuple(last) or "like the others" for last in (walk.last, op.last_tile))
        fail_at(op, f"the last tile of a walk is {given}, that of its stream is {wanted}")


def _verify_gate(op: LoadOp, walk: Walk) -> None:
    positions = walk.positions_per_tile
    if (op.after is None) != (positions is None):
        fail_at(op, "give `after`, `position` and `positions_per_tile` together")
    if positions is not None and positions < 1:
        fail_at(op, f"positions_per_tile is {positions}; the least is 1")


def _verify_slots(op: LoadOp, walk: Walk) -> None:
    """Raises: VerifyException where a walk does not read the slots of a load by index."""
    cut = op.slot_tiles
    given = (walk.slots, walk.slots_per_tile, walk.tiles_per_slot)
    wanted = (None, None, None) if cut is None else (cut.slots, cut.per_tile, cut.tiles_per_slot)
    names = "slots, slots_per_tile and tiles_per_slot"
    if given != wanted:
        fail_at(op, f"{names} of a walk are {given}, those of its stream {wanted}")
    if (cut is None) != (walk.slot_stride is None):
        fail_at(op, "give `by` of a stream and `slot_stride` of its walk together")
