"""Bars and timelines in characters, for terminals and texts: each part has a sign of its own, and a style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...backends.intervals import Span
from .ledger import PARTS
from .pieces import Piece, pieces

SIGNS = {
    "memory-full": ("█", "#", "blue"),
    "memory-below": ("▓", "=", "cyan"),
    "launch": ("╱", "/", "red"),
    "fill": ("∙", ".", "yellow"),
    "drain": ("▁", "_", "yellow"),
    "exposed": ("░", "-", "magenta"),
    "collectives": ("▒", "+", "green"),
    "router": ("▞", "%", "bright_magenta"),
    "other": ("▚", "?", "white"),
}
"""Of the kind of a part: its sign, the one in ASCII, and its style as Rich names it."""

SHADES, ASCII_SHADES = " ░▒▓█", " .-=#"
"""Signs of how busy a piece of time is: not at all, then up to a third, two thirds, nearly all, and all."""


@dataclass(frozen=True)
class Segment:
    """Equal characters of a line, and their style."""

    text: str
    style: str


def stacked(
    parts: Sequence[tuple[str, float]], whole: float, width: int, ascii_only: bool = False
) -> tuple[Segment, ...]:
    """Parts of a ledger behind each other; `whole` takes all of the width.

    Each part ends at the character nearest to its end, so that errors do not add up.
    """
    found, at, done = list[Segment](), 0.0, 0
    for name, amount in parts:
        at += amount
        end = min(width, round(at / whole * width)) if whole > 0 else 0
        if end > done:
            found.append(Segment(sign(name, ascii_only) * (end - done), style(name)))
            done = end
    return tuple(found)


def key(parts: Iterable[str], ascii_only: bool = False) -> tuple[tuple[Segment, str], ...]:
    """The sign of each part of a ledger, and what it means."""
    return tuple(
        (Segment(sign(name, ascii_only), style(name)), PARTS[name][1] if name in PARTS else name)
        for name in parts
    )


def timeline(spans: Iterable[Span], cycles: int, width: int, ascii_only: bool = False) -> str:
    """How busy each piece of a call is, as a sign; `cycles` take all of the width."""
    shades = ASCII_SHADES if ascii_only else SHADES
    shares = [0.0] * width
    for piece in pieces(spans, width / max(1, cycles), 8 * width):
        for at, share in _shares(piece, width / max(1, cycles)).items():
            if at < width:
                shares[at] += share
    return "".join(shades[_shade(share)] for share in shares)


def sign(part: str, ascii_only: bool = False) -> str:
    """The character of a part of a ledger."""
    return SIGNS[_kind(part)][1 if ascii_only else 0]


def style(part: str) -> str:
    """The style of a part of a ledger, as Rich names it."""
    return SIGNS[_kind(part)][2]


def _kind(part: str) -> str:
    return PARTS[part][0] if part in PARTS else "other"


def _shares(piece: Piece, scale: float) -> Mapping[int, float]:
    """How much of each character a piece makes busy; what it has is spread evenly over it."""
    start, end = piece.start * scale, piece.end * scale
    if end <= start:
        return {}
    density = piece.busy / (piece.end - piece.start)
    return {
        at: density * (min(at + 1, end) - max(at, start))
        for at in range(int(start), int(end) + (end % 1 > 0))
    }


def _shade(share: float) -> int:
    """From not busy at all to busy all the time; what is a little busy, or a little idle, shows it."""
    if share <= 0:
        return 0
    return 4 if share > 0.985 else 1 if share < 1 / 3 else 2 if share < 2 / 3 else 3
