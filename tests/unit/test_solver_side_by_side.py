"""Stages lie beside their largest inputs, and no two units have the same places."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.placing.side_by_side import Bay, place_side_by_side

inputs = st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=8)


def disjoint(ranges: list[tuple[int, int]]) -> bool:
    spans = sorted((first, first + count) for first, count in ranges if count)
    return all(end <= first for (_, end), (first, _) in pairwise(spans))


@given(inputs)
def test_stages_lie_beside_their_largest_inputs(reads: list[list[int]]) -> None:
    counts, bays = list[int](), list[Bay]()
    for number, sizes in enumerate(reads):
        blocks = tuple(range(len(counts), len(counts) + len(sizes)))
        counts += sizes
        bays.append(Bay(max([1, *sizes]) if number % 3 else 0, blocks))
    stages = [bay for bay in bays if bay.pcus]
    places = sum(counts) + len(stages)
    found = place_side_by_side(bays, counts, places)
    assert found is not None
    assert disjoint([*zip(found.blocks, counts, strict=True)])
    assert disjoint([(first, bay.pcus) for first, bay in zip(found.stages, stages, strict=True)])
    for first, bay in zip(found.stages, stages, strict=True):
        assert 0 <= first <= first + bay.pcus <= places
        largest = max(bay.blocks, key=counts.__getitem__, default=None)
        if largest is not None and counts[largest]:
            assert first in {found.blocks[block] for block in bay.blocks if counts[block] == counts[largest]}


def test_what_does_not_fit_has_no_places() -> None:
    assert place_side_by_side([Bay(4, (0,))], [4], 3) is None
    assert place_side_by_side([Bay(4, (0,))], [4], 4) is not None


def test_a_stage_without_pmus_has_pcus_that_are_free() -> None:
    # The second input of the first stage lies before it; the PCU there is free for the second stage.
    found = place_side_by_side([Bay(4, (0, 1)), Bay(1, ())], [4, 1], 5)
    assert found is not None
    assert (found.stages, found.blocks) == ((1, 0), (1, 0))
