"""Build a program: memory regions, the commands of one step, and how streams walk through memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod

from xdsl.dialects.builtin import DenseArrayBase, FunctionType, IntegerAttr, MemRefType, ModuleOp, StringAttr
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from ...dialects import dataflow, kernel, nn, rdu
from ...dialects.alike import integers
from ...dialects.rdu_planned import Walk, missing_plan, set_walk
from ...dialects.symbols import UniqueNames
from ...dialects.tensors import (
    element_type_of,
    shape_of,
    size_bytes_of,
    tile_of,
)
from ...dialects.tiles import SlotTiles, tiled_axis
from ..diagnostics import fail

Global = nn.WeightOp | nn.StateOp


def _addresses(op: Operation, count: int) -> tuple[int, ...]:
    given = op.attributes.get("addresses")
    if not isinstance(given, DenseArrayBase) or len(given) != count:
        fail(op, f"{op.name} needs {count} addresses; run plan-memory first")
    return integers(given)


@dataclass
class _Launch:
    """Regions made so far and where each value of the schedule lies: region and byte offset."""

    names: UniqueNames
    regions: list[rdu.RegionOp] = field(default_factory=list[rdu.RegionOp])
    places: dict[SSAValue, tuple[str, int]] = field(default_factory=dict[SSAValue, tuple[str, int]])
    types: dict[Attribute, Attribute] = field(default_factory=dict[Attribute, Attribute])
    """Of the region of a value, by that of the value: a schedule has many values of few types."""

    def region(self, value: SSAValue, default: str, kind: str, address: int, at: Operation) -> None:
        """A region for an input or a value of the schedule."""
        name = self.names.take(value.name_hint or default)
        type_ = self._region_type(value.type, kind)
        self.regions.append(rdu.RegionOp(name, kind, "hbm", address, type_, location=at.location))
        self.places[value] = (name, 0)

    def _region_type(self, type_: Attribute, kind: str) -> Attribute:
        if kind == "input":
            return type_
        if type_ not in self.types:
            self.types[type_] = MemRefType(element_type_of(type_), shape_of(type_))
        return self.types[type_]


def _global_region(op: Global) -> rdu.RegionOp:
    address = op.attributes.get("address")
    if not isinstance(address, IntegerAttr):
        fail(op, f"@{op.sym_name.data} has no address; run plan-memory first")
    kind = "weight" if isinstance(op, nn.WeightOp) else "state"
    tier = op.attributes.get("tier")
    region = rdu.RegionOp(
        op.sym_name.data,
        kind,
        tier.data if isinstance(tier, StringAttr) else "hbm",
        address.value.data,
        op.type,
        op if isinstance(op, nn.WeightOp) else None,
        op.location,
    )
    if isinstance(op, nn.StateOp) and op.stacked is not None:
        region.stacked = op.stacked
    pmus = op.attributes.get("pmus")
    if isinstance(pmus, IntegerAttr):
        region.pmus = pmus
    return region


def _arguments(call: kernel.CallOp, signature: FunctionType, launch: _Launch) -> Iterator[tuple[str, int]]:
    """Region and offset of each argument; a sliced stack begins at its slice."""
    index = call.index.value.data if call.index is not None else 0
    for value, wanted in zip(call.arguments, signature.inputs.data, strict=True):
        name, offset = launch.places[value]
        sliced = value.type != wanted
        yield name, offset + (index * size_bytes_of(wanted) if sliced else 0)
    for result in call.results:
        yield launch.places[result]


def _commands(
    call: kernel.CallOp, signatures: dict[str, FunctionType], launch: _Launch, loaded: str | None
) -> list[Operation]:
    name = call.callee.root_reference.data
    addresses = _addresses(call, len(call.results))
    for number, (result, address) in enumerate(zip(call.results, addresses, strict=True)):
        launch.region(result, f"{name}.out{number}", "value", address, call)
    arguments = list(_arguments(call, signatures[name], launch))
    load = [] if name == loaded else [rdu.LoadProgramOp(name, call.location)]
    return [*load, rdu.LoadArgumentsOp(name, arguments, call.location), rdu.ExecuteOp(name, call.location)]


def _kernel_signatures(module: ModuleOp) -> dict[str, FunctionType]:
    signatures: dict[str, FunctionType] = {}
    for op in module.ops:
        name, signature = op.properties.get("sym_name"), op.properties.get("function_type")
        if isinstance(signature, FunctionType) and isinstance(name, StringAttr):
            signatures[name.data] = signature
    return signatures


def build_schedule(schedule: kernel.ScheduleOp) -> tuple[list[rdu.RegionOp], rdu.ScheduleOp, list[Global]]:
    """The regions and the launch schedule of a step, and the weights and states that they replace.

    Raises: PassFailedException where memory is not planned.
    """
    module = schedule.parent_op()
    assert isinstance(module, ModuleOp), "schedules stand in modules"
    symbols = [op for op in module.ops if isinstance(op, Global)]
    launch = _Launch(UniqueNames(module))
    launch.regions = [_global_region(op) for op in symbols]
    for number, (arg, address) in enumerate(
        zip(schedule.args, _addresses(schedule, len(schedule.args)), strict=True)
    ):
        launch.region(arg, f"input{number}", "input", address, schedule)
    signatures, loaded, body = _kernel_signatures(module), None, Block()
    outputs: list[str] = []
    for op in schedule.body.block.ops:
        match op:
            case nn.GetGlobalOp():
                launch.places[op.result] = (op.global_name.root_reference.data, 0)
            case kernel.StackOp():
                launch.places[op.result] = launch.places[op.parts[0]]
            case kernel.CallOp():
                body.add_ops(_commands(op, signatures, launch, loaded))
                loaded = op.callee.root_reference.data
            case nn.ObserveOp():
                body.add_op(rdu.ObserveOp(launch.places[op.value][0], op.label.data, op.location))
            case _:
                outputs = [launch.places[value][0] for value in op.operands]
    inputs = [launch.places[arg][0] for arg in schedule.args]
    made = rdu.ScheduleOp(schedule.sym_name.data, inputs, outputs, Region(body))
    made.location = schedule.location
    return launch.regions, made, symbols


def byte_strides(type_: Attribute) -> tuple[int, ...]:
    """Bytes from one index to the next, per dimension, of a packed row-major tensor."""
    shape = shape_of(type_)
    stride = size_bytes_of(type_) // max(1, prod(shape))
    strides: list[int] = []
    for extent in reversed(shape):
        strides.append(stride)
        stride *= extent
    return tuple(strides[::-1])


def _tile_shape(channel: SSAValue) -> tuple[int, ...]:
    return shape_of(tile_of(channel))


def _walk(op: dataflow.LoadOp | dataflow.StoreOp, stream: Attribute, channel: SSAValue) -> Walk:
    """Tiles, their distance and the strides inside of the passes over a packed tensor, or its slices."""
    strides = byte_strides(stream)
    axis, tiles = tiled_axis(shape_of(stream), _tile_shape(channel))
    distance = 0 if axis is None else _tile_shape(channel)[axis] * strides[axis]
    start, stride, outer = _slices(op, stream)
    return Walk(tiles, distance, start, stride, strides, outer_strides=outer, last=op.last_tile)


def _slices(op: dataflow.LoadOp | dataflow.StoreOp, part: Attribute) -> tuple[int, int, tuple[int, ...]]:
    """Bytes to the first pass, from one pass to the next, and with the iterations of the loops around."""
    slice_bytes = size_bytes_of(part)
    start = op.start.value.data if op.start is not None else 0
    *outer, stride = (stride * slice_bytes for stride in op.slice_strides() or (0,))
    return start * slice_bytes, stride, tuple(outer) if any(outer) else ()


def _slot_walk(op: dataflow.LoadOp, cut: SlotTiles) -> Walk:
    """The walk of a load by index: where a tile lies in a slice, and how slots are cut."""
    stack = op.part_of(op.source.type)
    slot_stride, *strides = byte_strides(stack)
    strides = [slot_stride] * (len(op.slice_shape) - len(strides)) + strides
    tile = _tile_shape(op.channels[0])
    axis, tiles = tiled_axis(shape_of(op.stream_type), tile)
    distance = 0 if axis is None or cut.tiles_per_slot == 1 else tile[axis] * strides[axis]
    start, stride, outer = _slices(op, stack)
    return Walk(
        tiles,
        distance,
        start,
        stride,
        tuple(strides),
        outer_strides=outer,
        last=op.last_tile,
        slots=cut.slots,
        slot_stride=slot_stride,
        slots_per_tile=cut.per_tile,
        tiles_per_slot=cut.tiles_per_slot,
    )


def _load_walk(op: dataflow.LoadOp) -> Walk:
    if (cut := op.slot_tiles) is not None:
        return _slot_walk(op, cut)
    walk = _walk(op, op.stream_type, op.channels[0])
    if op.after is None:
        return walk
    axis, _ = tiled_axis(shape_of(op.stream_type), _tile_shape(op.channels[0]))
    context = len(shape_of(op.stream_type)) - 2
    if axis not in (None, context):
        fail(op, f"a gated load is tiled along axis {axis}; its positions lie along axis {context}")
    ring = shape_of(op.stream_type)[context] if op.ring is not None else None
    return replace(walk, positions_per_tile=_tile_shape(op.channels[0])[context], ring=ring)


def _store_walk(op: dataflow.StoreOp) -> Walk:
    if op.position is None:
        return _walk(op, op.stream_type, op.channel)
    # A tile `[B, n]` at one position of a cache `[B, G, context, D]`.
    cache = op.memory_type
    batch, heads, position, element = byte_strides(cache)
    _, groups, context, head_dim = shape_of(cache)
    columns = _tile_shape(op.channel)[1]
    assert columns % head_dim == 0, "tile-stages cuts these tiles at whole heads"
    count = columns // head_dim
    start, stride, outer = _slices(op, cache)
    strides = batch, heads, element
    ring = context if op.ring is not None else None
    tiles, distance = -(-groups // count), count * heads
    return Walk(tiles, distance, start, stride, strides, None, outer, position, ring, op.last_tile)


def set_walks(network: dataflow.KernelOp) -> None:
    """Give every stream of a planned network its walk.

    Raises: PassFailedException where a unit has no schedule, count or place, and where a load that waits
        for a store is cut so that it has no walk.
    """
    missing = missing_plan(network)
    if missing is not None:
        fail(*missing)
    for unit in network.units():
        match unit:
            case dataflow.LoadOp():
                set_walk(unit, _load_walk(unit))
            case dataflow.StoreOp():
                set_walk(unit, _store_walk(unit))
            case _:
                pass
