"""Which weights stay and over how many PMUs: what fits, and the best of all ways in small cases."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kl.passes.units.residency import (
    EQUAL,
    SAFE,
    SEARCH_ROUNDS,
    Problem,
    Rates,
    Residency,
    Weight,
    balance,
    hbm_bytes,
    model,
)
from kl.passes.units.residency_kernels import Kernel, Read, Section, Step, Wait
from kl.passes.units.residency_search import choose_residents
from kl.passes.units.solvers import spread

MIB = 1024 * 1024
RATES = Rates(places=40, most=40, port=64, hbm=200.0, latency=320, pmu_bytes=MIB // 2)


def chain(passes: int, sizes: list[int], *, weights: bool = True) -> Section:
    """Stages in a row, each of which streams a weight of so many bytes in a pass."""
    reads = [Read(1, size, size, n if weights else None) for n, size in enumerate(sizes)]
    steps = [Step(100, (n,), (Wait(n - 1),) if n else ()) for n in range(len(sizes))]
    return Section(passes, tuple(reads), tuple(steps))


def problem(passes: int, sizes: list[int], rates: Rates = RATES) -> Problem:
    """A loop over such stages, with weights of a slice for each pass."""
    least = [-(-size * passes // rates.pmu_bytes) for size in sizes]
    weights = tuple(Weight(f"w{n}", few, -(-sizes[n] // rates.port)) for n, few in enumerate(least))
    return Problem(weights, (Kernel((chain(passes, sizes),), tuple(range(len(sizes)))),), rates)


problems = st.builds(
    problem, st.integers(1, 16), st.lists(st.integers(1, 12).map(lambda n: n * 65536), max_size=5)
)
lists = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100)), max_size=4)


def all_sets(some: Problem) -> list[frozenset[int]]:
    numbers = range(len(some.weights))
    return [frozenset(one) for size in range(len(numbers) + 1) for one in combinations(numbers, size)]


@settings(deadline=None)
@given(problems)
def test_what_stays_fits_beside_what_the_kernels_need(some: Problem) -> None:
    found = choose_residents(some)
    needed = max(kernel.needed(found.pmus.keys()) for kernel in some.kernels)
    assert sum(found.pmus.values()) + needed <= some.rates.places
    assert all(count >= some.weights[n].pmus for n, count in found.pmus.items())
    assert found.hbm_bytes == hbm_bytes(some, found.pmus.keys())


@settings(deadline=None, max_examples=50)
@given(problems)
def test_no_other_set_is_shorter(some: Problem) -> None:
    models = [one for kept in all_sets(some) if (one := model(some, kept)) is not None]
    found = choose_residents(some)
    assert found.cycles <= min(one.cycles for one in models) * EQUAL**2


@settings(deadline=None)
@given(problems, st.integers(0, 40))
def test_weights_get_what_they_may_at_most(some: Problem, most: int) -> None:
    rates = Rates(40, most, 64, 200.0, 320, MIB // 2)
    found = choose_residents(Problem(some.weights, some.kernels, rates))
    assert sum(found.pmus.values()) <= most
    assert found.cycles <= (model(some, frozenset()) or found).cycles


@settings(deadline=None)
@given(lists, st.integers(0, 12))
def test_shares_are_the_best_of_whole_numbers_and_better(tasks: list[tuple[int, int]], more: int) -> None:
    least, works = [few for few, _ in tasks], [work for _, work in tasks]
    assume(all(few or not work for few, work in tasks))
    available = sum(least) + more
    shares = spread(least, works, available)
    assert sum(shares) <= available + 1e-9
    assert all(share >= few - 1e-9 for share, few in zip(shares, least, strict=True))

    def length(ways: list[float]) -> float:
        return sum(work / share for work, share in zip(works, ways, strict=True) if work)

    for extra in product(range(more + 1), repeat=len(tasks)):
        if sum(extra) <= more:
            whole = [few + one for few, one in zip(least, extra, strict=True)]
            assert length(shares) <= length([float(one) for one in whole]) + 1e-9


def test_a_weight_in_parallel_with_a_longer_one_gets_less_than_in_a_row() -> None:
    sizes = [MIB, MIB, 4 * MIB]
    row = Kernel((chain(1, sizes, weights=False),))
    reads, steps = row.sections[0].reads, (Step(100, (0,)), Step(100, (1,)), Step(100, (2,), (Wait(0),)))
    beside = Kernel((Section(1, reads, steps),))
    rates = Rates(40, 40, 64, 1e9, 320, MIB // 2)
    together, apart = (balance(one, rates, 40, {}, {}) for one in (beside, row))
    assert together.cycles < balance(beside, rates, 40, {}, {}, 1).cycles
    assert together.cycles < apart.cycles
    assert sum(together.shares) == pytest.approx(40)


def test_hbm_decides_what_stays_until_the_chain_does() -> None:
    # HBM brings 2 MiB a pass in 10,486 cycles; the chain takes 200, and 2 MiB at 64 bytes a cycle a PMU.
    some = problem(8, [MIB, MIB])
    both, none = model(some, {0, 1}), model(some, frozenset())
    assert both is not None
    assert none is not None
    assert none.cycles == pytest.approx(8 * 2 * MIB / 200)
    assert both.cycles < none.cycles / 5
    assert choose_residents(some).pmus.keys() == {0, 1}


def test_of_many_weights_that_have_room_some_go_where_that_is_shorter() -> None:
    # HBM brings three of them while the chain takes longer anyway; the others are read at more ports.
    some = problem(4, [size * 65536 for size in (2, 5, 2, 8, 8, 8)], Rates(60, 60, 64, 200.0, 320, MIB // 2))
    everything, found = model(some, frozenset(range(6))), choose_residents(some)
    assert everything is not None
    assert found.pmus.keys() < everything.pmus.keys()
    assert found.cycles < 0.97 * everything.cycles


def test_what_runs_once_beside_a_loop_is_not_hidden() -> None:
    loop, once = chain(8, [MIB], weights=False), Section(1, (), (Step(5000),), is_once=True)
    whole = Kernel((once, loop))
    found = balance(whole, RATES, 40, {}, {}, SEARCH_ROUNDS)
    assert found.cycles == pytest.approx(8 * MIB / 200 + SAFE * 5000)


def test_a_stage_takes_as_long_as_it_writes() -> None:
    # The first stage writes 32 KiB in each of 64 firings, the next reads them once.
    size_bytes, firings, fast = 32 * 1024, 64, Rates(8, 8, 64, 1e9, 320, MIB // 2)
    stream, result = Read(1, MIB, MIB), Read(1, size_bytes, written=firings * size_bytes)
    steps = (Step(0, (0,), writes=(1,)), Step(0, (1,), (Wait(0),)))
    found = balance(Kernel((Section(1, (stream, result), steps),)), fast, 8, {}, {})
    first, second = found.shares
    assert second > first
    took = (max(MIB / first, 2 * MIB / second) + size_bytes / second) / 64
    assert found.cycles == pytest.approx(SAFE * took)


def test_a_stream_is_not_read_sooner_than_hbm_brings_what_has_no_room() -> None:
    # Each of two weights of 4 MiB has 4 PMUs, 2 MiB of room; what is before them takes 60,000 cycles.
    reads = (Read(4, 4 * MIB, 4 * MIB), Read(4, 4 * MIB, 4 * MIB))
    alone = Step(60_000)
    row = Section(2, reads, (alone, Step(0, (0,), (Wait(0),)), Step(0, (1,), (Wait(1),))))
    rates = Rates(8, 8, 2048, 200.0, 320, MIB // 2)
    found = balance(Kernel((row,)), rates, 8, {}, {})
    assert found.cycles == pytest.approx(SAFE * 2 * (60_000 + 2 * (2 * MIB / 200)))
    assert found.cycles > 2 * (8 * MIB / 200)


def test_a_weight_gets_no_more_than_make_its_reader_faster() -> None:
    # At 64 bytes a cycle a PMU, 5 read a pass of 320 bytes in a cycle; all 40 would not read it sooner.
    slow = replace(RATES, hbm=1.0)
    assert choose_residents(problem(8, [320], slow)).pmus == {0: 5}
    assert choose_residents(problem(16384, [320], slow)).pmus == {0: 10}  # which hold it


def test_nothing_to_choose_and_no_room() -> None:
    assert choose_residents(Problem((), (), RATES)) == Residency({}, 0.0, 0)
    tight = Rates(2, 2, 64, 200.0, 320, MIB // 2)
    assert choose_residents(problem(1, [MIB, MIB], tight)).pmus == {}


def test_a_kernel_is_balanced_once_for_all_sets_that_differ_in_weights_of_others() -> None:
    (kernel,) = problem(4, [MIB, MIB]).kernels
    found = balance(kernel, RATES, 30, {0: 8}, {})
    assert balance(kernel, RATES, 30, {5: 2, 0: 8}, {}) is found
    assert balance(kernel, RATES, 30, {0: 9}, {}).units < found.units
    assert balance(kernel, RATES, 29, {0: 8}, {}).shares != found.shares
