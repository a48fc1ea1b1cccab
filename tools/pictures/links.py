"""The load of a chip's links as heat; the scale ends at what a link can take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ...backends.floorplans import Floorplan, KernelPlan, LinkLoad, Place
from ...explore.pages.palette import HEAT
from . import ports
from .cells import MARGIN, Grid
from .svg import Element, Value, element, group, line, number, rect, text

ASIDE = 2.2
"""Pixels between the middle of two cells' line and the link in one of its directions."""


def panel(plan: Floorplan, kernel: KernelPlan, grid: Grid, path: str = "") -> tuple[list[Element], float]:
    """The links of all dies, the busiest one marked, with `data-bytes`, and the ports; and the height.

    `path` is where the busiest one's load stands in the JSON of a command.
    """
    used = [load for load in kernel.links if load.bytes_per_cycle > 0]
    hottest = max(used, key=lambda load: (load.bytes_per_cycle, load.start, load.end), default=None)
    drawn = [*grid.dies_drawn(), *_heat(plan, used, grid), *(_mark(hottest, grid) if hottest else ())]
    if not kernel.ports:
        made = (_heading(plan, used, hottest, path), group(*drawn, y=20))
        return [*made, group(*_legend(plan), x=MARGIN, y=grid.height + 28)], grid.height + 44
    made = (_heading(plan, used, hottest, path), *ports.sums(kernel.ports, grid, 29))
    shown = (group(*drawn, *ports.bars(kernel.ports, grid), y=38), *ports.legend(grid.height + 46))
    return [*made, *shown, group(*_legend(plan), x=MARGIN, y=grid.height + 46)], grid.height + 62


def level(load: LinkLoad, plan: Floorplan) -> int:
    """In which part of the scale a load lies."""
    return max(0, min(len(HEAT) - 1, int(load.bytes_per_cycle / plan.link_bytes_per_cycle * len(HEAT))))


def _heading(plan: Floorplan, used: Sequence[LinkLoad], hottest: LinkLoad | None, path: str) -> Element:
    if hottest is None:
        return text(0, 12, "Links: none carries anything", "text strong")
    most = Value(f"{hottest.bytes_per_cycle:.4g}", path, hottest.bytes_per_cycle)
    source = {"data_path": most.path or None, "data_value": repr(most.raw) if most.path else None}
    return element(
        "text",
        f"Load of the links: {len(used):,} used, the busiest carries ",
        element("tspan", most.text, **source),
        f" of {plan.link_bytes_per_cycle:.4g} bytes a cycle",
        x=0,
        y=12,
        class_="text strong",
    )


def _heat(plan: Floorplan, used: Sequence[LinkLoad], grid: Grid) -> Iterator[Element]:
    """A path for each part of the scale, the cool ones first."""
    levels = defaultdict[int, list[LinkLoad]](list)
    for load in used:
        levels[level(load, plan)].append(load)
    for part, loads in sorted(levels.items()):
        most = max(load.bytes_per_cycle for load in loads)
        title = f"{len(loads):,} links up to {most:.4g} bytes a cycle"
        width = number(0.9 + 0.35 * part)
        path = "".join(_segments(loads, grid))
        yield line(
            path, f"heat-{part}", title, stroke_width=width, data_links=len(loads), data_most=repr(most)
        )


def _segments(loads: Sequence[LinkLoad], grid: Grid) -> Iterator[str]:
    """Links in one direction, behind each other on a line, as one segment."""
    run = list[LinkLoad]()
    for load in sorted(loads, key=_along):
        if run and (run[-1].end != load.start or _direction(run[-1]) != _direction(load)):
            yield _segment(run, grid)
            run = []
        run.append(load)
    yield _segment(run, grid)


def _direction(load: LinkLoad) -> Place:
    return load.end[0] - load.start[0], load.end[1] - load.start[1]


def _along(load: LinkLoad) -> tuple[Place, int, int]:
    """Links of one direction on one line behind each other, in that direction."""
    right, down = _direction(load)
    column, row = load.start
    return ((right, down), row, column * right) if right else ((right, down), column, row * down)


def _segment(run: Sequence[LinkLoad], grid: Grid) -> str:
    (x, y), (to_x, to_y) = _ends(run[0], run[-1], grid)
    far = f"H{number(to_x)}" if y == to_y else f"V{number(to_y)}"
    return f"M{number(x)} {number(y)}{far}"


def _ends(first: LinkLoad, last: LinkLoad, grid: Grid) -> tuple[tuple[float, float], tuple[float, float]]:
    """From where to where, on the right hand of the way."""
    right, down = _direction(first)
    (x, y), (to_x, to_y) = grid.middle(first.start), grid.middle(last.end)
    aside_x, aside_y = -down * ASIDE, right * ASIDE
    return (x + aside_x, y + aside_y), (to_x + aside_x, to_y + aside_y)


def _mark(load: LinkLoad, grid: Grid) -> Iterator[Element]:
    """A ring around the busiest link."""
    (x, y), (to_x, to_y) = _ends(load, load, grid)
    title = element("title", f"the busiest link: {load.bytes_per_cycle:.4g} bytes a cycle")
    middle = {"cx": (x + to_x) / 2, "cy": (y + to_y) / 2}
    yield element("circle", title, **middle, r=9, class_="line text", data_bytes=repr(load.bytes_per_cycle))


def _legend(plan: Floorplan) -> Iterator[Element]:
    """The scale, from nothing to what a link can take."""
    for part in range(len(HEAT)):
        yield rect(12 + part * 24, 0, 24, 11, f"heat-{part}")
    yield text(0, 10, "0", "soft small")
    end = 12 + len(HEAT) * 24 + 6
    yield text(end, 10, f"{plan.link_bytes_per_cycle:.4g} bytes a cycle: what a link can take", "soft small")
