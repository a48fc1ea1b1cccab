"""Whether what the host reads is the same on all sockets."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .arguments import Call, calls_of
from .errors import require
from .kernel import Kernel, Unit
from .program import Observe, Program

K = TypeVar("K", bound=Hashable)


def check_sockets(program: Program) -> None:
    """That outputs, and what the host observes, come from inputs and whole weights alone, or from exchanges:
    what is made of parts of weights, and not yet exchanged, is another thing on each socket.

    Raises: ProgramError naming the region.
    """
    if program.machine.sockets == 1:
        return
    parts = _parts(program)
    for name in program.outputs:
        require(name not in parts, f"output '{name}' is made of {parts.get(name)}; sockets differ in it")
    for number, command in enumerate(program.commands):
        if isinstance(command, Observe):
            what = f"command {number} observes '{command.region}', made of {parts.get(command.region)}"
            require(command.region not in parts, f"{what}; sockets differ in it", "")


def _parts(program: Program) -> dict[str, str]:
    """The regions that differ between sockets, each with what makes it differ."""
    found = {
        region.name: f"a part of '{region.name}'"
        for region in program.regions
        if region.shard_axis is not None and region.shard_parts > 1
    }
    units = {kernel.name: _joined(kernel) for kernel in program.kernels}
    calls, known = [*calls_of(program)], -1
    while known < len(found):  # states of a step are read in the next
        known = len(found)
        for call in calls:
            _run(call, units[call.kernel.name], found)
    return found


@dataclass(frozen=True)
class _Joined:
    """A unit with the channels that it takes from, and those that it puts into."""

    unit: Unit
    takes: tuple[int, ...]
    puts: tuple[int, ...]


def _joined(kernel: Kernel) -> Sequence[_Joined]:
    return [
        _Joined(unit, *(tuple(port.channel for port in ports(kernel)) for ports in (unit.takes, unit.puts)))
        for unit in kernel.units
    ]


def _run(call: Call, units: Sequence[_Joined], found: dict[str, str]) -> None:
    """Add the regions that a call writes with what differs."""
    channels, known = dict[int, str](), -1
    while known < len(channels):  # values go round in loops
        known = len(channels)
        for one in units:
            what = _difference(one, call, channels, found)
            if what is None:
                continue
            for channel in one.puts:
                channels.setdefault(channel, what)
            if one.unit.writes and one.unit.memory is not None:
                for region in call.arguments[one.unit.memory].regions:
                    found.setdefault(region.name, what)


def _difference(
    one: _Joined, call: Call, channels: Mapping[int, str], found: Mapping[str, str]
) -> str | None:
    """What makes that which a unit puts differ between sockets; None if nothing does."""
    unit = one.unit
    if unit.across_sockets is not None:
        return unit.across_sockets or None
    taken = _first(channels, one.takes)
    if taken is not None or unit.memory is None or unit.writes:
        return taken
    return _first(found, (region.name for region in call.arguments[unit.memory].regions))


def _first(known: Mapping[K, str], keys: Iterable[K]) -> str | None:
    return next((known[key] for key in keys if key in known), None)
