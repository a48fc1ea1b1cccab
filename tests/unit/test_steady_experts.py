"""Jumps over iterations that choose experts: every number is that of the full replay, as many as differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from routed_programs import Routed, build
from steady_programs import Jumps, note_jumps, skipped

from kl.backends.routing import Routing
from kl.backends.sn40l.launch import time_step


@pytest.fixture
def jumps(monkeypatch: pytest.MonkeyPatch) -> Jumps:
    """What runs jump over."""
    return note_jumps(monkeypatch)


def times(network: Any, routed: Routed, counts: tuple[int, ...], bandwidth: int, *, jump: bool) -> Any:
    """The report with all details."""
    program = build(network, routed, hbm_bandwidth=bandwidth * 10**9)
    return time_step(program, {}, routing=Routing("given", given=counts), jump=jump, details=True)


LAYERS = 32

counts = st.one_of(
    st.integers(2, 6).map(lambda count: (count,)),
    st.lists(st.integers(2, 6), min_size=2, max_size=4).map(lambda some: (*some, *some[:1] * 4)[:4]),
    st.lists(st.integers(2, 6), min_size=LAYERS, max_size=LAYERS).map(tuple),
    st.tuples(st.integers(2, 6), st.integers(0, LAYERS - 1), st.integers(2, 6)).map(
        lambda one: tuple(one[2] if layer == one[1] else one[0] for layer in range(LAYERS))
    ),
)
"""The same in all layers; in turn; others in each; another one in one."""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=counts,
    tile=st.sampled_from([(4, 6), (4, 3), (4, 12), (2, 36), (4, 36)]),
    late=st.integers(1, 60),
    ii=st.integers(1, 20),
    depth=st.integers(1, 20),
    loads=st.integers(1, 2),
    bandwidth=st.sampled_from([2, 20, 1800]),
)
def test_every_number_is_that_of_the_full_replay(
    network: Any,
    jumps: Jumps,
    counts: tuple[int, ...],
    tile: tuple[int, int],
    late: int,
    ii: int,
    depth: int,
    loads: int,
    bandwidth: int,
) -> None:
    routed = Routed(layers=LAYERS, tile=tile, late=late, ii=ii, depth=depth, loads=loads)
    before = len(jumps)
    report = times(network, routed, counts, bandwidth, jump=True)
    event(f"{len(jumps) - before} jumps")
    assert report == times(network, routed, counts, bandwidth, jump=False)


@pytest.mark.parametrize("given", [(3,), (2, 6), (2, 3, 4, 6)])
def test_layers_that_read_as_many_are_not_replayed(
    network: Any, jumps: Jumps, given: tuple[int, ...]
) -> None:
    times(network, Routed(layers=LAYERS, late=20), given, 1800, jump=True)
    assert skipped(jumps) >= LAYERS // 2
    assert all(turns % len(given) == 0 for turns, _ in jumps)


def test_layers_that_all_differ_are_replayed(network: Any, jumps: Jumps) -> None:
    given = tuple(2 + layer * layer % 5 % 4 + (layer > 20) for layer in range(LAYERS))
    times(network, Routed(layers=LAYERS, late=20), given, 1800, jump=True)
    assert skipped(jumps) < LAYERS // 2
