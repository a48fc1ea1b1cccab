"""Pictures of time say what the data says: each place, one scale, exact sums; and they stay small."""

from __future__ import annotations

from dataclasses import replace

import pytest
from picture_reading import SVG, Found, elements, having, read, texts

from kl.backends.intervals import Intervals, Span, Track, Window
from kl.tools.pictures import magnifier, strips, timelines
from kl.tools.pictures.ledger import LedgerBar
from kl.tools.pictures.ledger import draw as draw_ledger
from kl.tools.pictures.svg import WIDTH, Value
from kl.tools.pictures.timelines import Timeline

CLOCK, LAUNCH, LAYER = 1_600_000_000, 19_200, 400_000


def one_by_one(layers: int, memory: int = LAYER // 7) -> Intervals:
    """A call of a kernel for each layer; the memory works in many short spans."""
    starts = [LAUNCH + at * (LAUNCH + LAYER) for at in range(layers)]
    tracks = (
        Track("launches", "launch", tuple(Span(start - LAUNCH, LAUNCH, "launch") for start in starts)),
        Track("kernels", "kernel", tuple(Span(start, LAYER, "layer") for start in starts)),
        Track("HBM", "hbm", tuple(Span(start + 50, 3, "", 7, memory) for start in starts)),
    )
    return Intervals(layers * (LAUNCH + LAYER), CLOCK, tracks)


def in_a_loop(layers: int) -> Intervals:
    """One call of all layers, with two stages in its first two layers."""
    tracks = (
        Track("launches", "launch", (Span(0, LAUNCH, "launch"),)),
        Track("kernels", "kernel", (Span(LAUNCH, LAYER * layers, "loop"),)),
        Track("HBM", "hbm", (Span(LAUNCH, LAYER - 1000, "", LAYER, layers),)),
    )
    stages = (
        Track("matmul.w<q>", "stage", (Span(LAUNCH + 100, 5000, "", LAYER, layers),), "loop"),
        Track('add."x"&y', "stage", (Span(LAUNCH + 9000, 30, "", 100, 500),), "loop"),
    )
    return Intervals(LAUNCH + layers * LAYER, CLOCK, tracks, Window(LAUNCH, LAUNCH + 2 * LAYER, stages))


def both(layers: int) -> list[Timeline]:
    ticks = (Span(LAUNCH, 0, "", LAYER, layers),)
    return [Timeline("one by one", one_by_one(layers)), Timeline("looped", in_a_loop(layers), (), ticks)]


def check_places(root: Found, group: str) -> set[str]:
    """Each rectangle lies and ends where its cycles say; the scales of all groups."""
    scales = set[str]()
    for found in having(root, group):
        scales.add(found.attrib["data-scale"])
        scale = float(found.attrib["data-scale"])
        for rect in having(found, "data-start"):
            cycles = int(rect.attrib.get("data-length", rect.attrib["data-cycles"]))
            assert abs(float(rect.attrib["x"]) - int(rect.attrib["data-start"]) * scale) <= 0.1
            assert abs(float(rect.attrib["width"]) - cycles * scale) <= 0.1
    return scales


def coverage(root: Found, row: str) -> list[int]:
    """The busy cycles of each strip of a kind, by its rectangles."""
    return [
        sum(int(rect.attrib["data-cycles"]) for rect in having(found, "data-start"))
        for found in having(root, "data-row")
        if found.attrib["data-row"] == row
    ]


@pytest.mark.parametrize("layers", [3, 32, 1000])
def test_all_timelines_have_one_scale_and_each_rectangle_its_place(layers: int):
    root = read(timelines.draw("t", both(layers)))
    scales = check_places(root, "data-timeline")
    assert len(scales) == 1
    longest = max(one.intervals.cycles for one in both(layers))
    assert float(scales.pop()) * longest == pytest.approx(WIDTH - timelines.LEFT - timelines.RIGHT)


@pytest.mark.parametrize("layers", [3, 1000])
def test_strips_cover_as_many_cycles_as_the_memory_is_busy(layers: int):
    root = read(timelines.draw("t", both(layers)))
    expected = [LAYER // 7 * 3 * layers, (LAYER - 1000) * layers]
    assert coverage(root, "hbm") == expected
    assert coverage(root, "calls") == [one.intervals.cycles for one in both(layers)]
    busy = [
        int(strip.attrib["data-busy"])
        for row in having(root, "data-row")
        if row.attrib["data-row"] == "hbm"
        for strip in having(row, "data-busy")
    ]
    assert busy == expected


def test_a_thousand_layers_need_no_more_elements_than_fit():
    assert elements(read(timelines.draw("t", both(1000)))) <= 1500
    many = tuple(Span(at * 50, 20 + at % 7, f"k{at}") for at in range(20_000))
    crowded = replace(in_a_loop(2), cycles=1_000_000, tracks=(Track("kernels", "kernel", many),))
    assert elements(read(timelines.draw("t", [Timeline("crowded", crowded)]))) <= 1500


def test_the_area_of_a_band_is_its_busy_time_and_calls_fill_their_row():
    root = read(timelines.draw("t", both(1000)))
    for timeline in having(root, "data-timeline"):
        for row in having(timeline, "data-row"):
            high = timelines.CALL if row.attrib["data-row"] == "calls" else timelines.SERVER
            for rect in having(row, "data-start"):
                cycles = int(rect.attrib["data-cycles"])
                expected = max(strips.LOWEST, high * cycles / int(rect.get("data-length", cycles)))
                assert float(rect.attrib["height"]) == pytest.approx(expected, abs=0.01)
                bottom = float(rect.get("y", "0")) + float(rect.attrib["height"])
                assert bottom == pytest.approx(high, abs=0.01) or "y" not in rect.attrib


def test_layers_are_counted_and_what_a_call_does_not_use_has_no_row():
    root = read(timelines.draw("t", both(32)))
    assert [found.attrib["data-layers"] for found in having(root, "data-layers")] == ["32"]
    assert "links" not in texts(root)
    used = replace(in_a_loop(2), tracks=(*in_a_loop(2).tracks, Track("links", "links", (Span(0, 9),))))
    assert "links" in texts(read(timelines.draw("t", [Timeline("used", used)])))


def test_a_memory_that_is_not_used_is_seen_to_idle():
    unused = replace(in_a_loop(2), tracks=())
    root = read(timelines.draw("t", [Timeline("a", unused)]))
    assert coverage(root, "hbm") == [0]
    assert "HBM" in texts(root)


def test_clocks_that_differ_have_no_common_scale():
    other = replace(in_a_loop(2), clock_hz=CLOCK // 2)
    with pytest.raises(ValueError, match="one clock, not 2"):
        timelines.draw("t", [Timeline("a", in_a_loop(2)), Timeline("b", other)])


def test_names_and_values_are_escaped_and_say_where_they_stand():
    name = "<script>&\"'\x00"
    values = (Value("9.4 ms", "compare.0.seconds", 0.0094),)
    picture = timelines.draw(name, [Timeline(name, in_a_loop(2), values)])
    root = read(picture)
    assert "<script" not in picture.inline()
    assert "<script>&\"'\ufffd" in texts(root)
    (value,) = having(root, "data-path")
    assert (value.attrib["data-path"], value.attrib["data-value"], value.text) == (
        "compare.0.seconds",
        "0.0094",
        "9.4 ms",
    )


def test_pictures_are_the_same_bytes_again():
    assert timelines.draw("t", both(32)).standalone() == timelines.draw("t", both(32)).standalone()
    assert magnifier.draw("t", both(9)).standalone() == magnifier.draw("t", both(9)).standalone()


def windows() -> list[Timeline]:
    """Two windows, of which the second one is shorter than the first."""
    first = in_a_loop(5)
    window = first.window
    assert window is not None
    short = replace(first, window=replace(window, end=window.begin + LAYER))
    return [Timeline("long", first), Timeline("short", short)]


def test_a_magnified_window_has_its_stages_at_their_places():
    root = read(magnifier.draw("t", windows()))
    assert len(check_places(root, "data-magnifier")) == 1
    rows = {row.attrib["data-name"]: row for row in having(root, "data-row")}
    assert {"matmul.w<q>", 'add."x"&y', "HBM", "calls"} == {*rows}
    assert coverage(root, "stage") == [10_000, 15_000, 5_000, 15_000]
    assert coverage(root, "hbm") == [2 * (LAYER - 1000), LAYER - 1000]


def test_what_is_too_short_to_be_seen_has_a_mark_and_keeps_its_width():
    (first, *_) = windows()
    blink = Track("blink", "stage", (Span(LAUNCH + 1000, 3, "", 100_000, 4),), "loop")
    window = first.intervals.window
    assert window is not None
    seen = replace(first.intervals, window=replace(window, stages=(*window.stages, blink)))
    root = read(magnifier.draw("t", [Timeline("a", seen)]))
    check_places(root, "data-magnifier")
    (row,) = (row for row in having(root, "data-row") if row.attrib["data-name"] == "blink")
    assert [mark.attrib["data-marks"] for mark in having(row, "data-marks")] == ["4"]
    assert coverage(root, "hbm") == [2 * (LAYER - 1000)]


def test_what_a_window_leaves_out_is_hatched_and_not_idle():
    root = read(magnifier.draw("t", windows()))
    long, short = having(root, "data-magnifier")

    def hatched(panel: Found) -> list[str]:
        return [one.attrib["data-kind"] for one in having(panel, "data-kind")]

    assert (hatched(long), hatched(short)) == ([], ["not-recorded"])
    scale = float(short.attrib["data-scale"])
    grounds = [one for one in short.iter(f"{SVG}rect") if one.get("class") == "idle"]
    assert all(abs(float(one.attrib["width"]) - LAYER * scale) < 0.01 for one in grounds)
    assert "not recorded" in texts(root)


def test_what_ends_with_its_call_is_not_hatched():
    first, second = windows()
    window = second.intervals.window
    assert window is not None
    ended = replace(second, intervals=replace(second.intervals, cycles=window.end))
    assert not [*having(read(magnifier.draw("t", [first, ended])), "data-kind")]


def test_no_window_is_an_error():
    with pytest.raises(ValueError, match="windows of one clock"):
        magnifier.draw("t", [Timeline("a", one_by_one(2))])


def bars() -> list[LedgerBar]:
    parts = (("memory_full_rate", 1600), ("launch", 16_000), ("fill", 0), ("sleep", 3))
    long = LedgerBar("long", parts, 1500.5, CLOCK, path="compare.0.ledger_cycles")
    short = LedgerBar("eight tokens", parts, 1500.5, CLOCK, tokens=8)
    return [long, short]


def test_a_ledger_has_one_scale_and_each_part_behind_the_other():
    root = read(draw_ledger("t", bars()))
    groups = [*having(root, "data-ledger")]
    assert len({group.attrib["data-scale"] for group in groups}) == 1
    for group, bar in zip(groups, bars(), strict=True):
        scale, at = float(group.attrib["data-scale"]), 0
        for part in having(group, "data-part"):
            cycles = int(part.attrib["data-cycles"])
            assert abs(float(part.attrib["x"]) - bar.seconds(at) * scale) <= 0.1
            assert abs(float(part.attrib["width"]) - bar.seconds(cycles) * scale) <= 0.1
            at += cycles
        assert at == bar.cycles
        (mark,) = having(group, "data-roofline")
        x = float(mark.attrib["d"].split()[0].removeprefix("M"))
        assert abs(x - bar.seconds(bar.roofline_cycles) * scale) <= 0.1


def test_the_numbers_of_a_ledger_say_where_they_stand():
    root = read(draw_ledger("t", bars()))
    found = {one.attrib["data-path"]: one.attrib["data-value"] for one in having(root, "data-path")}
    assert found == {f"compare.0.ledger_cycles.{name}": str(cycles) for name, cycles in bars()[0].parts}
    assert "10 µs" in texts(root)
    assert "1.25 µs" in texts(root)


def test_a_ledger_without_a_bar_is_an_error():
    with pytest.raises(ValueError, match="needs a bar"):
        draw_ledger("t", [])
