"""The picture of a chip has each unit once, in the right colour, and the loads that were counted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from picture_reading import SVG, Found, elements, having, read, texts

from kl.backends.floorplans import (
    Floorplan,
    KernelPlan,
    LinkLoad,
    Place,
    PlacedChannel,
    PlacedStage,
    PortLoad,
)
from kl.explore.pages.palette import STAGES
from kl.tools.pictures import chip, links
from kl.tools.pictures.cells import Grid
from kl.tools.pictures.labels import Label, rows
from kl.tools.pictures.svg import WIDTH

DIES, COLUMNS, ROWS = 2, 5, 4
PATH = [(column, row) for column in range(DIES * COLUMNS) for row in range(ROWS)]


def kernel() -> KernelPlan:
    """Three stages of which one goes over both dies, one has a single unit, and one has none."""
    stages = (
        PlacedStage("matmul.w", "m.kl:3:4", tuple(PATH[:25])),
        PlacedStage("add<x>", "", (PATH[26],)),
        PlacedStage("rope", "", ()),
    )
    channels = (
        PlacedChannel("w", ("matmul.w",), 4, 1024, tuple(PATH[2:9])),
        PlacedChannel("rest", (), 1, 8, (PATH[30],), resident=True),
    )
    loads = (
        *(LinkLoad((column, 1), (column + 1, 1), 10.0 + column) for column in range(9)),
        LinkLoad((5, 2), (5, 3), 63.9),
        LinkLoad((5, 3), (5, 2), 0.0),
    )
    ports = (PortLoad((0, 1), 30.0, 2.0), PortLoad((9, 1), 10.5, 0.0))
    return KernelPlan("loop", stages, channels, loads, ports)


def plan(found: KernelPlan) -> Floorplan:
    return Floorplan(DIES, COLUMNS, ROWS, 36, 38, 64.0, (found,), "assumed: none is published")


def drawn(found: KernelPlan) -> Found:
    return read(chip.draw(plan(found), found, "t"))


def cells(path: Found) -> list[Place]:
    """The cells of a path, of its runs of rows."""
    runs = [run.replace("-", ":").split(":") for run in path.attrib["data-cells"].split()]
    return [(int(column), row) for column, first, last in runs for row in range(int(first), int(last) + 1)]


def test_coloured_cells_are_those_of_the_stages_and_no_unit_is_coloured_twice():
    root = drawn(kernel())
    for unit, areas in (("PCU", kernel().stages), ("PMU", kernel().channels)):
        paths = [one for one in having(root, "data-unit") if one.attrib["data-unit"] == unit]
        coloured = [cell for path in paths for cell in cells(path)]
        assert sorted(coloured) == sorted(cell for area in areas for cell in area.cells)
        assert len({*coloured}) == len(coloured)
        assert sum(int(path.attrib["data-count"]) for path in paths) == len(coloured)


def test_a_path_goes_around_its_cells():
    grid = Grid(DIES, COLUMNS, ROWS)
    for path in having(drawn(kernel()), "data-unit"):
        area = 0.0
        for run in path.attrib["d"].split("M")[1:]:
            place, wide, high = run.removesuffix("z").replace("v", "h").split("h")[:3]
            x, y = map(float, place.split())
            area += float(wide) * float(high)
            assert any(abs(grid.x(column) - x) < 0.01 for column, _ in cells(path))
            assert any(abs(row * grid.cell - y) < 0.01 for _, row in cells(path))
        assert area == pytest.approx(grid.cell**2 * int(path.attrib["data-count"]), rel=0.001)


def test_a_channel_has_the_colour_of_its_reader():
    colour = {one.attrib["data-name"]: one.attrib["class"] for one in having(drawn(kernel()), "data-unit")}
    assert colour["w"] == colour["matmul.w"] != colour["add<x>"]
    assert colour["rest"] == "other"


def test_stages_are_named_and_the_floor_plan_says_that_it_is_assumed():
    found = texts(drawn(kernel()))
    assert {"matmul.w", "add<x>", "Floor plan: assumed: none is published"} <= {*found}
    assert "Stages on compute units (PCUs): 26 of 36" in found
    assert [one for one in found if one.startswith("Channels on memory units") and ": 8 of 38" in one]


def test_the_busiest_link_is_marked_with_its_load():
    root = read(chip.draw(plan(kernel()), kernel(), "t", hottest="compile.floorplan.hottest"))
    (mark,) = having(root, "data-bytes")
    assert mark.attrib["data-bytes"] == "63.9"
    (value,) = having(root, "data-path")
    assert (value.attrib["data-path"], value.attrib["data-value"]) == ("compile.floorplan.hottest", "63.9")
    assert "Load of the links: 10 used, the busiest carries 63.9 of 64 bytes a cycle" in texts(root)


def test_heat_ends_at_what_a_link_can_carry():
    def level(load: float) -> int:
        return links.level(LinkLoad((0, 0), (1, 0), load), plan(kernel()))

    assert [level(load) for load in (0.1, 8.0, 31.9, 32.0, 63.9, 64.0, 99.0)] == [0, 1, 3, 4, 7, 7, 7]
    paths = [*having(drawn(kernel()), "data-links")]
    assert sum(int(path.attrib["data-links"]) for path in paths) == 10
    assert [path.attrib["data-most"] for path in paths] == ["15.0", "18.0", "63.9"]


def test_links_behind_each_other_are_one_line_and_both_directions_are_beside_each_other():
    there = tuple(LinkLoad((column, 1), (column + 1, 1), 5.0) for column in range(4))
    back = tuple(LinkLoad((column + 1, 1), (column, 1), 5.0) for column in range(4))
    (path,) = having(drawn(replace(kernel(), links=there + back)), "data-links")
    heights = {segment.split("H")[0].split()[1] for segment in path.attrib["d"].split("M")[1:]}
    assert path.attrib["d"].count("M") == len(heights) == 2


def test_ports_say_what_each_edge_moves():
    edges = {one.attrib["data-edge"]: one.attrib for one in having(drawn(kernel()), "data-edge")}
    assert (edges["left"]["data-in"], edges["left"]["data-out"]) == ("30.0", "2.0")
    assert (edges["right"]["data-in"], edges["right"]["data-out"]) == ("10.5", "0.0")
    assert not [*having(drawn(replace(kernel(), ports=())), "data-edge")]


@pytest.mark.parametrize(
    ("moved", "said"),
    [(0.0, "0"), (0.004, "<0.01"), (0.23, "0.23"), (1.0, "1"), (9.44, "9.4"), (9.6, "10"), (1234.5, "1,234")],
)
def test_a_small_load_is_not_nothing(moved: float, said: str):
    loads = (PortLoad((0, 1), 30.0, moved),)
    words = f"left edge: 30 bytes a cycle in, {said} out"
    assert words in texts(drawn(replace(kernel(), ports=loads)))


def test_a_kernel_without_traffic_says_so():
    assert "Links: none carries anything" in texts(drawn(replace(kernel(), links=(), ports=())))


def test_a_unit_of_two_stages_or_outside_the_chip_is_an_error():
    first, *others = kernel().stages
    twice = replace(first, name="again", cells=(PATH[3],))
    with pytest.raises(ValueError, match=r"PCU \(0, 3\) is given to matmul.w and to again"):
        drawn(replace(kernel(), stages=(first, twice)))
    with pytest.raises(ValueError, match=r"PCU \(10, 0\) of far is outside"):
        drawn(replace(kernel(), stages=(replace(first, name="far", cells=((10, 0),)), *others)))


def test_a_full_chip_with_all_its_links_stays_small():
    path = [(column, row) for column in range(52) for row in range(20)]
    stages = tuple(PlacedStage(f"stage.{at}", "", tuple(path[at * 26 : at * 26 + 26])) for at in range(40))
    steps = ((1, 0), (-1, 0), (0, 1), (0, -1))
    loads = tuple(
        LinkLoad((x, y), (x + right, y + down), (x * 7 + y * 3) % 64 + 0.5)
        for x, y in path
        for right, down in steps
        if 0 <= x + right < 52 and 0 <= y + down < 20
    )
    full = KernelPlan("full", stages, (), loads)
    picture = chip.draw(Floorplan(2, 26, 20, 1040, 1040, 64.0, (full,), "assumed"), full, "t")
    assert elements(read(picture)) <= 600
    assert len(picture.inline()) <= 130_000
    assert (
        picture.inline()
        == chip.draw(Floorplan(2, 26, 20, 1040, 1040, 64.0, (full,), "assumed"), full, "t").inline()
    )


def test_very_many_small_stages_are_drawn_together_and_no_cell_is_lost():
    path = [(column, row) for column in range(52) for row in range(20)]
    stages = tuple(PlacedStage(f"s{at}", "", (cell,)) for at, cell in enumerate(path))
    channels = tuple(PlacedChannel(f"c{at}", (f"s{at}",), 1, 1, (cell,)) for at, cell in enumerate(path))
    crowd = KernelPlan("crowd", stages, channels, ())
    root = read(chip.draw(Floorplan(2, 26, 20, 1040, 1040, 64.0, (crowd,), "assumed"), crowd, "t"))
    assert elements(root) <= 1500
    for unit in ("PCU", "PMU"):
        paths = [one for one in having(root, "data-unit") if one.attrib["data-unit"] == unit]
        assert sorted(cell for one in paths for cell in cells(one)) == path
        for one in paths:
            colour = {f"stage-{path.index(cell) % len(STAGES)}" for cell in cells(one)}
            assert colour == {one.attrib["class"]}


def test_names_beside_each_other_do_not_overlap_and_stay_inside():
    labels = [
        Label(f"name.of.{at}", "other", x, 0) for at, x in enumerate((0, 1, 5, 90, 400, 405, 410, 839, 840))
    ]
    placed = rows(labels)
    assert sum(map(len, placed)) == len(labels)
    for row in placed:
        ends = [(left, left + len(label.name) * 6.6 + 8) for label, left in row]
        assert all(end < start for (_, end), (start, _) in pairwise(ends))
        assert all(start >= 0 and end <= WIDTH for start, end in ends)


def test_titles_of_areas_say_units_and_line():
    titles = [one.text for one in drawn(kernel()).iter(f"{SVG}title")]
    assert "matmul.w: 25 PCUs, from m.kl:3:4" in titles
    assert "w: 7 PMUs, 4 tiles of 1,024 bytes, for matmul.w" in titles
