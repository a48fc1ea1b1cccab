"""Routes are dimension-ordered, and the loads of the links add up to bytes times distance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.passes.solvers.routing import Flow, Link, Place, lanes, path, route

places = st.tuples(st.integers(0, 9), st.integers(0, 9))
flows = st.builds(
    Flow,
    st.just("f"),
    st.lists(places, min_size=1, max_size=6).map(tuple),
    st.lists(places, min_size=1, max_size=6).map(tuple),
    st.floats(0.1, 100),
)


def distance(a: Place, b: Place) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


@given(places, places)
def test_a_path_leads_from_end_to_end_row_first(source: Place, target: Place):
    links = path(source, target)
    assert len(links) == distance(source, target)
    at = source
    turned = False
    for link in links:
        assert (link.row, link.column) == at
        vertical = link.row != link.to_row
        assert not (turned and not vertical)
        turned |= vertical
        at = (link.to_row, link.to_column)
    assert at == target


@given(st.lists(flows, max_size=4))
def test_loads_are_bytes_times_distance(all_flows: list[Flow]):
    routes = route(all_flows)
    moved = sum(
        flow.bytes_per_cycle / len(lanes(flow)) * sum(distance(a, b) for a, b in lanes(flow))
        for flow in all_flows
    )
    assert sum(routes.loads.values()) == pytest.approx(moved)
    for flow, hops in zip(all_flows, routes.hops, strict=True):
        assert hops == max(distance(a, b) for a, b in lanes(flow))


def test_the_busiest_link_is_the_one_that_two_flows_share():
    flows = [
        Flow("a", ((0, 0),), ((0, 2),), 10),
        Flow("b", ((0, 1),), ((0, 2),), 5),
    ]
    assert route(flows).busiest() == (Link(0, 1, 0, 2), 15)


def test_nothing_flows_nothing_is_busy():
    assert route([Flow("a", ((1, 1),), ((1, 1),), 64)]).busiest() is None
