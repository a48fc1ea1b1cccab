"""What waits for what: a kernel's units in layers from left to right, with the channels between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...backends.tables import share_text
from ...explore.pages.palette import stage_classes
from .network_layout import FOOT, HIGH, MOST_NODES, STREAM, Place, lay_out
from .network_routes import routes, streams
from .networks import Network
from .strips import legend
from .svg import Element, Picture, element, group, line, number, rect, shortened, slug, text, told_apart

LEGEND = (
    ("memory-full", "stream from or to memory, as thick as its bytes; its name and depth"),
    ("channel", "channel, with the tiles that it holds"),
    ("back", "to the next iteration"),
    ("text", "works"),
    ("waiting", "waits"),
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
    words = subtitle or "Below a unit: its PCUs, and the share of the time in which it works."
    words += _more(layout.left_out)
    head = (text(0, 18, title, "text title"), text(0, 37, words, "soft"))
    body = (*head, group(*routes(network, layout)), *boxes, shown)
    described = f"The units of {network.kernel} in layers, with their channels."
    return Picture(f"network-{slug(network.kernel)}", title, described, layout.bottom + 12 + height, body)


def _more(left: int) -> str:
    """What is left out, if anything is."""
    return f" {left:,} units behind the first {MOST_NODES} are left out." if left else ""


def _unit(place: Place, network: Network, classes: Mapping[str, str]) -> Element:
    """A box with its name, what it loads and stores, and how long it works."""
    node = place.node
    is_last = node.name == network.bottleneck
    frame = _frame(place, _class(place, network, classes), 3 if is_last else 1.6)
    words = shortened(node.name, place.wide - 6, behind=told_apart(node.name))
    name = text(place.x + place.wide / 2, place.y + 15, words, "text small middle")
    mark = _bottleneck(place) if is_last else ()
    parts = (*streams(place), *frame, name, *_shares(place), *mark)
    return group(element("title", _words(place)), *parts, data_node=node.name, data_kind=node.kind)


def _class(place: Place, network: Network, classes: Mapping[str, str]) -> str:
    """The colour of a stage, of memory, or of what an iteration begins with."""
    if any(edge.is_back and edge.end == place.node.name for edge in network.edges):
        return "back"
    return "memory-full" if place.node.is_memory else classes.get(place.node.name, "other")


def _frame(place: Place, class_: str, wide: float) -> Iterator[Element]:
    yield rect(place.x, place.y, place.wide, HIGH, "card", rx=4)
    x, y = number(place.x), number(place.y)
    path = f"M{x} {y}h{number(place.wide)}v{HIGH}h-{number(place.wide)}z"
    yield line(path, class_, stroke_width=number(wide), stroke_linejoin="round")
    yield rect(place.x, place.y, 4, HIGH, class_)


def _shares(place: Place) -> Iterator[Element]:
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
                "waiting",
                data_waiting=repr(node.waiting),
            )
        yield text(place.x + place.wide, y + 15, _percent(node.busy), "soft small end")
    if node.units:
        yield text(place.x, y + 15, f"{node.units} PCU{'s' if node.units > 1 else ''}", "soft small")


def _percent(share: float) -> str:
    """A share in percent, with a decimal where it is small."""
    return f"{share * 100:.0f} %" if share >= 0.1 or share == 0 else f"{share * 100:.1f} %"


def _bottleneck(place: Place) -> Iterator[Element]:
    """Says for whom all others wait."""
    y = place.y + HIGH + FOOT + STREAM * len(place.stores) + 7
    yield text(place.x, y, "bottleneck", "text small strong", data_bottleneck=place.node.name)


def _words(place: Place) -> str:
    node = place.node
    facts = (
        f"{node.units} PCUs" if node.units else "",
        f"works {share_text(node.busy)}" if node.busy is not None else "",
        f"waits {share_text(node.waiting)}" if node.waiting is not None else "",
        f"from {node.location}" if node.location else "",
    )
    return ": ".join(part for part in (node.name, ", ".join(fact for fact in facts if fact)) if part)
