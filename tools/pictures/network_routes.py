"""The ways of channels between the boxes of a network."""

from __future__ import annotations

from collections.abc import Iterator
from math import log2

from ...backends.tables import bytes_text
from .network_layout import FOOT, GAP, HIGH, LANE, STREAM, Layout, Place
from .networks import Edge, Network
from .svg import Element, group, line, number, rect, shortened, text, text_width


def routes(network: Network, layout: Layout) -> Iterator[Element]:
    """Each channel between two units that are drawn, with its depth."""
    for edge in network.edges:
        start, end = layout.places.get(edge.start), layout.places.get(edge.end)
        if start is None or end is None:
            continue
        if edge in layout.lanes:
            yield _around(edge, start, end, layout.lanes[edge])
        else:
            yield _straight(edge, start, end)


def streams(place: Place) -> Iterator[Element]:
    """What a unit loads, above its box, and what it stores, below it."""
    for at, edge in enumerate(place.loads):
        x, y = place.x + 6 + 9 * at, place.y - 3 - STREAM * (len(place.loads) - at) + 7
        yield _stream(edge, x, y, place.y, "load")
        yield text(
            x + 8,
            y + 4,
            shortened(_label(edge.start, edge), place.wide + GAP - 22 - 9 * at, 11),
            "soft small",
        )
    for at, edge in enumerate(place.stores):
        x, y = place.x + 6, place.y + HIGH + FOOT + STREAM * at + 4
        yield _stream(edge, x, y, place.y + HIGH + FOOT - 3, "store")
        yield text(x + 8, y + 4, shortened(_label(edge.end, edge), place.wide + GAP - 22, 11), "soft small")


def _label(stream: str, edge: Edge) -> str:
    return f"{stream} ·{edge.depth}"


def _stream(edge: Edge, x: float, y: float, to_y: float, kind: str) -> Element:
    """A dot of memory and its line, as thick as there are bytes."""
    wide = number(1 + max(0.0, log2(edge.bytes + 1) - 10) * 0.4)
    way = line(f"M{number(x)} {number(y)}V{number(to_y)}", "memory-full", _words(edge), stroke_width=wide)
    dot = rect(x - 4, y - 4, 8, 8, "memory-full", rx=4)
    return group(way, dot, data_edge=edge.name, data_kind=kind, data_depth=edge.depth, data_bytes=edge.bytes)


def _straight(edge: Edge, start: Place, end: Place) -> Element:
    """From one layer to the next one."""
    x, to_x = start.x + start.wide, end.x
    half = number((x + to_x) / 2)
    y, to_y = number(start.middle), number(end.middle)
    path = f"M{number(x)} {y}C{half} {y} {half} {to_y} {number(to_x)} {to_y}"
    return _way(edge, path, "channel", (x + to_x) / 2, (start.middle + end.middle) / 2)


def _around(edge: Edge, start: Place, end: Place, lane: float) -> Element:
    """Through the gaps beside both, and along a lane between them; a back edge goes around all."""
    shift = 3 * (sum(edge.name.encode()) % 3) - 3
    out, into = start.x + start.wide + GAP / 2 + shift, end.x - GAP / 2 + shift
    if edge.is_back:
        into = 8 + shift
    path = (
        f"M{number(start.x + start.wide)} {number(start.middle)}H{number(out)}V{number(lane)}"
        f"H{number(into)}V{number(end.middle)}H{number(end.x)}"
    )
    return _way(edge, path, "back" if edge.is_back else "channel", (out + into) / 2, lane)


def _way(edge: Edge, path: str, class_: str, x: float, y: float) -> Element:
    """A line with the depth of its channel on it."""
    label = str(edge.depth)
    wide = text_width(label, 11) + 2
    return group(
        line(path, class_, _words(edge), stroke_width="1.3", data_back="yes" if edge.is_back else None),
        rect(x - wide / 2, y - LANE / 2, wide, LANE, "card"),
        text(x, y + 4, label, "text small middle"),
        data_edge=edge.name,
        data_depth=edge.depth,
        data_bytes=edge.bytes,
    )


def _words(edge: Edge) -> str:
    tiles = f"{edge.depth:,} tiles" if edge.depth != 1 else "1 tile"
    ends = f"from {edge.start} to {edge.end}"
    return f"{edge.name}: room for {tiles}, {bytes_text(edge.bytes)} an iteration, {ends}"
