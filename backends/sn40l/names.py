"""Names that tell the units of a kernel apart: what a unit does, and what it reads."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from .kernel import Kernel, Unit

UNNAMED = "channel"
"""A channel is called so where its value has no name."""


def with_names(kernel: Kernel) -> Kernel:
    """The kernel with a name of its own for each unit.

    A stage or an exchange is called by its operation and what it reads: `matmul.wq`, `add.x`. That is a
    weight or a cache, or else a value; of several, the first that no other unit of the operation reads.
    """
    return _renamed(kernel, distinct(_Network(kernel).choices()))


def told_apart(kernel: Kernel) -> Kernel:
    """The kernel with numbers behind names that several units have."""
    return _renamed(kernel, distinct([(unit.name,) for unit in kernel.units]))


def _renamed(kernel: Kernel, names: Sequence[str]) -> Kernel:
    pairs = zip(kernel.units, names, strict=True)
    return replace(kernel, units=tuple(replace(unit, name=name) for unit, name in pairs))


def distinct(choices: Sequence[Sequence[str]]) -> list[str]:
    """A name for each: the first of its choices that none has that is as good for another one, or numbers."""
    names: list[str | None] = [None] * len(choices)
    for rank in range(max(map(len, choices), default=0)):
        wanted = _wanted([ranked[: rank + 1] for ranked in choices])
        for number, ranked in enumerate(choices):
            if names[number] is None and rank < len(ranked) and wanted[ranked[rank]] == 1:
                names[number] = ranked[rank]
    taken = {name for ranked in choices for name in ranked}
    numbered = {ranked[0]: _numbered(ranked[0], taken) for ranked in choices}
    return [name or next(numbered[ranked[0]]) for name, ranked in zip(names, choices, strict=True)]


def _wanted(choices: Sequence[Sequence[str]]) -> Mapping[str, int]:
    """How many want each name."""
    wanted: dict[str, int] = {}
    for names in choices:
        for name in names:
            wanted[name] = wanted.get(name, 0) + 1
    return wanted


def _numbered(name: str, taken: Container[str]) -> Iterator[str]:
    """A name with the numbers from 1 on that make none of those that are taken."""
    return (other for number in count(1) if (other := f"{name}.{number}") not in taken)


class _Network:
    """What the units of a kernel read, by names."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel
        self._makers = {
            port.channel: number for number, unit in enumerate(kernel.units) for port in unit.puts(kernel)
        }
        self._read: list[list[str]] = []
        """Of each unit so far, in program order."""

    def choices(self) -> list[list[str]]:
        """The names that each unit may have, the best first."""
        for unit in self._kernel.units:
            self._read.append(self._reads(unit) if unit.named_by_inputs else [])
        return [self._choices(unit, read) for unit, read in zip(self._kernel.units, self._read, strict=True)]

    def _choices(self, unit: Unit, read: Sequence[str]) -> list[str]:
        if not unit.named_by_inputs:
            return [unit.name]
        operation = unit.name.replace(" ", ".").partition(".")[0]
        further = (name for channel in self._inputs(unit) for name in self._read_by_maker(channel))
        names = [*(f"{operation}.{name}" for name in (*read, *further)), unit.name]
        return [*dict.fromkeys(names)]

    def _reads(self, unit: Unit) -> list[str]:
        """Weights and caches, the data before them last, in short and in full; or else values."""
        first, *others = self._inputs(unit) or [-1]
        full = [name for channel in (*others, first) if (name := self._in_memory(channel))]
        if full:
            return [*(name.rpartition(".")[2] for name in full), *full]
        return [name for channel in (first, *others) for name in self._values(channel)]

    def _values(self, channel: int) -> list[str]:
        """The name of a value, or else what its maker reads."""
        if channel < 0:
            return []
        name = self._kernel.channels[channel].name.rpartition(".")[0]
        return self._read_by_maker(channel)[:2] if name == UNNAMED else [name] if name else []

    def _read_by_maker(self, channel: int) -> list[str]:
        maker = self._makers.get(channel, len(self._read))
        return self._read[maker] if maker < len(self._read) else []

    def _in_memory(self, channel: int) -> str | None:
        """The name of what a stream brings; None of a position, and of what a unit makes."""
        maker = self._makers.get(channel)
        memory = None if maker is None else self._kernel.units[maker].memory
        parameter = None if memory is None else self._kernel.parameters[memory]
        return parameter.name if parameter is not None and parameter.tensor.shape else None

    def _inputs(self, unit: Unit) -> list[int]:
        return [port.channel for port in unit.takes(self._kernel)]
