"""What is in the way of a loop in memory: the solver's first conflict against a replay round by round."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from kl.dialects.accesses import Access, Loop
from kl.passes.looping.run_memory import ConflictFinder, RunUse

ROUNDS = 7


@st.composite
def some_uses(draw: st.DrawFn) -> list[RunUse]:
    """Uses of one memory: arguments that walk, that stay, or that are there in one round alone.

    The last round may be cut short: the last uses are not in it.
    """
    walks = draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(-2, 3), st.integers(1, 2)), min_size=1, max_size=3)
    )
    uses: list[RunUse] = []
    count = draw(st.integers(1, 5))
    cut = draw(st.integers(1, count))
    for at in range(count):
        argument = draw(st.integers(0, len(walks) - 1))
        start, stride, extent = walks[argument]
        first = draw(st.integers(0, ROUNDS - 1)) if draw(st.booleans()) else None
        rounds = ROUNDS if at < cut else ROUNDS - 1
        loop = Loop("rounds", rounds, stride) if first is None else Loop("rounds", 1)
        writes, where = draw(st.booleans()), draw(st.sampled_from(["p", "q"]))
        position, waits = (where, None) if writes else (None, where)
        access = Access(writes, (loop,), start, extent, position, waits)
        uses.append(RunUse(at, (argument, first), access, first or 0))
    return uses


def slices(use: RunUse, round: int) -> set[int]:
    """What a use touches in a round."""
    (loop,) = use.access.loops
    if not use.first <= round < use.first + loop.count:
        return set()
    begin = use.access.place((round,))
    return set(range(begin, begin + use.access.extent))


def waits(earlier: RunUse, later: RunUse) -> bool:
    """Whether the later use can wait for the earlier one of its iteration, by a token or by data."""
    if earlier.argument != later.argument or earlier.access.writes == later.access.writes:
        return False
    return later.access.writes or earlier.access.position == later.access.waits


def first_bad_round(uses: list[RunUse], rounds: int) -> int | None:
    """The first of some rounds that may not join those before it."""
    done: list[tuple[int, RunUse]] = []
    for round in range(rounds):
        now = [(round, use) for use in uses]
        for (one, earlier), (other, later) in combinations([*done, *now], 2):
            shared = slices(earlier, one) & slices(later, other)
            writes = earlier.access.writes or later.access.writes
            if shared and writes and (one != other or not waits(earlier, later)):
                return round
        done += now
    return None


FINDER = ConflictFinder()
"""Shared, so that what it remembers of some uses must be right for all that are like them."""


@settings(max_examples=500, deadline=None)
@given(some_uses(), st.integers(1, ROUNDS))
def test_the_first_conflict_is_in_the_round_where_a_replay_meets_it(uses: list[RunUse], count: int):
    found = list(FINDER.find(uses, count))
    first = min((conflict.round for conflict in found), default=None)
    assert first == first_bad_round(uses, count)
    for conflict in found:
        later, earlier = uses[conflict.at], uses[conflict.other]
        rounds = range(conflict.round + (conflict.other < conflict.at))
        assert any(slices(later, conflict.round) & slices(earlier, round) for round in rounds)
