"""Heads over sockets, in other columns a head: as if they had been placed with these from the start."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kl.dialects.sharding import REPLICATED, Heads, Split, resized


@given(
    st.integers(1, 12),
    st.sampled_from([1, 2, 3, 4]),
    st.integers(1, 9),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_resized_heads_lie_as_heads_of_that_size(group: int, kv: int, sockets: int, old: int, new: int):
    heads = Heads(group * kv, kv, sockets)
    before, wanted = heads.query_placement(old), heads.query_placement(new)
    assert resized(before, heads.queries * old, old, new) == wanted


def test_parts_and_zeros_that_cut_heads_have_no_other_size():
    assert resized(Split(1, 4), 24, 6, 3) == Split(1, 4)
    assert resized(Split(1, 4), 24, 8, 3) is None
    assert resized(Split(1, 2, (20, 4)), 20, 8, 3) is None
    assert resized(Split(1, 2, (16, 8)), 16, 4, 3) == Split(1, 2, (12, 6))
    assert resized(replace(Split(1, 2), blocks=2), 24, 6, 3) is None
    assert resized(REPLICATED, 24, 6, 3) == REPLICATED
