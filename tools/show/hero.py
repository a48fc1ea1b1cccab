"""The picture that says what looping is: one call a layer, and one call for all layers, on one scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...backends.tables import time_text
from ..pictures import timelines
from ..pictures.svg import Picture, Value
from ..pictures.timelines import Timeline
from .collection import MAIN, Drawn, Shown

WORDS = "One call for all layers instead of one for each: the next weights arrive while a layer computes."
LABELS = {"fused": "one call a layer", MAIN: "looped"}
"""The variants that it holds against each other."""


def hero(shown: Shown) -> Iterator[Picture]:
    """The picture, if both variants can be built."""
    lines = [_line(one) for one in shown.drawn if one.name in LABELS and one.timing.intervals is not None]
    if len(lines) == len(LABELS):
        picture = timelines.draw(f"Kernel looping: one token of {shown.title}", lines, WORDS)
        yield replace(picture, name="hero")


def _line(one: Drawn) -> Timeline:
    assert one.timing.intervals is not None, "who asks has looked"
    timing, calls = one.timing, one.timing.kernel_calls
    values = (
        Value(time_text(timing.seconds)),
        Value(f"{timing.tokens_per_second:,.0f} tokens/s"),
        Value(f"{calls} calls"),
    )
    return Timeline(LABELS[one.name], one.timing.intervals, values, one.layers if one.name == MAIN else ())
