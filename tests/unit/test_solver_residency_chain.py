"""How long a pass through a section takes: against its firings one by one, and what is on the longest way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.passes.units.residency import SAFE, Rates, balance
from kl.passes.units.residency_chain import Rhythm, chain
from kl.passes.units.residency_kernels import Kernel, Read, Section, Step, Wait

MIB = 1024 * 1024
RATES = Rates(places=40, most=40, port=64, hbm=200.0, latency=320, pmu_bytes=MIB // 2)


@dataclass(frozen=True)
class Unit:
    """A stage that reads a byte in a cycle, behind the one before it."""

    firings: int
    beat: int
    latency: int
    held: int
    takes_tiles: bool
    """As they come, if the one before makes as many; else it waits for all of them."""


units = st.builds(
    Unit, st.sampled_from([1, 4, 8]), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.booleans()
)


def section(row: list[Unit]) -> Section:
    """Units one behind another, each with what it holds and what it reads in each firing."""
    reads, steps = list[Read](), list[Step]()
    for number, unit in enumerate(row):
        reads += [Read(1, unit.held, is_held=True), Read(1, unit.beat * unit.firings)]
        tiles = number > 0 and _takes_tiles(row, number)
        wait = Wait(number - 1, 0.0 if tiles and unit.firings > 1 else 1.0, 1 if tiles else unit.firings)
        given = (2 * number, 2 * number + 1)
        steps.append(Step(unit.latency, given, (wait,) if number else (), firings=unit.firings))
    return Section(1, tuple(reads), tuple(steps))


def _takes_tiles(row: list[Unit], number: int) -> bool:
    return row[number].takes_tiles and row[number].firings == row[number - 1].firings


def fire(row: list[Unit]) -> int:
    """When the last firing of the last unit is done, firing by firing."""
    done: list[int] = []
    for number, unit in enumerate(row):
        free, ends = 0, list[int]()
        for firing in range(unit.firings):
            there = 0
            if number:
                there = done[firing] if _takes_tiles(row, number) else done[-1]
            free = max(free, there) + unit.beat
            ends.append(free + unit.latency + unit.held)
        done = ends
    return done[-1]


def rhythm(count: int, comes: dict[int, float] | None = None) -> Rhythm:
    """A cycle for a byte, and nothing to wait for but what HBM brings."""
    return Rhythm([1.0] * count, [(comes or {}).get(n, 0.0) for n in range(count)], [0] * count)


@given(st.lists(units, min_size=1, max_size=6))
def test_a_row_takes_as_long_as_its_firings_one_by_one(row: list[Unit]) -> None:
    longest, shares = chain(section(row), rhythm(2 * len(row)))
    assert longest == fire(row)
    assert all(0 < share <= 1 for share in shares.values())


@given(st.lists(units, min_size=1, max_size=6))
def test_what_is_on_the_way_makes_it_up(row: list[Unit]) -> None:
    some = section(row)
    longest, shares = chain(some, rhythm(2 * len(row)))
    read = sum(share * some.reads[n].work for n, share in shares.items())
    assert longest == pytest.approx(read + sum(unit.latency for unit in row))


def test_the_faster_of_two_in_a_row_counts_a_firing() -> None:
    slow, fast = Unit(8, 9, 0, 0, False), Unit(8, 2, 0, 0, True)
    longest, shares = chain(section([slow, fast]), rhythm(4))
    assert longest == 8 * 9 + 2
    assert shares[3] == 1 / 8
    longest, shares = chain(section([fast, slow]), rhythm(4))
    assert longest == 8 * 2 + 8 * 9


def test_hbm_brings_one_stream_after_another() -> None:
    both = Section(1, (Read(1, 10), Read(1, 10)), (Step(0, (0,)), Step(0, (1,))))
    assert chain(both, rhythm(2, {0: 30.0, 1: 30.0}))[0] == 60
    assert chain(both, rhythm(2, {0: 30.0}))[0] == 30


def test_what_is_added_up_is_written_behind_the_last_firing() -> None:
    reads = (Read(1, 80), Read(1, 5, written=5, is_late=True))
    steps = (Step(0, (0,), writes=(1,), firings=8), Step(0, (1,), (Wait(0),)))
    assert chain(Section(1, reads, steps), rhythm(2))[0] == 80 + 5 + 5


def test_hbm_loads_ahead_while_others_run_as_much_as_there_is_room_for() -> None:
    # What streams in one loop takes HBM 20 MiB / 200 cycles; the other one takes as long, and needs none.
    busy = Section(8, (Read(1, 20 * MIB, 20 * MIB),), (Step(0, (0,)),), rounds=8)
    quiet = Section(8, (), (Step(20 * MIB / 200 / SAFE),), rounds=8)
    fast = Rates(40, 40, 4096, 200.0, 320, MIB // 2)
    for room, hidden in ((8, 4 * MIB), (40, 20 * MIB)):
        found = balance(Kernel((quiet, busy)), fast, room, {}, {})
        assert found.cycles == pytest.approx(8 * (2 * 20 * MIB - hidden) / 200, rel=0.05)
