"""Where the units of a network stand: in layers by the longest way to them, in rows as wide as a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from .networks import Edge, Network, Node
from .svg import WIDTH

MOST_COLUMNS, LEFT, RIGHT, GAP, HIGH, WIDEST = 7, 26, 26, 28, 22, 140
"""Layers of a row at most, pixels beside and between them, of a box's height, and of its width at most."""

STREAM, FOOT, APART, LANE, TOP = 14, 22, 12, 11, 52
"""Pixels of a stream's line, of what stands below a box, between boxes, of a lane, and above all."""

MOST_NODES = 60
"""Boxes that are drawn at most: more cannot be told apart."""


@dataclass(frozen=True)
class Place:
    """A unit, its streams, and where its box stands."""

    node: Node
    x: float
    y: float
    """Of the box's upper edge; the streams that it loads stand above, those that it stores below."""
    wide: float
    """Of the box."""
    loads: tuple[Edge, ...]
    stores: tuple[Edge, ...]

    @property
    def middle(self) -> float:
        """Height at which channels come and go."""
        return self.y + HIGH / 2


@dataclass(frozen=True)
class Layout:
    """Places by the names of units, and what the ways between them need to know."""

    places: Mapping[str, Place]
    lanes: Mapping[Edge, float]
    """The height of the level part of each channel that goes past other layers."""
    bottom: float
    left_out: int
    """Boxes that are too many."""


@dataclass(frozen=True)
class _Streams:
    """What stands at boxes: the streams of memory that lead to a box or come from one."""

    names: frozenset[str]
    loads: Mapping[str, tuple[Edge, ...]]
    """By the names of boxes."""
    stores: Mapping[str, tuple[Edge, ...]]

    def has(self, edge: Edge) -> bool:
        """Whether a channel is that of a stream."""
        return edge.start in self.names or edge.end in self.names

    def above(self, name: str) -> float:
        """Pixels of what a box loads."""
        loads = len(self.loads.get(name, ()))
        return STREAM * loads + (3 if loads else 0)


def lay_out(network: Network) -> Layout:
    """A place for each unit but streams, at most `MOST_NODES`, those of the first layers."""
    streams = _streams(network)
    names = [node.name for node in network.nodes if node.name not in streams.names]
    forward = [edge for edge in network.edges if not streams.has(edge) and not edge.is_back]
    layers = _layers(network.kernel, names, forward)
    places, lanes, y = dict[str, Place](), dict[Edge, float](), float(TOP)
    columns = -(-len(layers) // -(-len(layers) // MOST_COLUMNS)) if layers else 1
    for row in range(0, len(layers), columns):
        tracks = _tracks(_far(forward, layers[row : row + columns], layers, columns))
        lanes |= {edge: y + LANE * track + 6 for edge, track in tracks.items()}
        y += LANE * (max(tracks.values(), default=-1) + 1) + 4
        y = _stand(network, layers[row : row + columns], streams, _pitch(columns), y, places) + APART
    back = [edge for edge in network.edges if edge.is_back and {edge.start, edge.end} <= {*places}]
    lanes |= {edge: y + LANE * at for at, edge in enumerate(back)}
    return Layout(places, lanes, y + LANE * len(back), len(names) - len(places))


def _streams(network: Network) -> _Streams:
    """The streams of memory, but those that lead from memory to memory: these are boxes."""
    memory = {node.name: node.kind for node in network.nodes if node.is_memory}
    joined = {name for edge in network.edges for name in (edge.start, edge.end)}
    direct = [edge for edge in network.edges if edge.start in memory and edge.end in memory]
    boxes = {name for edge in direct for name in (edge.start, edge.end)}
    names = frozenset((memory.keys() & joined) - boxes)
    loads, stores = (defaultdict[str, tuple[Edge, ...]](tuple) for _ in range(2))
    for edge in network.edges:
        if edge.start in names:
            loads[edge.end] += (edge,)
        elif edge.end in names:
            stores[edge.start] += (edge,)
    return _Streams(names, loads, stores)


def _layers(kernel: str, names: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Names by the longest way from a unit that waits for none; within a layer as their sources stand."""
    before = {name: dict[str, None]() for name in names}
    for edge in edges:
        before[edge.end][edge.start] = None
    depth = dict[str, int]()
    for name in _in_order(before, kernel):
        depth[name] = max((depth[source] + 1 for source in before[name]), default=0)
    found = defaultdict[int, list[str]](list)
    for name in before:
        found[depth[name]].append(name)
    return _first(_straightened([found[at] for at in range(len(found))], before))


def _in_order(before: Mapping[str, Mapping[str, None]], kernel: str) -> list[str]:
    """Raises: ValueError if channels go round in a circle that no back edge closes."""
    try:
        return [*TopologicalSorter(before).static_order()]
    except CycleError as error:
        raise ValueError(f"channels of {kernel} go round: {' to '.join(error.args[1])}") from None


def _straightened(layers: list[list[str]], before: Mapping[str, Mapping[str, None]]) -> list[list[str]]:
    """Each layer in the order of the mean place of what its units wait for."""
    slot = dict[str, float]()
    for layer in layers:
        means = {name: _mean([slot[source] for source in before[name]]) for name in layer}
        layer.sort(key=lambda name: means[name])
        slot |= {name: float(at) for at, name in enumerate(layer)}
    return layers


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _first(layers: Sequence[list[str]]) -> list[list[str]]:
    """As many layers as may be drawn; one at least, in part."""
    kept, left = list[list[str]](), MOST_NODES
    for layer in layers:
        if len(layer) > left and kept:
            break
        kept.append(layer[:left])
        left -= len(kept[-1])
    return kept


def _far(
    edges: Sequence[Edge], row: Sequence[Sequence[str]], layers: Sequence[Sequence[str]], columns: int
) -> list[tuple[Edge, float, float]]:
    """Channels that end in a row and do not come from the layer before, with their ends on the level."""
    layer_of = {name: at for at, layer in enumerate(layers) for name in layer}
    here = {name for layer in row for name in layer}
    found = list[tuple[Edge, float, float]]()
    for edge in edges:
        if edge.end in here and edge.start in layer_of:
            start, end = layer_of[edge.start], layer_of[edge.end]
            if end - start > 1 or end % columns == 0:
                found.append((edge, start % columns + 1.0, float(end % columns)))
    return found


def _tracks(far: Sequence[tuple[Edge, float, float]]) -> dict[Edge, int]:
    """A lane for each, so that none lies on another; short ones first, nearest to the boxes."""
    taken, found = list[list[tuple[float, float]]](), dict[Edge, int]()
    for edge, start, end in sorted(far, key=lambda entry: abs(entry[1] - entry[2])):
        low, high = min(start, end) - 0.2, max(start, end) + 0.2
        lane = next(
            (at for at, used in enumerate(taken) if all(high < a or b < low for a, b in used)), len(taken)
        )
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        found[edge] = lane
    return {edge: len(taken) - 1 - lane for edge, lane in found.items()}


def _pitch(columns: int) -> float:
    """Pixels from one layer to the next: boxes are as wide as the picture lets them be."""
    return min(WIDEST + GAP, (WIDTH - LEFT - RIGHT + GAP) / columns)


def _stand(
    network: Network,
    row: Sequence[Sequence[str]],
    streams: _Streams,
    pitch: float,
    top: float,
    places: dict[str, Place],
) -> float:
    """Give the units of a row their places, the first ones on one level; the height below them."""
    nodes = {node.name: node for node in network.nodes}
    first = max(streams.above(layer[0]) for layer in row)
    bottom = top
    for column, layer in enumerate(row):
        y = top + first - streams.above(layer[0])
        for name in layer:
            loads, stores = streams.loads.get(name, ()), streams.stores.get(name, ())
            y += streams.above(name)
            x, wide = LEFT + column * pitch, pitch - GAP
            places[name] = Place(nodes[name], x, y, wide, loads, stores)
            is_last = name == network.bottleneck
            y += HIGH + FOOT + STREAM * (len(stores) + is_last) + APART
        bottom = max(bottom, y)
    return bottom
