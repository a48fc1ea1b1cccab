"""The selections of experts that a call of a program makes, and which loads read by each of them.

A selection is a pass of a stage that computes `nn.distinct`. Its ids go to loads in the same kernel, or by
way of memory to those of later calls. All of that is known from the program alone, so that without data loads
by the same ids read as many slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..routing import Chooser, Routing
from .binding import Arguments
from .errors import ExecutionError
from .kernel import Kernel
from .ledger import Traffic
from .program import Execute, LoadArguments, Program
from .units import Load, Stage, Store

DISTINCT = "nn.distinct"
"""It names the experts that are chosen."""


@dataclass(frozen=True)
class Selection:
    """Experts that are chosen once."""

    chooser: Chooser | None
    """None where ids come from no `nn.distinct` that is known."""
    slots: int = 0
    """At most so many are read, by any load."""
    expert_bytes: int = 0
    """Bytes that all loads by its ids read for each expert."""


@dataclass(frozen=True)
class Selections:
    """Those of a call of a program, in its order, and which of them its loads read by."""

    made: tuple[Selection, ...]
    calls: tuple[Mapping[int, tuple[int, ...]], ...]
    """For each execution of a kernel: of each load by index, by its place, the selection of each pass."""

    def counted(self, routing: Routing | None) -> Experts:
        """The experts that are read; uniformly chosen ones by default, all slots where rows are unknown.

        Raises: ExecutionError for what is given and cannot be, or cannot be told.
        """
        rule = routing or Routing()
        try:
            rule.check(len(self.made))
            counts = tuple(self._count(number, rule, routing is None) for number in range(len(self.made)))
        except ValueError as error:
            what = f"experts of {rule.source}" if rule.source else "experts"
            raise ExecutionError(f"{what}: {error}") from None
        return Experts(self, str(rule), counts)

    def _count(self, number: int, rule: Routing, is_default: bool) -> int:
        """Raises: ValueError."""
        one = self.made[number]
        if one.chooser is not None:
            return min(one.slots, rule.count(number, one.chooser)) if one.slots else 0
        if is_default or rule.form == "worst":
            return one.slots
        raise ValueError(
            f"selection {number} comes from no {DISTINCT}, so nothing is known of its rows; worst reads all"
        )


@dataclass(frozen=True)
class Experts:
    """How many distinct experts each selection of a call has, without data."""

    selections: Selections
    rule: str
    """How they were chosen, in words."""
    counts: tuple[int, ...]

    def present(self, call: int) -> dict[int, tuple[int, ...]]:
        """The slots that each load by index of a call reads in its passes, by its place."""
        loads = self.selections.calls[call].items()
        return {unit: tuple(self.counts[number] for number in numbers) for unit, numbers in loads}

    @property
    def are_split(self) -> bool:
        """Whether sockets have experts of their own."""
        return any(one.chooser is not None and one.chooser.parts > 1 for one in self.selections.made)

    @cached_property
    def cases(self) -> dict[str, tuple[float, float]]:
        """Distinct experts of a selection, in the mean, and bytes that are read for those of all.

        They are those used, the mean of uniform choices, and those of rows that choose alike or apart.
        """
        used = list(zip(self.selections.made, self.counts, strict=True))
        known = [(one, one.chooser or Chooser(1, one.slots, one.slots)) for one, _ in used]
        return {
            "used": _case(used),
            "expected": _case([(one, chooser.expected) for one, chooser in known]),
            "best": _case([(one, chooser.fewest) for one, chooser in known]),
            "worst": _case([(one, chooser.most) for one, chooser in known]),
        }

    def memory_bytes(self, traffic: Traffic, case: str) -> int:
        """Bytes from and to memory, for traffic with those used, if as many were read as in a case."""
        used = traffic.hbm + traffic.ddr + traffic.sram_read
        return used + round(self.cases[case][1] - self.cases["used"][1])

    def to_json(self, traffic: Traffic) -> dict[str, Any]:
        """All of it as plain data."""
        cases = {
            case: {"distinct": distinct, "memory_bytes": self.memory_bytes(traffic, case)}
            for case, (distinct, _) in self.cases.items()
        }
        return {"rule": self.rule, "distinct": list(self.counts), "cases": cases}


def _case(counts: Sequence[tuple[Selection, float]]) -> tuple[float, float]:
    return sum(n for _, n in counts) / len(counts), sum(n * one.expert_bytes for one, n in counts)


def selections_of(program: Program) -> Selections | None:
    """The selections of a call of a program; None of one without loads by index."""
    if not any(_loads(kernel) for kernel in program.kernels):
        return None
    tracer = _Tracer({kernel.name: _Network(kernel) for kernel in program.kernels})
    addresses: tuple[int, ...] = ()
    calls: list[Mapping[int, tuple[int, ...]]] = []
    for command in program.commands:
        if isinstance(command, LoadArguments):
            addresses = command.addresses
        elif isinstance(command, Execute):
            calls.append(tracer.call(tracer.networks[command.kernel], addresses))
    return Selections(tuple(tracer.made), tuple(calls))


def _loads(kernel: Kernel) -> list[int]:
    """The places of loads by index."""
    return [n for n, unit in enumerate(kernel.units) if isinstance(unit, Load) and unit.index is not None]


@dataclass(frozen=True)
class _Source:
    """Where ids come from: the unit at a place, and which value of a stage they are."""

    place: int
    value: int | None = None
    """None of a unit that is no stage."""
    chooser: Chooser | None = None
    """Of a stage that computes `nn.distinct`."""


class _Network:
    """A kernel, with where the tiles of its channels come from."""

    def __init__(self, kernel: Kernel):
        self.kernel = kernel
        self.loads = _loads(kernel)
        self._makers = {port.channel: n for n, unit in enumerate(kernel.units) for port in unit.puts(kernel)}

    @cached_property
    def distinct(self) -> list[_Source]:
        """What is an `nn.distinct`, each once."""
        found = (self.source(port.channel) for unit in self.kernel.units for port in unit.puts(self.kernel))
        return [*dict.fromkeys(one for one in found if one.chooser is not None)]

    def source(self, channel: int) -> _Source:
        """Where the tiles of a channel come from, through stages that hand them on or change their form."""
        place = self._makers[channel]
        unit = self.kernel.units[place]
        if not isinstance(unit, Stage):
            return _Source(place)
        value = next(port.value for port in unit.outputs if port.channel == channel)
        first = len(unit.inputs) + len(unit.states)
        while value >= first and unit.body[value - first].operation != DISTINCT:
            operands = unit.body[value - first].operands
            if len(operands) != 1:
                return _Source(place, value)
            (value,) = operands
        if value < len(unit.inputs):
            return self.source(unit.inputs[value].channel)
        return _Source(place, value, _chooser(unit, value - first) if value >= first else None)

    def addresses(self, place: int, arguments: tuple[int, ...]) -> list[int] | None:
        """Where each pass of a stream begins in memory; None where a position decides that."""
        unit = self.kernel.units[place]
        if not isinstance(unit, Load | Store) or unit.pattern.position_parameter is not None:
            return None
        walk = unit.pattern.walk(unit, self.kernel, place, Arguments(arguments, lambda _: 0))
        return [walk.address(number * walk.tiles) for number in range(walk.passes)]


def _chooser(stage: Stage, instruction: int) -> Chooser:
    """The rows that an `nn.distinct` of a stage gets."""
    op = stage.body[instruction]
    specs = [*(port.argument for port in stage.inputs), *stage.states, *(one.result for one in stage.body)]
    rows, chosen = specs[op.operands[0]].shape
    experts, parts = op.attributes["experts"], op.attributes.get("parts", 1)
    assert isinstance(experts, int), "the dialect has a number of experts"
    assert isinstance(parts, int), "the dialect has a number of runs"
    return Chooser(rows, chosen, experts * parts, parts)


@dataclass
class _Tracer:
    """Goes through the calls of a program."""

    networks: Mapping[str, _Network]
    made: list[Selection] = field(default_factory=list[Selection])
    _written: dict[int, int] = field(default_factory=dict[int, int])
    """The selection whose ids lie at an address."""

    def call(self, network: _Network, arguments: tuple[int, ...]) -> Mapping[int, tuple[int, ...]]:
        """The selection of each pass of each load by index, in a call with these addresses."""
        numbers = self._numbered(network)
        found: dict[int, tuple[int, ...]] = {}
        for place in network.loads:
            load = network.kernel.units[place]
            assert isinstance(load, Load), "a load by index is one"
            assert load.index is not None, "a load by index has one"
            source = network.source(load.index.ids)
            if source not in numbers:
                numbers[source] = self._read(network, source, arguments)
            found[place] = tuple(_per_pass(numbers[source], load.passes(network.kernel)))
            for number in found[place]:
                self._add(number, load)
        self._note_stores(network, numbers, arguments)
        return found

    def _numbered(self, network: _Network) -> dict[_Source, list[int]]:
        """The selections that a kernel makes, in program order, by what computes them."""
        kernel = network.kernel
        numbers: dict[_Source, list[int]] = {one: [] for one in network.distinct}
        passes = (
            (kernel.placements[one.place].number(number), one.place, one.value or 0, one)
            for one in numbers
            for number in range(kernel.units[one.place].passes(kernel))
        )
        for *_, one in sorted(passes, key=lambda entry: entry[:3]):
            numbers[one].append(self._new(one.chooser))
        return numbers

    def _new(self, chooser: Chooser | None) -> int:
        self.made.append(Selection(chooser))
        return len(self.made) - 1

    def _read(self, network: _Network, source: _Source, arguments: tuple[int, ...]) -> list[int]:
        """The selections of ids that a kernel is given: by memory, or in a way that is not known."""
        places = network.addresses(source.place, arguments)
        if places is None:
            unit = network.kernel.units[source.place]
            return [self._new(None) for _ in range(unit.passes(network.kernel))]
        for address in places:
            if address not in self._written:
                self._written[address] = self._new(None)
        return [self._written[address] for address in places]

    def _add(self, number: int, load: Load) -> None:
        one, index = self.made[number], load.index
        assert index is not None, "a load by index has one"
        size = one.expert_bytes + index.slice_bytes(load.pattern)
        self.made[number] = replace(one, slots=max(one.slots, index.slots), expert_bytes=size)

    def _note_stores(
        self, network: _Network, numbers: Mapping[_Source, list[int]], arguments: tuple[int, ...]
    ) -> None:
        """Which ids lie in memory behind a call."""
        for place, unit in enumerate(network.kernel.units):
            places = network.addresses(place, arguments) if isinstance(unit, Store) else None
            if not isinstance(unit, Store) or places is None:
                continue
            stored: Iterator[int | None] = iter([None] * len(places))
            if (source := network.source(unit.channel)) in numbers:
                stored = _per_pass(numbers[source], len(places))
            for address, number in zip(places, stored, strict=True):
                self._written.pop(address, None)
                if number is not None:
                    self._written[address] = number


def _per_pass(numbers: Sequence[int], passes: int) -> Iterator[int]:
    """What belongs to each of so many passes, where each value stays for as many of them."""
    return (numbers[number * len(numbers) // passes] for number in range(passes))
