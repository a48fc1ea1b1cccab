"""What waits for what: a kernel's units in layers from left to right, with the channels between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...backends.tables import share_text
from ...explore.pages.palette import stage_classes
from .network_layout import FOOT, HIGH, MOST_NODES, STREAM, Place, lay_out
from .network_routes import routes, streams
from .networks import Network
from .strips import legend
from .svg import Element, Picture, element, group, line, number, rect, shortened, slug, text

LEGEND = (
    ("memory-full", "stream from or to memory, as thick as its bytes; its name and depth"),
    ("channel", "channel, with the tiles that it holds"),
    ("carry", "to the next iteration"),
    ("text", "works"),
    ("drain", "waits"),
)


def draw(
    title: str, network: Network, colors: Mapping[str, str] | None = None, subtitle: str = ""
) -> Picture:
    """Layers from left to right, in as many rows as they need; `colors` are classes of stages.

    Raises: ValueError if an edge names no unit, two units have one name, or channels go round.
    """
    network.check()
    layout = lay_out(network)
    classes = colors or stage_classes(node.name for node in network.nodes if not node.is_memory)
    boxes = (_unit(place, network, classes) for place in layout.places.values())
    shown, height = legend(LEGEND, layout.bottom + 8)
    words = (subtitle or "Below a unit: its PCUs, and the share of the time in which it works.") + _more(
        network, len(layout.places)
    )
    head = (text(0, 18, title, "text title"), text(0, 37, words, "soft"))
    body = (*head, group(*routes(network, layout)), *boxes, shown)
    described = f"The units of {network.kernel} in layers, with their channels."
    return Picture(f"network-{slug(network.kernel)}", title, described, layout.bottom + 12 + height, body)


def _more(network: Network, drawn: int) -> str:
    """What is left out, if anything is."""
    left = sum(not node.is_memory for node in network.nodes) - drawn
    return f" {left:,} units behind the first {MOST_NODES} are left out." if left else ""


def _unit(place: Place, network: Network, classes: Mapping[str, str]) -> Element:
    """A box with its name, what it loads and stores, and how long it works."""
    node = place.node
    class_ = "carry" if node.kind == "carry" else classes.get(node.name, "other")
    is_last = node.name == network.bottleneck
    frame = _frame(place, class_, 3 if is_last else 1.6)
    name = text(
        place.x + place.wide / 2,
        place.y + 15,
        shortened(node.name, place.wide - 6),
        "text small middle strong",
    )
    mark = _bottleneck(place) if is_last else ()
    parts = (*streams(place), *frame, name, *_shares(place, class_), *mark)
    return group(element("title", _words(place)), *parts, data_node=node.name, data_kind=node.kind)


def _frame(place: Place, class_: str, wide: float) -> Iterator[Element]:
    box = rect(place.x, place.y, place.wide, HIGH, "card", rx=4)
    yield box
    x, y = number(place.x), number(place.y)
    path = f"M{x} {y}h{number(place.wide)}v{HIGH}h-{number(place.wide)}z"
    yield line(path, class_, stroke_width=number(wide), stroke_linejoin="round")
    yield rect(place.x, place.y, 4, HIGH, class_)


def _shares(place: Place, class_: str) -> Iterator[Element]:
    """A bar of work and waiting, and the numbers below it."""
    node, y = place.node, place.y + HIGH + 2
    if node.busy is not None:
        yield rect(place.x, y, place.wide, 4, "idle")
        yield rect(place.x, y, place.wide * node.busy, 4, "text", data_busy=repr(node.busy))
        if node.waiting:
            yield rect(
                place.x + place.wide * node.busy,
                y,
                place.wide * node.waiting,
                4,
                "drain",
                data_waiting=repr(node.waiting),
            )
        yield text(place.x + place.wide, y + 15, f"{node.busy:.0%}", "soft small end")
    if node.units:
        yield text(place.x, y + 15, f"{node.units} PCU{'s' if node.units > 1 else ''}", "soft small")


def _bottleneck(place: Place) -> Iterator[Element]:
    """Says for whom all others wait."""
    y = place.y + HIGH + FOOT + STREAM * len(place.stores) + 7
    yield text(place.x, y, "bottleneck", "text small strong", data_bottleneck=place.node.name)


def _words(place: Place) -> str:
    node = place.node
    origin = f", from {node.location}" if node.location else ""
    waits = f", waits {share_text(node.waiting)}" if node.waiting is not None else ""
    works = f", works {share_text(node.busy)}" if node.busy is not None else ""
    return f"{node.name}: {node.units} PCUs{works}{waits}{origin}"
