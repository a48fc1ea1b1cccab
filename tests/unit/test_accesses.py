"""Where accesses meet: the solver against all pairs of iterations of small loops."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kl.dialects import accesses
from kl.dialects.accesses import Access, Loop, Meeting, conflicts, may_meet, meetings

NAMES = ("outer", "inner", "innermost")


def iterations(access: Access) -> Iterator[tuple[int, ...]]:
    """All iterations of the loops around an access."""
    yield from product(*(range(loop.first, loop.first + loop.count) for loop in access.loops))


def common(one: Access, other: Access) -> int:
    """Loops around both, by their names from the outermost on."""
    names = [[loop.name for loop in access.loops] for access in (one, other)]
    count = 0
    while count < min(map(len, names)) and names[0][count] == names[1][count]:
        count += 1
    return count


def position(access: Access, at: tuple[int, ...]) -> int:
    """How far the position has grown."""
    return sum(loop.positions * number for loop, number in zip(access.loops, at, strict=True))


def touch(one: Access, at: tuple[int, ...], other: Access, then: tuple[int, ...]) -> bool:
    """Whether the accesses share a slice in these iterations."""
    slices = [
        set(range(access.place(when), access.place(when) + access.extent))
        for access, when in ((one, at), (other, then))
    ]
    if slices[0].isdisjoint(slices[1]):
        return False
    if one.position is None or (one.position, one.ring) != (other.position, other.ring):
        return True
    apart = position(one, at) - position(other, then)
    return apart == 0 or (one.ring is not None and apart % one.ring == 0)


def brute_force(one: Access, other: Access) -> set[tuple[int | None, bool]]:
    """The kinds of meetings, from all pairs of iterations."""
    kinds: set[tuple[int | None, bool]] = set()
    if not (one.writes or other.writes):
        return kinds
    shared = common(one, other)
    for at, then in product(iterations(one), iterations(other)):
        if touch(one, at, other, then):
            level = next((n for n in range(shared) if at[n] != then[n]), None)
            kinds.add((level, level is None or at[level] < then[level]))
    return kinds


@st.composite
def some_accesses(draw: st.DrawFn) -> tuple[Access, Access]:
    """Two accesses in some common loops, each with some loops of its own."""
    made: list[Access] = []
    for own in ("mine", "theirs"):
        shared = draw(st.integers(0, 2))
        names = [*NAMES[:shared], *[own] * draw(st.integers(0, 1))]
        loops = tuple(
            Loop(
                name,
                draw(st.integers(0, 6)),
                draw(st.integers(-7, 7)),
                draw(st.integers(0, 1)),
                draw(st.integers(0, 3)),
            )
            for name in names
        )
        made.append(
            Access(
                draw(st.booleans()),
                loops,
                draw(st.integers(-9, 9)),
                draw(st.integers(1, 4)),
                draw(st.sampled_from([None, "p", "q"])),
                ring=draw(st.sampled_from([None, 2, 3])),
            )
        )
    return made[0], made[1]


@settings(max_examples=1500, deadline=None)
@given(some_accesses())
def test_meetings_are_those_of_all_pairs_of_iterations(pair: tuple[Access, Access]):
    one, other = pair
    found = list(meetings(one, other))
    assert {(m.level, m.one_first) for m in found} == brute_force(one, other)
    assert may_meet(one, other) == bool(found)
    for meeting in found:
        assert meeting.one in set(iterations(one))
        assert meeting.other in set(iterations(other))
        assert touch(one, meeting.one, other, meeting.other)


def walk(count: int, stride: int, start: int = 0, *, writes: bool = True) -> Access:
    return Access(writes, (Loop("layers", count, stride),), start)


def test_even_and_odd_slices_are_apart_however_many_there_are():
    assert not may_meet(walk(10**9, 2), walk(10**9, 2, 1))
    assert may_meet(walk(10**9, 2), walk(10**9, 3, 1))


def test_two_walks_meet_in_the_one_iteration_where_they_cross():
    # 2 * i and 10 + i are both 20 in iteration 10.
    assert list(meetings(walk(10, 2), walk(10, 1, 10))) == [Meeting(0, False, (9,), (8,))]
    assert Meeting(None, True, (10,), (10,)) in meetings(walk(11, 2), walk(11, 1, 10))


def test_what_is_too_much_to_try_counts_as_meeting(monkeypatch: pytest.MonkeyPatch):
    # 150 a + 100 b + 60 c is 1110: no factor divides another, so some numbers have to be tried.
    loops = tuple(Loop(name, 9, stride) for name, stride in zip(NAMES, (150, 100, 60), strict=True))
    many, one = Access(True, loops), Access(False, (), 1110)
    assert [m.one for m in meetings(many, one)] == [(1, 6, 6)]
    monkeypatch.setattr(accesses, "MOST_TRIALS", 2)
    assert [m.one for m in meetings(many, one)] == [()]


def append(
    position: str = "p", *, loops: tuple[Loop, ...] = (), start: int = 0, ring: int | None = None
) -> Access:
    return Access(True, loops, start, position=position, ring=ring)


def read(
    position: str = "p", *, loops: tuple[Loop, ...] = (), start: int = 0, ring: int | None = None
) -> Access:
    return Access(False, loops, start, waits=position, ring=ring)


LAYERS = (Loop("layers", 4, 1),)
ONE_CACHE = (Loop("layers", 4),)
STEPS = (Loop("steps", 3, 0, 1), Loop("layers", 4, 1))


@pytest.mark.parametrize(
    ("earlier", "later", "levels"),
    [
        (append(), read(), []),
        (append(), read("q"), [None]),
        # Its data wait for what the read has brought, wherever that is.
        (read(), append(), []),
        (read("q"), append("p"), []),
        (read(loops=LAYERS), append(loops=LAYERS, start=1), [0]),
        (read(loops=LAYERS, start=1), append(loops=LAYERS), []),
        (read(loops=ONE_CACHE), append(loops=ONE_CACHE), [0]),
        (append(), append(), [None]),
        (append("p"), append("q"), [None]),
        (read(), read(), []),
        (append(loops=LAYERS), read(loops=LAYERS), []),
        (append(loops=LAYERS), read(loops=LAYERS, start=4), []),
        # The append of iteration i + 1 must not overtake the read of iteration i.
        (append(loops=ONE_CACHE), read(loops=ONE_CACHE), [0]),
        (append(loops=LAYERS, start=1), read(loops=LAYERS), [0]),
        # Nor may that of step s + 1 overtake the read of step s, of the same cache.
        (append(loops=STEPS), read(loops=STEPS), [0]),
        # Two appends to one cache meet in their own step alone: the position grows.
        (append(loops=STEPS), append(loops=STEPS), [None]),
        # In a ring of two positions that of step 2 is the one of step 0, in a ring of three it is not.
        (append(loops=STEPS, ring=2), append(loops=STEPS, ring=2), [None, 0, 0]),
        (append(loops=STEPS, ring=3), append(loops=STEPS, ring=3), [None]),
        # A read of a ring waits for an append to a ring like it.
        (append(ring=8), read(ring=8), []),
        (append(ring=8), read(), [None]),
        (append(ring=8), read(ring=4), [None]),
    ],
)
def test_what_can_wait_is_no_conflict(earlier: Access, later: Access, levels: list[int | None]):
    assert [meeting.level for meeting in conflicts(earlier, later)] == levels
