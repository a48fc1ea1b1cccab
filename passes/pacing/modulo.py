"""The schedule of a pipelined outer loop: a pure solver.

Every unit works `busy` cycles an iteration. The loop cannot start an iteration more often than its busiest
resource allows, nor faster than the carried value goes around: these two bounds give the initiation
interval. At decode the carried value is the hidden state and each stage waits for the one before it, so the
second bound is the length of the chain through a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A unit: cycles from the start of a step to its tokens, between steps, and for which it is busy."""

    name: str
    latency: int
    interval: int
    busy: int
    resource: str
    """Units of one resource share it, and their busy cycles add up."""


@dataclass(frozen=True)
class Edge:
    """Tokens from one unit to another; the reader starts after `needed` steps of the source.

    `distance` 1 goes to the next iteration (the carried value), 0 stays inside.
    """

    source: int
    target: int
    needed: int
    total: int
    """Steps of the source in an iteration."""
    wire: int
    """Cycles on the network."""
    distance: int = 0


@dataclass(frozen=True)
class Schedule:
    """Start of each unit in an iteration, and the loop's interval with the two bounds it obeys."""

    starts: tuple[int, ...]
    length: int
    """Cycles from the start of an iteration to the end of its last unit."""
    resource_bound: int
    recurrence_bound: int

    @property
    def interval(self) -> int:
        """Initiation interval of the loop."""
        return max(1, self.resource_bound, self.recurrence_bound)


def _arrival(edge: Edge, nodes: Sequence[Node], starts: Sequence[int]) -> int:
    """When the reader of an edge has the tokens with which it starts."""
    source = nodes[edge.source]
    first = starts[edge.source] + source.latency + (edge.needed - 1) * source.interval + edge.wire
    # A reader that works through its tokens as they come must not run dry before the last one.
    target = nodes[edge.target]
    last = starts[edge.source] + source.latency + (edge.total - 1) * source.interval + edge.wire
    return max(first, last - max(0, target.busy - target.interval))


def solve(nodes: Sequence[Node], edges: Sequence[Edge]) -> Schedule:
    """Start every unit as soon as its inputs allow; units stand in an order in which edges go forward.

    An edge of distance 1 may go backward.
    """
    starts = [0] * len(nodes)
    into: dict[int, list[Edge]] = {}
    for edge in edges:
        if edge.distance == 0:
            assert edge.source < edge.target, "units stand in program order"
            into.setdefault(edge.target, []).append(edge)
    for number in range(len(nodes)):
        for edge in into.get(number, ()):
            starts[number] = max(starts[number], _arrival(edge, nodes, starts))
    ends = [start + node.latency + node.busy for start, node in zip(starts, nodes, strict=True)]
    usage: dict[str, int] = {}
    for node in nodes:
        usage[node.resource] = usage.get(node.resource, 0) + node.busy
    around = [_arrival(edge, nodes, starts) - starts[edge.target] for edge in edges if edge.distance == 1]
    return Schedule(
        tuple(starts), max(ends, default=0), max(usage.values(), default=0), max(around, default=0)
    )
