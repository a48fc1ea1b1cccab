"""What a program computes, without names, places of text, choices, and facts that say nothing.

Two programs with equal normal forms do the same: this is the rule by which a changed program is proven to be
an equivalent one. It drops

- labels: names of kernels, units, channels, parameters and values, and places in the text;
- choices: depths of channels, units and where they are, addresses and memories of regions, lives and sizes,
  the algorithm of an exchange, the machine, and a pace that is no faster than that of another program;
- order without a meaning: of regions, kernels and channels, and of operands that can change places;
- what stands for nothing: strides of an axis of one, a loop of one, loads of what is loaded, results that
  nobody uses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from kl.backends.sn40l.kernel import Kernel, Unit
from kl.backends.sn40l.program import Execute, LoadArguments, Observe, Program, Region
from kl.backends.sn40l.units import AddressPattern, Index, Load, Stage
from kl.backends.sn40l.units.stage import InputPort, Instruction
from kl.dialects.vocabulary import CALL, STEP

CHANNEL_FIELDS = frozenset(
    {"channel", "channels", "done", "ids", "init", "next", "final", "current", "made", "source"}
)
"""What refers to channels in units and their parts."""
ALIKE = frozenset({"channels", "done", "current", "made"})
"""Channels that get the same tiles, in no order."""
PARAMETER_FIELDS = frozenset({"parameter", "position_parameter"})
"""What refers to parameters."""
LABELS = frozenset({"name", "location"})
CHOICES = frozenset({"pcus", "algorithm"})
PACE = ("ii_cycles", "latency_cycles")
TURNED = ("nn.add", "nn.mul")
"""Their operands can change places."""


def same(program: Program, other: Program) -> bool:
    """Whether a program does the same as another, no faster by its paces: but for names, or but for order."""
    return any(normal(program, other, named=n) == normal(other, other, named=n) for n in (False, True))


def normal(program: Program, like: Program, *, named: bool) -> Any:
    """The normal form of a program, with its pace only where it is faster than that of `like`.

    With names, regions and units have no order; without, they have no names.
    """
    values = [region.name for region in program.regions if region.kind == "value"]
    regions = {region.name: region.name for region in program.regions}
    if not named:
        regions |= {name: f"value {number}" for number, name in enumerate(values)}
    calls = [*_commands(program, regions)]
    kernels = {
        one.name: _kernel(one, _arguments(one.name, calls), _paces(like), named=named)
        for one in program.kernels
    }
    return (
        program.tokens_per_step,
        sorted(((regions[one.name], declared(one)) for one in program.regions), key=repr),
        [(kernels.get(name, name), there) for name, there in calls],
        [regions.get(name) for name in program.inputs],
        [regions.get(name) for name in program.outputs],
    )


def declared(region: Region) -> Any:
    """What a region says of what it holds, as its model does."""
    if region.kind != "weight":
        return region.kind, region.tensor
    split = region.shard_axis, region.shard_parts, region.shard_runs, region.shard_repeats
    layers = (
        region.layers
        if region.layers != tuple(range(region.tensor.shape[0] if region.tensor.shape else 0))
        else None
    )
    read = (region.transposed, region.rows, region.columns, layers)
    return (
        region.kind,
        region.tensor,
        region.values,
        (region.checkpoint, *read) if region.values is None and region.checkpoint else None,
        region.stacked,
        split if region.shard_axis is not None and region.shard_parts > 1 else None,
        region.stored,
    )


def _commands(program: Program, regions: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """The calls with what their arguments point to, and labels with what the host reads."""
    addresses: tuple[int, ...] = ()
    for number, command in enumerate(program.commands):
        match command:
            case LoadArguments():
                addresses = command.addresses
            case Execute():
                yield command.kernel, [_pointed(program, regions, a, number) for a in addresses]
            case Observe():
                yield command.label, regions[command.region]
            case _:
                pass


def _arguments(kernel: str, calls: Sequence[tuple[str, Any]]) -> Sequence[Any]:
    """What each parameter of a kernel points to, call by call."""
    return [*zip(*(there for name, there in calls if name == kernel), strict=True)]


def _pointed(program: Program, regions: Mapping[str, str], address: int, number: int) -> Any:
    """The region that is alive at an address, and how far into it."""
    for region in program.regions:
        first, last = region.live or (number, number)
        if region.address <= address < region.end and first <= number <= last:
            return regions[region.name], address - region.address
    return address


Paces = Sequence[tuple[str, int]]


def _paces(program: Program) -> Mapping[str, Paces]:
    """The paces of the stages and of the channels of each kernel, by their names."""
    return {kernel.name: _pace(kernel) for kernel in program.kernels}


def _pace(kernel: Kernel) -> Paces:
    stages = [unit for unit in kernel.units if isinstance(unit, Stage)]
    found = [(f"{stage.name} {field}", getattr(stage, field)) for stage in stages for field in PACE]
    return [*found, *((f"channel {one.name}", one.latency_cycles) for one in kernel.channels)]


def _faster(kernel: Kernel, known: Mapping[str, Paces]) -> Any:
    """Its paces where one is faster than it was, or what it was is not known; None if it is as slow."""
    mine = _pace(kernel)
    return None if any(_is_slow(mine, was) for was in known.values()) else mine


def _is_slow(mine: Paces, was: Paces) -> bool:
    """Whether nothing is faster: of what has one name, or in order."""
    if len(mine) != len(was):
        return False
    pairs = (zip(sorted(mine), sorted(was), strict=True), zip(mine, was, strict=True))
    by_name, in_order = ([*one] for one in pairs)
    same_names = all(a[0] == b[0] for a, b in by_name)
    return any(all(a[1] >= b[1] for a, b in one) for one in ([by_name] if same_names else []) + [in_order])


def _kernel(kernel: Kernel, arguments: Sequence[Any], paces: Mapping[str, Paces], *, named: bool) -> Any:
    pointed = [arguments[one] if arguments else one for one in range(len(kernel.parameters))]
    numbers, alike = dict[int, Any](), dict(_alike(kernel))
    if named:
        numbers = {number: channel.name for number, channel in enumerate(kernel.channels)}
    inside = [_Inside(kernel, unit, numbers, alike, pointed) for unit in kernel.units]
    units = [(one.unit.name if named else "", _unit(one.unit, one)) for one in inside]
    if named:
        units.sort(key=repr)
    tiles = [(number, kernel.channels[one].tile) for one, number in numbers.items()]
    loops = [(_rate(loop.name, kernel), loop.count, _rate(loop.inside, kernel)) for loop in kernel.loops]
    parameters = sorted(zip(pointed, (one.tensor for one in kernel.parameters), strict=True), key=repr)
    return loops, parameters, sorted(tiles, key=repr), units, _faster(kernel, paces)


def _alike(kernel: Kernel) -> Iterator[tuple[int, int]]:
    """Channels that get the same tiles, each with the first one of them."""
    for unit in kernel.units:
        lists = [getattr(unit, field.name) for field in fields(unit) if field.name in ALIKE]
        if isinstance(unit, Stage):
            ports = {(port.value, port.period) for port in unit.outputs}
            lists = [[p.channel for p in unit.outputs if (p.value, p.period) == one] for one in ports]
        for channels in lists:
            yield from ((channel, min(channels)) for channel in channels)


def _rate(rate: str, kernel: Kernel) -> str:
    """A rate; loops are called by their number, but for that of decode steps."""
    names = [loop.name for loop in kernel.loops]
    return rate if rate in (CALL, STEP) else f"loop {names.index(rate)}"


def _unit(unit: Unit, inside: _Inside) -> Any:
    if isinstance(unit, Stage):
        return unit.kind, _rate(unit.runs(inside.kernel), inside.kernel), _stage(unit, inside)
    names = [one.name for one in fields(unit) if one.name not in {*LABELS, *CHOICES, "rate"}]
    facts = [(name, _fact(name, getattr(unit, name), inside)) for name in names]
    return unit.kind, _rate(unit.runs(inside.kernel), inside.kernel), facts


@dataclass(frozen=True)
class _Inside:
    """Where a fact stands."""

    kernel: Kernel
    unit: Unit
    numbers: dict[int, Any]
    """What channels are called, by their index."""
    alike: Mapping[int, int]
    """Of channels that get the same tiles, the first one."""
    pointed: Sequence[Any]
    """What parameters point to."""

    def channel(self, index: int) -> Any:
        """What a channel is called: a number in the order in which they are met, where it has no name."""
        return self.numbers.setdefault(self.alike.get(index, index), len(self.numbers))


def _fact(name: str, value: Any, inside: _Inside) -> Any:
    if name in CHANNEL_FIELDS and type(value) is int:
        return inside.channel(value)
    if name in PARAMETER_FIELDS and type(value) is int:
        return inside.pointed[value]
    if isinstance(value, AddressPattern):
        return _pattern(value, inside)
    if isinstance(value, InputPort) and value.gathered == value.slices == 1:
        return inside.channel(value.channel), value.argument, value.period
    if isinstance(value, Index) and value.slots_per_tile == 1:
        value = replace(value, axis=0)  # slots lie along none
    if isinstance(value, tuple):
        found = [_fact(name, one, inside) for one in value]
        return sorted(found, key=repr) if name in ALIKE else found
    if is_dataclass(value):
        parts = [(field.name, getattr(value, field.name)) for field in fields(value)]
        return [(part, _fact(part, one, inside)) for part, one in parts]
    return value


def _pattern(pattern: AddressPattern, inside: _Inside) -> Any:
    path = inside.kernel.tree.path(inside.unit.runs(inside.kernel))
    strides = (*(pattern.outer_strides or (0,) * max(0, len(path) - 1)), pattern.pass_stride)
    extents, at, unit = pattern.tile.shape, pattern.position_parameter, inside.unit
    index = unit.index if isinstance(unit, Load) else None
    in_a_row = pattern.tiles if index is None else index.tiles_per_slot
    return (
        inside.pointed[pattern.parameter],
        pattern.tile,
        [stride for stride, extent in zip(pattern.strides, extents, strict=True) if extent > 1],
        pattern.tiles,
        pattern.tile_stride if in_a_row > 1 else None,
        pattern.start,
        [stride for stride, loop in zip(strides, path, strict=False) if loop.count > 1],
        None if at is None else (inside.pointed[at], pattern.position_stride, pattern.ring),
        pattern.last,
    )


def _stage(stage: Stage, inside: _Inside) -> Any:
    """What each output and each next state is made of."""
    made: list[Any] = [("input", _fact("inputs", port, inside)) for port in stage.inputs]
    made += [("state", number, spec) for number, spec in enumerate(stage.states)]
    for instruction in stage.body:
        made.append(_made(instruction, made))
    outputs = [(inside.channel(port.channel), port.period, made[port.value]) for port in stage.outputs]
    work = stage.firings, stage.flops, stage.wide_flops
    return work, sorted(outputs, key=repr), [made[one] for one in stage.next_states]


def _made(instruction: Instruction, made: list[Any]) -> Any:
    operands = [made[one] for one in instruction.operands]
    if instruction.operation in TURNED:
        operands.sort(key=repr)
    attributes = sorted(instruction.attributes.items())
    return instruction.operation, operands, instruction.result, attributes
