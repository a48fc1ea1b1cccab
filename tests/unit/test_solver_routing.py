"""Routes are dimension-ordered, and the load of a link is the sum over the lanes that use it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kl.dialects.grid import Place
from kl.passes.placing.detours import route_within
from kl.passes.placing.floorplan import FRACTION, Flow, Link, Routes, lanes, path, route, share_on

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


WIDTH = 64
crowded = st.builds(
    Flow,
    st.just("f"),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=6).map(tuple),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=6).map(tuple),
    st.floats(0.1, 200),
)


@settings(deadline=None)
@given(st.lists(crowded, min_size=1, max_size=4))
def test_loads_are_those_of_the_ways_that_are_taken_and_never_more_than_before(all_flows: list[Flow]):
    usual, found = route(all_flows), route_within(all_flows, WIDTH)
    loads: dict[Link, float] = {}
    for flow, ways in zip(all_flows, found.paths or usual_paths(all_flows), strict=True):
        for (source, target), links in zip(lanes(flow), ways, strict=True):
            assert ends(source, links) == target
            assert turns(links) <= 1
            for link in links:
                loads[link] = loads.get(link, 0.0) + flow.bytes_per_cycle / len(ways)
    assert found.loads == pytest.approx(loads)
    before, after = usual.busiest(), found.busiest()
    assert before is None or after is None or after[1] <= max(before[1], WIDTH)
    if before is None or before[1] <= WIDTH:
        assert found == usual


LATER = [
    Flow("a", ((0, 0), (2, 0)), ((0, 0), (0, 0), (0, 2), (1, 0)), 62.0),
    Flow("b", ((2, 1), (0, 1), (2, 0)), ((0, 0), (0, 1), (0, 2)), 146.0),
]
"""They fit, though the busiest link is relieved only by what another one wants moved."""


@settings(deadline=None, max_examples=300)
@example(LATER)
@given(st.lists(crowded, min_size=2, max_size=6))
def test_what_fits_by_moving_lanes_to_the_end_is_found_to_fit(all_flows: list[Flow]):
    busiest = route_within(all_flows, WIDTH).busiest()
    assert (busiest is None or busiest[1] <= WIDTH) == moved_to_the_end(all_flows)


def moved_to_the_end(all_flows: list[Flow]) -> bool:
    """Whether all links fit after moves that go on until no link with too much can be relieved."""
    lanes_now = [(flow, *lane) for flow in all_flows for lane in lanes(flow)]
    shares = [round(flow.bytes_per_cycle * FRACTION / sum(1 for _ in lanes(flow))) for flow, *_ in lanes_now]
    now = [path(*lane) for _, *lane in lanes_now]
    stuck = set[Link]()
    while True:
        loads = Counter[Link]()
        for share, links in zip(shares, now, strict=True):
            loads.update(dict.fromkeys(links, share))
        over = [(-load, one) for one, load in loads.items() if load > WIDTH * FRACTION]
        if all(one in stuck for _, one in over):
            return not over
        link, moves = min(item for item in over if item[1] not in stuck)[1], []
        for number, (_, source, target) in enumerate(lanes_now):
            other = [Link(*one[2:], *one[:2]) for one in reversed(path(target, source))]
            most = max((loads[one] + shares[number] for one in {*other} - {*now[number]}), default=0)
            if link in now[number] and link not in other and most <= WIDTH * FRACTION:
                moves.append((len(other), most, number, other))
        if moves:
            *_, number, now[number] = min(moves)
        stuck |= set() if moves else {link}


def usual_paths(flows: list[Flow]) -> list[list[list[Link]]]:
    return [[path(*lane) for lane in lanes(flow)] for flow in flows]


def ends(at: Place, links: Sequence[Link]) -> Place:
    """Where links lead, each of which begins where the one before ends."""
    for link in links:
        assert (link.row, link.column) == at
        at = (link.to_row, link.to_column)
    return at


def turns(links: Sequence[Link]) -> int:
    vertical = [link.row != link.to_row for link in links]
    return sum(a != b for a, b in pairwise(vertical))


def test_what_does_not_fit_one_way_goes_the_other():
    flows = [Flow("a", ((0, 0),), ((1, 1),), 40), Flow("b", ((0, 0),), ((2, 1),), 40)]
    busiest = route(flows).busiest()
    assert busiest is not None
    assert busiest[1] == 80
    found = route_within(flows, WIDTH)
    assert found.hops == (2, 3)
    assert max(found.loads.values()) == 40


def test_memory_is_reached_at_the_other_end_of_a_row():
    flows = [Flow(name, ((0, 0),), ((0, 2),), 40, far_sources=((0, 9),)) for name in "ab"]
    found = route_within(flows, WIDTH)
    assert found.hops == (7, 2)
    assert max(found.loads.values()) == 40


def test_what_cannot_be_routed_is_still_there():
    flows = [Flow(name, ((0, 0),), ((0, 2),), 40) for name in "ab"]
    assert route_within(flows, WIDTH).busiest() == (Link(0, 0, 0, 1), 80)
