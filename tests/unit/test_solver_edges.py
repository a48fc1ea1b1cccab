"""Both edges of the grid bring about as much, wherever that is worth longer ways."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kl.passes.placing.edges import EVEN, Problem, place_for_both_edges
from kl.passes.placing.floorplan import Block, Placement, place
from tests.unit.test_solver_placement import assert_legal

SHORT_OF_BEST = 0.5
"""A few cuts are fewer orders than all, and a few shifts fewer than all."""
WIDE = 9.0
"""Links at an edge that take all that there is: then nothing is worth longer ways."""


@st.composite
def problems(draw: st.DrawFn, most: int = 8) -> Problem:
    """Stages that read a stream each, some at another rate, and values from each to the next and around."""
    stages = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=most)))
    blocks = list[Block]()
    for stage in range(len(stages)):
        ports = draw(st.integers(0, 99))
        blocks.append(
            Block(draw(st.integers(1, 9)), ports, None, stage, ports=ports, turn=draw(st.integers(0, 1)))
        )
        is_last = stage + 1 == len(stages)
        ends = (None, 0) if is_last else (stage + 1, None)
        blocks.append(Block(draw(st.integers(0, 2)), 1, stage, *ends))
    pmus = sum(block.count for block in blocks)
    units = max(pmus, sum(stages)) + draw(st.integers(0, 9))
    enough = draw(st.sampled_from([0.0, WIDE]))
    return Problem(stages, tuple(blocks), units, units, (units + 1) // 2, enough)


def uneven(problem: Problem, placement: Placement) -> float:
    """The busier edge's bytes over half of all, at the rate where that is most, counted place by place."""
    sums: dict[int, list[float]] = {}
    for block, first in zip(problem.blocks, placement.blocks, strict=True):
        sides = sums.setdefault(block.turn, [0.0, 0.0])
        for unit in range(first, first + block.count):
            sides[unit >= problem.left] += block.ports / block.count
    most = max((sum(sides) for sides in sums.values()), default=0.0)
    return max(
        (2 * max(s) / sum(s) for s in sums.values() if s != [0, 0] and sum(s) >= most / 8), default=1.0
    )


def plain(problem: Problem) -> Placement:
    """What it is in program order."""
    return place(problem.stages, problem.blocks, problem.pcus, problem.pmus)


@settings(deadline=None, max_examples=40)
@given(problems())
def test_no_unit_is_used_twice(problem: Problem):
    placement = place_for_both_edges(problem)
    assert_legal(placement.stages, [*problem.stages], problem.pcus)
    assert_legal(placement.blocks, [block.count for block in problem.blocks], problem.pmus)


@settings(deadline=None, max_examples=40)
@given(problems())
def test_edges_are_no_worse_than_in_program_order(problem: Problem):
    found, before = place_for_both_edges(problem), plain(problem)
    assert uneven(problem, found) <= max(EVEN, uneven(problem, before)) + 1e-9


def chain(*, closed: bool, enough: float) -> Problem:
    """Eight stages on all the units that there are, of which the last four read streams."""
    stages = (10,) * 8
    blocks = [Block(10, 90, None, stage, ports=90.0 * (stage >= 4)) for stage in range(8)]
    blocks += [Block(0, 1, stage, stage + 1) for stage in range(7)]
    blocks.append(Block(0, 1, 7, None, 0 if closed else None))
    return Problem(stages, tuple(blocks), 80, 80, 40, enough)


def order_of(placement: Placement) -> list[int]:
    """The stages from left to right."""
    return sorted(range(len(placement.stages)), key=placement.stages.__getitem__)


def test_a_loop_is_cut_elsewhere_for_nothing():
    problem = chain(closed=True, enough=WIDE)
    placement = place_for_both_edges(problem)
    first, *others = order_of(placement)
    assert others == [(first + 1 + number) % 8 for number in range(7)]
    assert (uneven(problem, plain(problem)), uneven(problem, placement)) == (2.0, 1.0)


def test_a_loop_stays_as_it_is_where_even_edges_make_its_way_longer():
    """The first stage lies beside the edge from which its stream comes; a value goes around from there."""
    problem = chain(closed=True, enough=WIDE)
    streams = tuple(
        replace(one, ports=10.0) if one.consumer == 0 and one.producer is None else one
        for one in problem.blocks
    )
    wide = replace(problem, blocks=streams)
    assert place_for_both_edges(wide) == plain(wide)
    assert place_for_both_edges(replace(wide, enough=1.5)) != plain(wide)


def test_what_is_no_loop_stays_in_order_while_links_are_wide_enough():
    problem = chain(closed=False, enough=WIDE)
    assert place_for_both_edges(problem) == plain(problem)


def test_what_is_no_loop_is_cut_where_an_edge_would_bring_too_much():
    problem = chain(closed=False, enough=1.5)
    assert uneven(problem, place_for_both_edges(problem)) == 1.0


def test_each_rate_is_halved():
    """Blocks that are filled at another rate take turns: the sum of both says nothing."""
    blocks = tuple(
        Block(10, 60, None, stage, ports=60, turn=turn) for stage, turn in enumerate([0, 0, 0, 1, 1, 1])
    )
    problem = Problem((10,) * 6, blocks, 60, 60, 30, 0.0)
    assert uneven(problem, plain(problem)) == 2.0
    assert uneven(problem, place_for_both_edges(problem)) < 1.4


@settings(deadline=None, max_examples=40)
@given(problems())
def test_what_is_even_stays_as_it_is(problem: Problem):
    before = plain(problem)
    if uneven(problem, before) <= EVEN:
        assert place_for_both_edges(problem) == before


def permuted(problem: Problem, order: tuple[int, ...], shift: int) -> Placement:
    """The placement with the stages in any order."""
    numbers: dict[int | None, int | None] = {stage: number for number, stage in enumerate(order)}
    blocks = [
        replace(block, producer=numbers.get(block.producer), consumer=numbers.get(block.consumer))
        for block in problem.blocks
    ]
    return place([problem.stages[stage] for stage in order], blocks, problem.pcus, problem.pmus, shift)


@settings(deadline=None, max_examples=25, derandomize=True, phases=[Phase.generate])
@given(problems(most=4))
def test_hardly_any_order_is_more_even(problem: Problem):
    """Of what runs at one rate."""
    narrow = replace(problem, enough=0.0, blocks=tuple(replace(one, turn=0) for one in problem.blocks))
    found = uneven(narrow, place_for_both_edges(narrow))
    free = narrow.pcus - sum(narrow.stages)
    orders = permutations(range(len(narrow.stages)))
    best = min(uneven(narrow, permuted(narrow, o, s)) for o in orders for s in range(-free, free + 1))
    assert found <= max(EVEN, best) + SHORT_OF_BEST
