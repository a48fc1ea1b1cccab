"""Loops in loops and in a row: how often what runs, and in which order, against a program that runs them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.dialects.loop_tree import Loop, LoopTree, program_order

CHAIN = LoopTree.chain([("step", 8), ("iteration", 3)])


@st.composite
def trees(draw: st.DrawFn) -> LoopTree:
    """Up to four loops, each in one before it or in none."""
    names = ["call"]
    loops: list[Loop] = []
    for number in range(draw(st.integers(0, 4))):
        loops.append(Loop(f"l{number}", draw(st.integers(1, 3)), draw(st.sampled_from(names))))
        names.append(f"l{number}")
    return LoopTree(tuple(loops))


def run(tree: LoopTree, rates: list[str]) -> list[int]:
    """The units in the order in which their passes run; a loop stands where its first unit does."""
    ran: list[int] = []

    def first(rate: str) -> int:
        inside = [number for number, other in enumerate(rates) if tree.is_inside(other, rate)]
        return inside[0] if inside else len(rates)

    def body(rate: str) -> None:
        units = [(number, 0, number) for number, other in enumerate(rates) if other == rate]
        loops = [(first(loop.name), 1, loop) for loop in tree.loops if loop.inside == rate]
        for _, _, member in sorted(units + loops, key=lambda one: one[:2]):
            if isinstance(member, Loop):
                for _ in range(member.count):
                    body(member.name)
            else:
                ran.append(member)

    body("call")
    return ran


@given(trees(), st.data())
def test_program_order_is_that_of_a_program_that_runs_the_loops(tree: LoopTree, data: st.DataObject) -> None:
    # Units stand loop by loop, so that none stands among those of a loop that it is not in.
    blocks = data.draw(st.permutations(tree.rates)) if len(tree.loops) < 2 else list(tree.rates)
    rates = [rate for rate in blocks for _ in range(data.draw(st.integers(0, 2)))]
    placements = program_order(tree, rates, [False] * len(rates))
    passes = [
        (placement.number(index), unit)
        for unit, (rate, placement) in enumerate(zip(rates, placements, strict=True))
        for index in range(tree.passes(rate))
    ]
    numbers = [number for number, _ in passes]
    assert len({*numbers}) == len(numbers), "no two passes have one number"
    assert [unit for _, unit in sorted(passes)] == run(tree, rates)


@given(trees(), st.data())
def test_iterations_count_up_like_those_of_nested_loops(tree: LoopTree, data: st.DataObject) -> None:
    rate = data.draw(st.sampled_from(tree.rates))
    (placement,) = program_order(tree, [rate], [False])
    counts = tree.counts(rate)
    found = [placement.iterations(index) for index in range(tree.passes(rate))]
    assert found == sorted(found)
    assert len({*found}) == len(found)
    assert all(0 <= i < n for numbers in found for i, n in zip(numbers, counts, strict=True))


def test_what_stands_among_the_units_of_a_loop_comes_before_it_or_behind_it_if_it_writes() -> None:
    rates = ["iteration", "call", "call", "iteration"]
    reads, writes = program_order(LoopTree.chain([("iteration", 3)]), rates, [False, False, True, False])[1:3]
    assert (reads.number(0), writes.number(0)) == (0, 7)


def test_rates_say_how_often_something_runs() -> None:
    assert CHAIN.rates == ("call", "step", "iteration")
    assert [CHAIN.passes(rate) for rate in CHAIN.rates] == [1, 8, 24]
    assert CHAIN.rounds("iteration") == (8, 3)
    assert (CHAIN.innermost, CHAIN.steps) == ("iteration", 8)
    assert LoopTree().innermost == "call"
    assert LoopTree((Loop("a", 2), Loop("b", 3))).innermost is None


@pytest.mark.parametrize(
    ("loops", "trouble"),
    [
        ((Loop("a", 0),), "loop 'a' has 0 iterations; it takes one at least"),
        ((Loop("a", 2), Loop("a", 2)), "two loops are named 'a'"),
        ((Loop("call", 2),), "a loop is named 'call', which is the call itself"),
        (
            (Loop("a", 2), Loop("step", 2)),
            "loop 'a' is beside the loop over decode steps; it has to be inside",
        ),
        ((Loop("a", 2, "b"), Loop("b", 2)), "loop 'a' is in 'b', no loop before it"),
        ((Loop("a", 2), Loop("step", 2, "a")), "the loop over decode steps is in 'a'"),
    ],
)
def test_what_is_no_tree_is_said(loops: tuple[Loop, ...], trouble: str) -> None:
    found = LoopTree(loops).trouble()
    assert found is not None
    assert trouble in found
