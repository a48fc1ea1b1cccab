"""The loop's interval obeys its bounds, and no unit starts before its inputs are there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.pacing.modulo import Edge, Node, Schedule, solve


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    count = draw(st.integers(1, 8))
    positive = st.integers(1, 50)
    nodes: list[Node] = []
    steps: list[int] = []
    for number in range(count):
        interval = draw(positive)
        steps.append(draw(st.integers(1, 6)))
        resource = draw(st.sampled_from(["hbm", "links", f"stage {number}"]))
        nodes.append(Node(f"n{number}", draw(positive), interval, interval * steps[-1], resource))
    edges: list[Edge] = []
    for _ in range(draw(st.integers(0, 12))):
        source, target = draw(st.integers(0, count - 1)), draw(st.integers(0, count - 1))
        needed, distance = draw(st.integers(1, steps[source])), int(source >= target)
        edges.append(Edge(source, target, needed, steps[source], draw(st.integers(0, 9)), distance))
    return nodes, edges


def tokens_at(edge: Edge, nodes: list[Node], schedule: Schedule, step: int) -> int:
    source = nodes[edge.source]
    return schedule.starts[edge.source] + source.latency + (step - 1) * source.interval + edge.wire


@given(problems())
def test_the_interval_is_not_below_any_bound(problem: tuple[list[Node], list[Edge]]):
    nodes, edges = problem
    schedule = solve(nodes, edges)
    for resource in {node.resource for node in nodes}:
        assert schedule.interval >= sum(node.busy for node in nodes if node.resource == resource)
    for edge in edges:
        if edge.distance == 1:
            around = tokens_at(edge, nodes, schedule, edge.needed) - schedule.starts[edge.target]
            assert schedule.interval >= around


@given(problems())
def test_units_start_when_their_inputs_are_there(problem: tuple[list[Node], list[Edge]]):
    nodes, edges = problem
    schedule = solve(nodes, edges)
    for edge in edges:
        if edge.distance == 0:
            assert schedule.starts[edge.target] >= tokens_at(edge, nodes, schedule, edge.needed)


@given(problems())
def test_nothing_starts_later_than_it_must(problem: tuple[list[Node], list[Edge]]):
    nodes, edges = problem
    schedule = solve(nodes, edges)
    for number, start in enumerate(schedule.starts):
        last = max(
            (
                tokens_at(edge, nodes, schedule, edge.total)
                for edge in edges
                if edge.target == number and edge.distance == 0
            ),
            default=0,
        )
        assert start <= max(last, 0)


def test_a_chain_of_two_stages_around_a_carry():
    # 4 cycles, then 3 firings of 5 cycles each and a latency of 20, and 2 cycles of wire.
    nodes = [Node("carry", 4, 1, 1, "carry"), Node("stage", 20, 5, 15, "stage")]
    edges = [Edge(0, 1, 1, 1, 2), Edge(1, 0, 3, 3, 2, distance=1)]
    schedule = solve(nodes, edges)
    assert schedule.starts == (0, 6)
    assert schedule.recurrence_bound == 6 + 20 + 2 * 5 + 2
    assert schedule.interval == 38
