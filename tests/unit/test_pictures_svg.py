"""Markup of pictures: escaped, short, the same everywhere, whole without a page; and colours one can read."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

import pytest
from picture_reading import read

from kl.explore.pages import palette
from kl.tools.pictures.svg import Picture, Value, element, number, shortened, text, text_width, told_apart

FULL_CONTRAST = 4.5
"""What text needs (WCAG AA)."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, "3"), (3.0, "3"), (0.004, "0"), (-0.001, "0"), (12.345, "12.35"), (12.5, "12.5"), (1e6, "1000000")],
)
def test_numbers_are_short(value: float, expected: str):
    assert number(value) == expected


def test_hostile_texts_are_texts():
    words = "]]></text><script>alert(1)</script>&amp;\"'\x00\ud800"
    picture = Picture("x", words, words, 10, (text(0, 0, Value(words, words, 1.5), data_name=words),))
    root = read(picture)
    assert [one.tag.split("}")[1] for one in root.iter()] == ["svg", "title", "desc", "style", "text"]
    clean = words.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert root[0].text == root[3].text == root[3].attrib["data-path"] == clean


def test_empty_elements_and_attributes():
    assert str(element("rect", x=1, class_="a", data_b=None, hidden=True, off=False)) == (
        '<rect x="1" class="a" hidden=""/>'
    )
    assert str(element("g")) == "<g></g>"


def test_a_picture_says_what_it_is_and_needs_nothing_else():
    found = Picture("some-name", "Title", "What is seen.", 50, (text(0, 10, "a"),))
    root = read(found)
    assert (root.attrib["role"], root.attrib["viewBox"]) == ("img", "0 0 840 50")
    assert root.attrib["aria-labelledby"] == f"{root[0].attrib['id']} {root[1].attrib['id']}"
    alone = found.standalone()
    assert not re.search(r"url\(|@import|href|var\(", alone)
    assert "prefers-color-scheme:dark" in alone
    assert alone.count("http") == 1, "the name space, which nobody asks for"
    assert "<style" not in found.inline()


def test_shortened_texts_keep_both_ends_and_fit():
    assert shortened("matmul.w", 100) == "matmul.w"
    short = shortened("rms_norm.attention_norm", 60, 11)
    assert (short[:3], short[-3:], "…" in short) == ("rms", "orm", True)
    assert text_width(short, 11) <= 60


def test_shortened_names_keep_what_tells_them_apart():
    names = ("rms_norm.attention_norm", "rms_norm.ffn_norm", "matmul.w", "a" * 30)
    assert [shortened(one, 75, 11, told_apart(one)) for one in names] == [
        "…ntion_norm",
        "rm…ffn_norm",
        "matmul.w",
        "aaaaa…aaaaa",
    ]
    assert all(text_width(shortened(one, 75, 11, told_apart(one)), 11) <= 75 for one in names)


def luminance(color: str) -> float:
    """Of a colour, relative to white (WCAG)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(scheme: str):
    def of(name: str) -> str:
        return getattr(palette.PAGE[name], scheme)

    grounds = ("page", "card", "code", "added", "removed")
    pairs = {
        (ink, ground): contrast(of(ink), of(ground))
        for ink in ("text", "soft", "accent", "bad", "good")
        for ground in grounds
    }
    assert {pair: found for pair, found in pairs.items() if found < FULL_CONTRAST} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_matters_stands_out_from_its_ground(scheme: str):
    def of(name: str) -> str:
        return getattr(palette.KINDS[name], scheme)

    for busy in ("launch", "memory-full", "ddr"):
        assert contrast(of(busy), of("idle")) >= 3, busy
    assert contrast(of("launch"), of("kernel")) >= 2


def distance(one: str, other: str) -> float:
    """Between two colours, in the red, green and blue of a screen."""
    return sum((int(one[at : at + 2], 16) - int(other[at : at + 2], 16)) ** 2 for at in (1, 3, 5)) ** 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_stages_beside_each_other_differ_most(scheme: str):
    colors = [getattr(color, scheme) for color in palette.STAGES]
    assert len({*colors}) == len(colors)
    assert min(distance(*pair) for pair in pairwise((*colors, colors[0]))) >= 75
    assert min(distance(*pair) for pair in combinations(colors, 2)) >= 40


def test_a_stage_keeps_its_colour_and_classes_go_round():
    names = [f"stage.{at}" for at in range(len(palette.STAGES) + 1)]
    found = palette.stage_classes([*names, *names])
    assert [*found] == names
    assert found[names[0]] == found[names[-1]] == "stage-0"
    assert len({*found.values()}) == len(palette.STAGES)


def test_every_class_has_a_colour_in_both_schemes():
    light, dark = palette.picture_style().split("@media")
    for name in palette.classes():
        assert f".{name}{{" in light
        assert f".{name}{{" in dark


def test_the_smallest_text_has_eleven_pixels():
    rules = palette.picture_style() + palette.page_style()
    assert min(int(size) for size in re.findall(r"font(?:-size)?: ?(\d+)px", rules)) >= 11


def test_a_page_has_its_colours_as_variables_that_exist():
    style = palette.page_style()
    assert {*re.findall(r"var\(--([\w-]+)\)", style)} <= {*palette.PAGE}
    assert style.count("{") == style.count("}")
