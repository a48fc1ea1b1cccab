"""Pictures and tables of a what-if: all answers are in them, at the places that their numbers say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import log2
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from whatif_answers import ASKED, BASE, LONG, parameter

from kl.tools.pictures import curves, matrix, notes, tornado
from kl.tools.pictures.svg import WIDTH, Picture
from kl.tools.show.what_if import what_if_section
from kl.tools.whatif.answers import Curve, Refused, Time
from kl.tools.whatif.text import print_what_if

SVG = "{http://www.w3.org/2000/svg}"


def elements(picture: Picture, tag: str) -> Iterator[Element]:
    return ElementTree.fromstring(picture.standalone()).iter(SVG + tag)


def words(picture: Picture) -> str:
    """All texts of a picture, notes that go on in another line as one."""
    return " ".join("".join(one.itertext()) for one in elements(picture, "text"))


def bars() -> dict[tuple[str, str], Element]:
    found = [one for one in elements(tornado.draw(ASKED), "rect") if "data-parameter" in one.attrib]
    return {(one.attrib["data-parameter"], one.attrib["data-change"]): one for one in found}


def test_bars_reach_from_the_time_as_it_is_to_that_of_the_change():
    found = bars()
    assert {*found} == {("width", "halved"), ("width", "doubled"), ("clock", "doubled")}
    halved, doubled = found["width", "halved"], found["width", "doubled"]
    one = float(halved.attrib["x"])
    assert float(doubled.attrib["x"]) + float(doubled.attrib["width"]) == pytest.approx(one, abs=0.02)
    scale = float(halved.attrib["width"])  # of a factor of two
    for bar in found.values():
        factor = float(bar.attrib["data-seconds"]) / BASE.seconds
        assert float(bar.attrib["width"]) == pytest.approx(abs(log2(factor)) * scale, abs=0.02)
    assert one + scale <= WIDTH


def test_what_has_no_bar_is_named_and_no_reason_is_cut_off():
    shown = words(tornado.draw(ASKED))
    assert f"clock halved: refused, {LONG}" in shown
    assert "Changes nothing: still (assumed)." in shown
    assert "little (assumed) +0.01 % / −0.01 %" in shown
    rows = [one.attrib["data-row"] for one in elements(tornado.draw(ASKED), "g") if "data-row" in one.attrib]
    assert rows == ["width", "clock"], "what changes most comes first"


def test_values_that_nobody_has_published_stand_out():
    found = {one.text: one.attrib["class"] for one in elements(tornado.draw(ASKED), "text")}
    assert found["published"] == "soft small"
    assert "set" in found, "the source of a value that was set says nothing of it"
    sure = replace(ASKED, sensitivities=(replace(ASKED.sensitivities[2], parameter=parameter("fit")),))
    assert {one.text: one.attrib["class"] for one in elements(tornado.draw(sure), "text")}[
        "assumed"
    ].endswith("strong")


def test_a_tornado_needs_a_time_to_compare_with():
    with pytest.raises(ValueError, match="nothing to compare with"):
        tornado.draw(replace(ASKED, base=Refused("", "too large")))


def test_each_point_of_a_curve_is_a_mark_or_a_cross_with_its_reason():
    picture = curves.draw(ASKED)
    points = [one.attrib for one in elements(picture, "circle") if "data-value" in one.attrib]
    found = [(one["data-axis"], int(one["data-value"]), float(one["data-seconds"])) for one in points]
    assert found == [("sockets", 1, 0.02), ("sockets", 2, 0.01), ("batch", 1, 0.01), ("batch", 4, 0.002)]
    assert [
        one.attrib["data-refused"] for one in elements(picture, "text") if "data-refused" in one.attrib
    ] == ["2"]
    shown = words(picture)
    assert f"✕ batch 2: refused, {LONG}" in shown
    assert "* batch 4: 5 kernel calls a step, 4 as given" in shown
    assert "No curve over context: no cache is read" in shown


def test_the_roof_is_above_what_is_reached_and_lines_break_where_a_value_is_refused():
    lines = [one.attrib for one in elements(curves.draw(ASKED), "path") if "data-line" in one.attrib]
    assert [one["data-line"] for one in lines] == ["roof", "attainable", "reached"] * 2
    heights = [[float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", one["d"])] for one in lines]
    for roof, attainable, reached in (heights[:3], heights[3:]):
        assert all(a < b < c for a, b, c in zip(roof, attainable, reached, strict=True)), "up is less"
    assert [one["d"].count("M") for one in lines] == [1, 1, 1, 2, 2, 2]


def test_numbers_of_points_near_the_axis_stand_above_it():
    low = [Time("", 0.01, tokens, 4, 1e7, 9e6) for tokens in (20_000.0, 15_062.0)]
    picture = curves.draw(replace(ASKED, curves=(Curve("sockets", 1, ((1, low[0]), (16, low[1]))),)))
    places = {one.text: float(one.attrib["y"]) for one in elements(picture, "text")}
    [axis] = {places["1"], places["16"]}
    assert max(places["20,000"], places["15,062"]) <= axis - 20


def test_cells_have_their_times_and_refused_ones_their_reasons():
    picture = matrix.draw(ASKED)
    found = [
        float(one.attrib["data-seconds"]) for one in elements(picture, "text") if "data-seconds" in one.attrib
    ]
    assert found == [0.02, 0.01, 0.3]
    assert f"[1] refused: {LONG}" in words(picture)
    assert "2 sockets, as given" in words(picture)
    bars = [
        float(one.attrib["width"])
        for one in elements(picture, "rect")
        if one.attrib["class"] == "memory-full"
    ]
    whole = [float(one.attrib["width"]) for one in elements(picture, "rect") if one.attrib["class"] == "idle"]
    assert bars == pytest.approx([0.8 * width for width in whole], abs=0.02)


def test_notes_keep_every_word_and_stay_within_the_picture():
    drawn, end = notes.notes([LONG, "short"], 100)
    assert " ".join("".join(map(str, one.children)) for one in drawn) == f"{LONG} short"
    assert max(float(dict(one.attributes)["y"]) for one in drawn) < end
    assert all(len("".join(map(str, one.children))) * 11 * 0.56 < WIDTH for one in drawn)


def test_the_section_has_all_points_in_tables():
    section = what_if_section(ASKED)
    assert [one.name for one in section.pictures] == ["tornado", "curves", "matrix"]
    markup = "".join(section.parts)
    for text in (
        "SN40: published",
        "Assumed: why not",
        "the same",
        "no curve: no cache is read",
        "20 ms, ×2",
    ):
        assert text in markup
    refused = what_if_section(replace(ASKED, base=Refused("", "it is too large"), sensitivities=()))
    assert [one.name for one in refused.pictures] == ["curves", "matrix"]
    assert "it is too large" in "".join(refused.parts)


def test_the_text_has_all_answers(capsys: pytest.CaptureFixture[str]):
    print_what_if(ASKED)
    shown = capsys.readouterr().out
    assert re.search(r"^width +8 +units +published +2.00000x +0.50000x$", shown, re.MULTILINE)
    assert f"clock halved is refused: {LONG}" in shown
    assert "changing nothing: still" in shown
    assert f"2 is refused: {LONG}" in shown
    assert f"big --sockets 1 is refused: {LONG}" in shown
    assert re.search(r"^big +refused +3.3$", shown, re.MULTILINE)
