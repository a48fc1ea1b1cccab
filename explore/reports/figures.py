"""How figures look, and how they become files: nothing of matplotlib's global state is used or changed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Any

from ..extras import load
from ..pages.palette import PAGE
from .formatting import number_text

INK, LINES = PAGE["text"].light, PAGE["lines"].light
"""The colours of text and of the grid; in a page they follow its light or dark scheme."""

BLUE, ORANGE, GREEN, GREY = (PAGE[name].light for name in ("blue", "orange", "green", "grey"))
"""Those of what is drawn."""

WIDTH = 9.0
"""The width of all figures in inches."""

PAGE_COLORS = {PAGE[name].light: f"var(--{name})" for name in ("lines", "blue", "orange", "green", "grey")}
PAGE_COLORS[INK] = "currentColor"
"""What stands for each colour in a page."""

LONGEST_LABEL = 22
"""Letters of a line of a name."""

SMALLEST = 9
"""Points of the smallest letters: 11 pixels and more where a figure is 840 wide."""

MOST_TICKS = 9
WIDE = 1000
"""Logarithmic axes of which the ends differ by this factor have powers of ten alone."""

STYLE = Path(__file__).with_name("report.mplstyle")

INKS = {
    **dict.fromkeys((f"{of}.labelcolor" for of in ("axes", "legend", "xtick", "ytick")), INK),
    **dict.fromkeys(("axes.titlecolor", "text.color"), INK),
    **dict.fromkeys(("axes.edgecolor", "grid.color", "xtick.color", "ytick.color"), LINES),
}
"""The colours that the style leaves open."""


@dataclass(frozen=True)
class Plot:
    """A figure of matplotlib, with the name of its file and what it shows in a sentence."""

    name: str
    text: str
    figure: Any


@contextmanager
def drawing() -> Generator[None]:
    """A context in which figures are drawn and written in our style.

    Raises: MissingExtraError without matplotlib.
    """
    with load("matplotlib").rc_context(INKS, STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name in some other script
        yield


def new_panels(
    count: int, height: float, columns: int | None = None, **settings: Any
) -> tuple[Any, list[Any]]:
    """A figure with so many axes, up to three in a row, each `height` inches high.

    A lone one is as wide as two, unless it is said; `settings` are those of matplotlib's `subplots`.
    """
    columns = columns or min(max(count, 2), 3)
    rows = -(-count // columns)
    figure = load("matplotlib.figure").Figure(figsize=(WIDTH, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **settings).flatten()
    for axes in grid[count:]:
        axes.remove()
    return figure, list(grid[:count])


def label(text: str) -> str:
    """A name for an axis: a long one on several lines, broken behind dots, dashes and spaces if it can."""
    breakable = re.sub(r"(?<=[._])(?=\S)", "\v", text)
    lines = wrap(breakable, LONGEST_LABEL, expand_tabs=False, replace_whitespace=False)
    return "\n".join(lines).replace("\v", "")


def number_axis(axes: Any, name: str, low: float, high: float, *, is_log: bool) -> None:
    """Give the axis x, y or z readable numbers, of which `low` and `high` are the ends."""
    ticker = load("matplotlib.ticker")
    axis = getattr(axes, f"{name}axis")
    locator = ticker.MaxNLocator(6)
    if is_log:
        getattr(axes, f"set_{name}scale")("log")
        axis.set_minor_locator(ticker.NullLocator())
        locator = ticker.LogLocator(subs=(1, 2, 5) if high < WIDE * low else (1,), numticks=MOST_TICKS)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ticker.FuncFormatter(lambda number, _: number_text(number)))


def saved(plot: Plot, format: str, background: str = "white", **settings: Any) -> bytes:
    """The figure as a file without its date, in a format of matplotlib; `settings` are matplotlib's."""
    stream = BytesIO()
    undated = {"png": "Software", "svg": "Date", "pdf": "CreationDate"}[format]
    settings = {"pdf.fonttype": 42, **settings}  # letters that can be searched
    with drawing(), load("matplotlib").rc_context(settings):
        plot.figure.savefig(stream, format=format, dpi=144, facecolor=background, metadata={undated: None})
    return stream.getvalue()


def to_inline_svg(plot: Plot) -> str:
    """The figure as an element for a page: transparent, its text as text, its colours those of the page."""
    text = saved(plot, "svg", "none", **{"svg.fonttype": "none"}).decode()
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    head = f'<svg class="plot" role="img" aria-label="{escape(plot.text)}" '
    text = text[text.index("<svg") :].replace("<svg ", head, 1)
    # Identifiers must differ between the figures of a page.
    text = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{plot.name}-", text)
    for color, name in PAGE_COLORS.items():
        text = text.replace(color, name)
    return text
