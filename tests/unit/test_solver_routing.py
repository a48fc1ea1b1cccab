"""Routes are dimension-ordered, and the load of a link is the sum over the lanes that use it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.passes.placing.floorplan import Flow, Link, Place, Routes, lanes, route, share_on

places = st.tuples(st.integers(0, 9), st.integers(0, 9))
flows = st.builds(
    Flow,
    st.just("f"),
    st.lists(places, min_size=1, max_size=6).map(tuple),
    st.lists(places, min_size=1, max_size=6).map(tuple),
    st.floats(0.1, 100),
)


def path(source: Place, target: Place) -> list[Link]:
    """The links of one lane: along the row, then along the column."""
    (row, column), (to_row, to_column) = source, target
    step = 1 if to_column > column else -1
    links = [Link(row, at, row, at + step) for at in range(column, to_column, step)]
    step = 1 if to_row > row else -1
    return links + [Link(at, to_column, at + step, to_column) for at in range(row, to_row, step)]


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


@given(flows)
def test_every_unit_has_a_lane(flow: Flow):
    between = list(lanes(flow))
    assert len(between) == max(len(flow.sources), len(flow.targets))
    assert {source for source, _ in between} == set(flow.sources)
    assert {target for _, target in between} == set(flow.targets)


@given(st.lists(flows, max_size=4))
def test_loads_are_those_of_the_paths(all_flows: list[Flow]):
    routes = route(all_flows)
    loads: dict[Link, float] = {}
    for flow in all_flows:
        between = list(lanes(flow))
        for lane in between:
            for link in path(*lane):
                loads[link] = loads.get(link, 0.0) + flow.bytes_per_cycle / len(between)
    assert routes.loads == pytest.approx(loads)
    for flow, hops in zip(all_flows, routes.hops, strict=True):
        assert hops == max(distance(a, b) for a, b in lanes(flow))


@given(st.lists(flows, min_size=1, max_size=4))
def test_the_shares_of_the_flows_make_up_the_load(all_flows: list[Flow]):
    busiest = route(all_flows).busiest()
    if busiest is not None:
        link, load = busiest
        assert sum(share_on(flow, link) for flow in all_flows) == pytest.approx(load)


def test_the_busiest_link_is_the_one_that_two_flows_share():
    flows = [
        Flow("a", ((0, 0),), ((0, 2),), 10),
        Flow("b", ((0, 1),), ((0, 2),), 5),
    ]
    assert route(flows).busiest() == (Link(0, 1, 0, 2), 15)


def test_of_equal_links_the_first_is_the_busiest():
    assert route([Flow("a", ((1, 3),), ((0, 1),), 8)]).busiest() == (Link(1, 1, 0, 1), 8)


def test_nothing_flows_nothing_is_busy():
    assert route([Flow("a", ((1, 1),), ((1, 1),), 64)]).busiest() is None
    assert route([Flow("token", ((1, 1),), ((1, 4),), 0)]) == Routes((3,), {})
