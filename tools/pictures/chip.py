"""How a kernel lies on the chip: its stages, its channels, and the load of its links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...backends.floorplans import Floorplan, KernelPlan, Place
from ...explore.pages.palette import stage_classes
from . import labels, links
from .cells import Grid, cell_path, check_once, name_place, runs
from .labels import Label
from .svg import Element, Picture, element, group, slug, text

FEW = 0.01
"""The share of a chip's units below which a channel is not named."""

MOST_NAMES, MOST_AREAS = 80, 200
"""Areas of a panel that are named, and that have a path of their own: the largest ones."""


@dataclass(frozen=True)
class _Area:
    """Units that belong to something."""

    name: str
    class_: str
    cells: tuple[Place, ...]
    title: str
    stage: str


def draw(
    plan: Floorplan,
    kernel: KernelPlan,
    title: str,
    colors: Mapping[str, str] | None = None,
    hottest: str = "",
) -> Picture:
    """The dies side by side, three times: compute units, memory units, links.

    A path has the cells of a stage or a channel, `data-cells` in runs: `column:first-last` of rows. `colors`
    are classes of stages, `hottest` where the busiest link's load stands in the JSON of a command.

    Raises: ValueError if two stages or two channels have a unit in common, or one lies outside the chip.
    """
    grid = Grid(plan.dies, plan.columns, plan.rows)
    classes = colors or stage_classes(stage.name for stage in kernel.stages)
    parts = (_stages(kernel, classes), _channels(kernel, classes))
    panels, y = list[Element](), 54.0
    units = (("PCU", plan.pcus), ("PMU", plan.pmus))
    for (unit, count), words, areas in zip(units, _TITLES, parts, strict=True):
        made, height = _panel(grid, areas, unit, count, words)
        panels.append(group(*made, y=y, data_panel=unit))
        y += height + 16
    made, height = links.panel(plan, kernel, grid, hottest)
    note = text(0, y + height + 14, f"Floor plan: {plan.source}", "soft small")
    head = (text(0, 18, title, "text title"), text(0, 37, _where(), "soft"))
    body = (*head, *panels, group(*made, y=y, data_panel="links"), note)
    words = f"The dies of a chip with the stages, channels and links of {kernel.kernel}."
    return Picture(f"chip-{slug(kernel.kernel)}", title, words, y + height + 22, body)


_TITLES = (
    "Stages on compute units (PCUs)",
    "Channels on memory units (PMUs), in the colour of the stage that reads them",
)


def _where() -> str:
    return "Cells in the colour of a stage; memory and other sockets are reached at both outer edges."


def _stages(kernel: KernelPlan, classes: Mapping[str, str]) -> list[_Area]:
    return [
        _Area(stage.name, classes.get(stage.name, "other"), stage.cells, f"from {stage.location}", stage.name)
        for stage in kernel.stages
        if stage.cells
    ]


def _channels(kernel: KernelPlan, classes: Mapping[str, str]) -> list[_Area]:
    found = list[_Area]()
    for channel in kernel.channels:
        reader = channel.stages[0] if channel.stages else ""
        what = (
            "resident weights"
            if channel.resident
            else f"{channel.depth} tiles of {channel.tile_bytes:,} bytes"
        )
        if channel.cells:
            class_ = classes.get(reader, "other")
            found.append(
                _Area(
                    channel.name,
                    class_,
                    channel.cells,
                    f"{what}, for {reader or 'none of its stages'}",
                    reader,
                )
            )
    return found


def _panel(
    grid: Grid, areas: Sequence[_Area], unit: str, count: int, words: str
) -> tuple[list[Element], float]:
    """A heading, names above, the dies with their cells, names below; and the height of all.

    `count` is how many units of the kind the machine has.
    """
    check_once(((area.name, area.cells) for area in areas), grid, unit)
    grey = "; grey: read by no stage" if any(not area.stage for area in areas) else ""
    heading = f"{words}: {sum(len(area.cells) for area in areas):,} of {count:,}{grey}"
    drawn = _few(areas)
    worth = [area for area in drawn if unit == "PCU" or len(area.cells) >= FEW * count]
    named = [area for area in worth if area.stage or unit == "PMU"][:MOST_NAMES]
    inside, upper, lower = _names(grid, named)
    top = 20.0 + len(labels.rows(upper)) * labels.ROW
    dies = [*grid.dies_drawn(), *(_area(area, grid, unit) for area in drawn), grid.lines()]
    pills = [part for one in inside for part in labels.pill(one.name, one.class_, one.x, one.y)]
    made = (
        text(0, 12, heading, "text strong"),
        group(*dies, *pills, *labels.above(upper, -2), *labels.below(lower, grid.height + 4), y=top),
    )
    return list(made), top + grid.height + 4 + len(labels.rows(lower)) * labels.ROW


def _few(areas: Sequence[_Area]) -> list[_Area]:
    """The largest areas first; of the others, if there are too many, those of a colour as one."""
    ordered = sorted(areas, key=lambda area: -len(area.cells))
    small = ordered[MOST_AREAS:]
    together = list[_Area]()
    for class_ in dict.fromkeys(area.class_ for area in small):
        alike = [area for area in small if area.class_ == class_]
        cells = tuple(cell for area in alike for cell in area.cells)
        together.append(_Area(f"{len(alike)} small ones", class_, cells, "too small to be told apart", ""))
    return ordered[:MOST_AREAS] + together


def _area(area: _Area, grid: Grid, unit: str) -> Element:
    """The cells of a stage or a channel as one path."""
    title = element("title", f"{area.name}: {len(area.cells)} {unit}s, {area.title}")
    cells = " ".join(f"{column}:{first}-{last}" for column, first, last in runs(area.cells))
    return element(
        "path",
        title,
        d=cell_path(area.cells, grid),
        class_=area.class_,
        data_unit=unit,
        data_name=area.name,
        data_stage=area.stage,
        data_count=len(area.cells),
        data_cells=cells,
    )


def _names(grid: Grid, named: Sequence[_Area]) -> tuple[list[Label], list[Label], list[Label]]:
    """Where names stand: in their cells where they fit there, else above or below, with a line."""
    inside, upper, lower = list[Label](), list[Label](), list[Label]()
    for area in named:
        x, y, fits = name_place(area.name, area.cells, grid)
        where = inside if fits else upper if y < grid.height / 2 else lower
        where.append(Label(area.name, area.class_, x, y))
    return inside, upper, lower
