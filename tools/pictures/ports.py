"""What the ports at the chip's outer edges move: a bar beside each row, in above out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...backends.floorplans import PortLoad
from .cells import MARGIN, Grid
from .svg import WIDTH, Element, group, rect, text

LONGEST = MARGIN - 2
"""Pixels of the port that moves most."""
LEAST, SMALL = 0.01, 9.5
"""Bytes a cycle below which a load is only told to be less, and below which it has two digits."""


def sums(loads: Sequence[PortLoad], grid: Grid, y: float) -> Iterator[Element]:
    """What each edge brings in and takes out, above it."""
    for is_left, class_, x in ((True, "soft small", 0), (False, "soft small end", WIDTH)):
        edge = [load for load in loads if _is_left(load, grid) == is_left]
        in_bytes = sum(load.in_bytes_per_cycle for load in edge)
        out_bytes = sum(load.out_bytes_per_cycle for load in edge)
        side = "left" if is_left else "right"
        words = f"{side} edge: {_amount(in_bytes)} bytes a cycle in, {_amount(out_bytes)} out"
        yield text(x, y, words, class_, data_edge=side, data_in=repr(in_bytes), data_out=repr(out_bytes))


def bars(loads: Sequence[PortLoad], grid: Grid) -> Iterator[Element]:
    """Two bars a port, on one scale."""
    most = max(max(load.in_bytes_per_cycle, load.out_bytes_per_cycle) for load in loads)
    for load in loads:
        _, row = load.place
        pair = ((load.in_bytes_per_cycle, "memory-full", 0.1), (load.out_bytes_per_cycle, "drain", 0.55))
        for moved, class_, down in pair:
            if moved > 0:
                wide = moved / most * LONGEST
                x = LONGEST - wide if _is_left(load, grid) else WIDTH - LONGEST
                high, y = 0.35 * grid.cell, (row + down) * grid.cell
                yield rect(x, y, wide, high, class_, _words(load), data_port=repr(moved))


def legend(y: float) -> Iterator[Element]:
    """What the bars are."""
    yield group(
        rect(WIDTH - 230, 0, 12, 11, "memory-full"),
        text(WIDTH - 214, 10, "ports: in", "soft small"),
        rect(WIDTH - 140, 0, 12, 11, "drain"),
        text(WIDTH - 124, 10, "ports: out", "soft small"),
        y=y,
    )


def _amount(moved: float) -> str:
    """Without a fraction where it is large; what is more than nothing does not look like nothing."""
    if 0 < moved < LEAST:
        return f"<{LEAST}"
    return f"{moved:.2g}" if 0 < moved < SMALL else f"{moved:,.0f}"


def _is_left(load: PortLoad, grid: Grid) -> bool:
    return load.place[0] < grid.dies * grid.columns / 2


def _words(load: PortLoad) -> str:
    moved = f"{load.in_bytes_per_cycle:.4g} bytes a cycle in, {load.out_bytes_per_cycle:.4g} out"
    return f"port of row {load.place[1]}: {moved}"
