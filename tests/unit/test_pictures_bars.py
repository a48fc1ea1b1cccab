"""Bars in characters: their lengths are right, and they say the same without colours."""

from __future__ import annotations

import pytest

from kl.backends.intervals import Span
from kl.tools.pictures.bars import ASCII_SHADES, SIGNS, key, stacked, timeline
from kl.tools.pictures.ledger import PARTS

LEDGER = (("memory_full_rate", 50), ("launch", 25), ("fill", 0), ("exposed", 25))


def written(width: int, whole: float = 100, ascii_only: bool = False) -> str:
    return "".join(segment.text for segment in stacked(LEDGER, whole, width, ascii_only))


def test_parts_take_their_share_of_the_width():
    assert written(8) == "████╱╱░░"
    assert written(8, ascii_only=True) == "####//--"
    assert written(8, whole=200) == "██╱░"


def test_a_part_ends_at_the_nearest_character():
    assert [len(stacked([("launch", amount)], 1, 2)) for amount in (0.2, 0.3)] == [0, 1]


@pytest.mark.parametrize("width", [1, 3, 7, 10, 79])
def test_roundings_do_not_add_up(width: int):
    parts = [("launch", 1.0)] * 13
    assert sum(len(segment.text) for segment in stacked(parts, 13, width)) == width
    assert abs(written(width).count("█") - width / 2) <= 0.5


def test_every_part_of_a_ledger_has_a_sign_of_its_own():
    signs = [sign.text for (sign, _) in key(name for name in PARTS if name != "memory_busy")]
    assert len({*signs}) == len(signs)
    assert len({ascii_sign for _, ascii_sign, _ in SIGNS.values()}) == len(SIGNS)
    assert all(ascii_sign.isascii() for _, ascii_sign, _ in SIGNS.values())
    assert key(["own"])[0][1] == "own"


def test_nothing_is_an_empty_bar():
    assert stacked((), 0, 10) == ()
    assert timeline([], 0, 3) == "   "


def test_a_timeline_shows_how_busy_each_piece_is():
    assert timeline([Span(0, 50), Span(70, 5)], 100, 10) == "█████  ▒  "
    assert timeline([Span(0, 10, "", 20, 5)], 100, 10, ascii_only=True) == "# # # # # "
    assert timeline([Span(0, 1, "", 10, 100)], 1000, 4) == "░░░░"


def test_what_is_seldom_busy_is_not_idle_and_what_seldom_idles_is_not_always_busy():
    assert timeline([Span(500, 1)], 10_000, 10) == "░         "
    assert timeline([Span(0, 4900), Span(5100, 4900)], 10_000, 2, ascii_only=True) == ASCII_SHADES[3] * 2
