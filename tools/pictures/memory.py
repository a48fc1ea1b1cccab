"""What lies where in memory: a bar for each tier by address, and how long each value is needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...backends.intervals import Span
from ...backends.tables import bytes_text, share_text
from . import labels
from .labels import Label
from .pieces import Piece, pieces
from .strips import legend
from .svg import WIDTH, Element, Picture, Value, element, group, line, number, rect, shortened, span, text

TOP, BAR, ROW, LEFT = 54, 20, 15, 150
"""Pixels above the first tier, of a bar, from one lifetime to the next, and of the names beside these."""

MOST_PIECES, MOST_NAMES, MOST_LIVES = 150, 12, 16
"""Rectangles of a kind in a bar, regions that are named, and lifetimes that are drawn: the largest ones."""

KINDS = {"weight": "weights", "state": "caches", "input": "inputs", "value": "values between kernels"}


@dataclass(frozen=True)
class Region:
    """Bytes of a tier that hold something."""

    tier: str
    address: int
    size_bytes: int
    kind: str
    """One of `KINDS`; others are drawn as `other`."""
    name: str
    live: tuple[int, int] | None = None
    """The first and the last launch command that need it; None for what is always alive."""


@dataclass(frozen=True)
class Tier:
    """A memory, how large it is, and how much of it is used."""

    name: str
    size_bytes: int
    used_bytes: int
    path: str = ""
    """Where its used bytes stand in the JSON of a command."""


def draw(title: str, tiers: Sequence[Tier], regions: Sequence[Region], subtitle: str = "") -> Picture:
    """Of each tier that holds something two bars, all of it and what is used of it; then lifetimes."""
    y, made = float(TOP), list[Element]()
    for tier in tiers:
        own = [region for region in regions if region.tier == tier.name]
        body, height = _tier(tier, own)
        made.append(group(*body, y=y, data_tier=tier.name))
        y += height + 12
    body, height = _lifetimes([region for region in regions if region.live is not None])
    made.append(group(*body, y=y, data_lifetimes="yes"))
    kinds = dict.fromkeys(region.kind for region in regions)
    shown, more = legend([(_class(kind), KINDS.get(kind, kind)) for kind in kinds], y + height + 6)
    head = (text(0, 18, title, "text title"), text(0, 37, subtitle or "By address, of one socket.", "soft"))
    described = f"Bars of {', '.join(tier.name for tier in tiers)} by address."
    return Picture("memory", title, described, y + height + 8 + more, (*head, *made, shown))


def _class(kind: str) -> str:
    return kind if kind in KINDS else "other"


def _tier(tier: Tier, regions: Sequence[Region]) -> tuple[list[Element], float]:
    """A name with its numbers, the whole tier, and its used part as wide as the picture."""
    used = Value(bytes_text(tier.used_bytes), tier.path, tier.used_bytes)
    share = f" of {bytes_text(tier.size_bytes)} used, {share_text(tier.used_bytes / max(1, tier.size_bytes))}"
    words = (span(tier.name.upper(), class_="text strong"), span("  · "), span(used), span(share))
    heading = element("text", *words, x=0, y=12, class_="soft")
    end = max((region.address + region.size_bytes for region in regions), default=0)
    whole = (rect(0, 19, WIDTH, BAR, "idle"), *_areas(regions, WIDTH / max(1, tier.size_bytes), 19))
    if not end:
        return [heading, *whole], 19 + BAR
    edge = number(WIDTH * end / tier.size_bytes)
    zoom = line(f"M0 {19 + BAR}v14M{edge} {19 + BAR}L{WIDTH} {33 + BAR}", "soft")
    used_bar = (rect(0, 33 + BAR, WIDTH, BAR, "idle"), *_areas(regions, WIDTH / end, 33 + BAR, marked=True))
    named = _named(regions, WIDTH / end, 33 + BAR * 1.6)
    bottom = 33 + 2 * BAR + 8
    names = labels.below(named, bottom)
    return [heading, *whole, zoom, *used_bar, *names], bottom + len(labels.rows(named)) * labels.ROW


def _areas(regions: Sequence[Region], scale: float, y: float, marked: bool = False) -> Iterator[Element]:
    """Regions of each kind at their addresses; marked ones say which bytes they are."""
    for kind in dict.fromkeys(region.kind for region in regions):
        spans = (Span(each.address, each.size_bytes, each.name) for each in regions if each.kind == kind)
        for piece in pieces(spans, scale, MOST_PIECES):
            facts = {"data_address": piece.start, "data_bytes": piece.busy} if marked else {}
            x, wide = piece.start * scale, (piece.end - piece.start) * scale
            yield rect(x, y, max(0.3, wide), BAR, _class(kind), _words(piece), **facts)


def _words(piece: Piece) -> str:
    names = ", ".join((*piece.names[:4], *(("…",) if len(piece.names) > 4 else ())))
    return f"{names}: {bytes_text(piece.busy)} from {piece.start:,} on"


def _named(regions: Sequence[Region], scale: float, y: float) -> list[Label]:
    """Names of the largest regions."""
    largest = sorted(regions, key=lambda region: (-region.size_bytes, region.address))[:MOST_NAMES]
    return [
        Label(
            shortened(each.name, 160, 11),
            _class(each.kind),
            (each.address + each.size_bytes / 2) * scale,
            y,
        )
        for each in largest
    ]


def _lifetimes(values: Sequence[Region]) -> tuple[list[Element], float]:
    """A row for each of the largest values, from its first to its last launch command."""
    if not values:
        return [], 0.0
    shown = sorted(values, key=lambda each: (-each.size_bytes, each.live, each.name))[:MOST_LIVES]
    shown.sort(key=lambda each: (each.live, each.address))
    last = max(each.live[1] for each in values if each.live)
    scale = (WIDTH - LEFT) / (last + 1)
    left = f", the largest {MOST_LIVES} of {len(values):,}" if len(values) > MOST_LIVES else ""
    made = [text(0, 12, f"When values are needed: launch commands 0 to {last:,}{left}", "text strong")]
    for row, value in enumerate(shown):
        made += _life(value, 20.0 + row * ROW, scale)
    return made, 20.0 + ROW * len(shown)


def _life(value: Region, y: float, scale: float) -> Iterator[Element]:
    first, last = value.live or (0, 0)
    name = shortened(f"{value.name} {bytes_text(value.size_bytes)}", LEFT - 6, 11)
    yield text(0, y + 10, name, "soft small")
    yield rect(LEFT, y, WIDTH - LEFT, ROW - 4, "idle")
    title = f"{value.name}: {value.size_bytes:,} bytes at {value.address:,}, commands {first} to {last}"
    facts = {"data_first": first, "data_last": last}
    yield rect(LEFT + first * scale, y, (last + 1 - first) * scale, ROW - 4, "value", title, **facts)
