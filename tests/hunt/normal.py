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

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from kl.backends.sn40l.kernel import Kernel, Unit
from kl.backends.sn40l.program import Execute, LoadArguments, Observe, Program, Region
from kl.backends.sn40l.units import AddressPattern, Stage
from kl.backends.sn40l.units.stage import InputPort, Instruction

CHANNEL_FIELDS = frozenset(
    {"channel", "channels", "done", "ids", "init", "next", "final", "current", "made", "source"}
)
"""What refers to channels in units and their parts."""
LABELS = frozenset({"name", "location"})
CHOICES = frozenset({"pcus", "algorithm"})
PACE = ("ii_cycles", "latency_cycles")
TURNED = ("nn.add", "nn.mul")
"""Their operands can change places."""


def normal(program: Program, like: Program) -> Any:
    """The normal form of a program, with its pace only where it is faster than that of `like`."""
    regions = {region.name: _identity(region, program) for region in program.regions}
    kernels, paces = {one.name: one for one in program.kernels}, _paces(like)
    return (
        program.tokens_per_step,
        sorted(((regions[one.name], declared(one)) for one in program.regions), key=repr),
        [*_commands(program, regions, {name: _kernel(one, paces) for name, one in kernels.items()})],
        [regions.get(name) for name in program.inputs],
        [regions.get(name) for name in program.outputs],
    )


def _identity(region: Region, program: Program) -> str:
    """What a region is called: values by their number."""
    if region.kind != "value":
        return region.name
    values = [one.name for one in program.regions if one.kind == "value"]
    return f"value {values.index(region.name)}"


def declared(region: Region) -> Any:
    """What a region says of what it holds, as its model does."""
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
        split if region.shard_axis is not None else None,
        region.stored,
    )


def _commands(program: Program, regions: Mapping[str, str], kernels: Mapping[str, Any]) -> Iterator[Any]:
    """The calls with what their arguments point to, and what the host reads."""
    addresses: tuple[int, ...] = ()
    for number, command in enumerate(program.commands):
        match command:
            case LoadArguments():
                addresses = command.addresses
            case Execute():
                yield kernels[command.kernel], [_pointed(program, regions, a, number) for a in addresses]
            case Observe():
                yield command.label, regions[command.region]
            case _:
                pass


def _pointed(program: Program, regions: Mapping[str, str], address: int, number: int) -> Any:
    """The region that is alive at an address, and how far into it."""
    for region in program.regions:
        first, last = region.live or (number, number)
        if region.address <= address < region.end and first <= number <= last:
            return regions[region.name], address - region.address
    return address


Paces = Mapping[tuple[str, str], tuple[int, ...]]


def _paces(program: Program) -> dict[str, list[tuple[int, ...]]]:
    """The paces of the units and of the channels of each kernel."""
    return {
        kernel.name: [
            *((unit.ii_cycles, unit.latency_cycles) for unit in kernel.units if isinstance(unit, Stage)),
            *((channel.latency_cycles,) for channel in kernel.channels),
        ]
        for kernel in program.kernels
    }


def _kernel(kernel: Kernel, paces: Mapping[str, list[tuple[int, ...]]]) -> Any:
    numbers: dict[int, int] = {}
    units = [_unit(unit, kernel, numbers) for unit in kernel.units]
    tiles = [kernel.channels[one].tile for one in numbers]
    loops = [(loop.name, loop.count, loop.inside) for loop in kernel.loops]
    return loops, [one.tensor for one in kernel.parameters], tiles, units, _faster(kernel, paces)


def _faster(kernel: Kernel, paces: Mapping[str, list[tuple[int, ...]]]) -> Any:
    """Its paces if one is faster than it was, or they cannot be compared; None if it is as slow."""
    mine = [
        *((unit.ii_cycles, unit.latency_cycles) for unit in kernel.units if isinstance(unit, Stage)),
        *((channel.latency_cycles,) for channel in kernel.channels),
    ]
    for known in paces.values():
        shapes = [len(one) for one in known] == [len(one) for one in mine]
        if shapes and all(
            a >= b for one, two in zip(mine, known, strict=True) for a, b in zip(one, two, strict=True)
        ):
            return None
    return mine


def _unit(unit: Unit, kernel: Kernel, numbers: dict[int, int]) -> Any:
    left = {*LABELS, *CHOICES, "rate", *(PACE if isinstance(unit, Stage) else ())}
    return (
        unit.kind,
        unit.runs(kernel),
        [
            (field.name, _fact(field.name, getattr(unit, field.name), kernel, unit, numbers))
            for field in fields(unit)
            if field.name not in left and not (field.name == "body" and isinstance(unit, Stage))
        ],
        _body(unit) if isinstance(unit, Stage) else None,
    )


def _fact(name: str, value: Any, kernel: Kernel, unit: Unit, numbers: dict[int, int]) -> Any:
    if name in CHANNEL_FIELDS and type(value) is int:
        return numbers.setdefault(value, len(numbers))
    if isinstance(value, AddressPattern):
        return _pattern(value, kernel, unit)
    if isinstance(value, InputPort) and value.gathered == value.slices == 1:
        return numbers.setdefault(value.channel, len(numbers)), value.argument, value.period
    if isinstance(value, tuple):
        return [_fact(name, one, kernel, unit, numbers) for one in value]
    if is_dataclass(value):
        parts = [(field.name, getattr(value, field.name)) for field in fields(value)]
        return [(part, _fact(part, one, kernel, unit, numbers)) for part, one in parts]
    return value


def _pattern(pattern: AddressPattern, kernel: Kernel, unit: Unit) -> Any:
    path = kernel.tree.path(unit.runs(kernel))
    strides = (*(pattern.outer_strides or (0,) * max(0, len(path) - 1)), pattern.pass_stride)
    extents = pattern.tile.shape
    moves = pattern.position_parameter is not None
    return (
        pattern.parameter,
        pattern.tile,
        [stride for stride, extent in zip(pattern.strides, extents, strict=True) if extent > 1],
        pattern.tiles,
        pattern.tile_stride if pattern.tiles > 1 else None,
        pattern.start,
        [stride for stride, loop in zip(strides, path, strict=False) if loop.count > 1],
        (pattern.position_parameter, pattern.position_stride, pattern.ring) if moves else None,
        pattern.last,
    )


def _body(stage: Stage) -> Any:
    """What each output and each next state is made of."""
    first = len(stage.inputs) + len(stage.states)
    made: list[Any] = [*range(first)]
    for instruction in stage.body:
        made.append(_made(instruction, made))
    return [made[port.value] for port in stage.outputs], [made[one] for one in stage.next_states]


def _made(instruction: Instruction, made: list[Any]) -> Any:
    operands = [made[one] for one in instruction.operands]
    if instruction.operation in TURNED:
        operands.sort(key=repr)
    attributes = sorted(instruction.attributes.items())
    return instruction.operation, operands, instruction.result, attributes
