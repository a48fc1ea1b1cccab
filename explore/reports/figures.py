"""How figures look, and how they become files: nothing of matplotlib's global state is used or changed."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
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

PAGE_COLORS = {
    INK: "currentColor",
    LINES: "var(--lines)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
    GREY: "var(--grey)",
}
"""What stands for each colour in a page."""

LONGEST_LABEL = 22
"""Letters of a line of a name."""

SMALLEST = 9
"""Points of the smallest letters: 11 pixels and more where a figure is 840 wide."""

MOST_TICKS = 9
WIDE = 1000
"""Logarithmic axes of which the ends differ by this factor have powers of ten alone."""

STYLE = {
    "axes.axisbelow": True,
    "axes.edgecolor": LINES,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.xmargin": 0.04,
    "axes.ymargin": 0.06,
    "axes3d.xaxis.panecolor": (0, 0, 0, 0),
    "axes3d.yaxis.panecolor": (0, 0, 0, 0),
    "axes3d.zaxis.panecolor": (0, 0, 0, 0),
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "grid.color": LINES,
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.hashsalt": "kl",
    "text.color": INK,
    "text.parse_math": False,  # names may contain any character
    "xtick.color": LINES,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.color": LINES,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}


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
    with load("matplotlib").rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a name in some other script
        yield


def new_figure(height: float) -> Any:
    """An empty figure; `height` in inches."""
    return load("matplotlib.figure").Figure(figsize=(WIDTH, height), layout="constrained")


def new_panels(
    count: int,
    height: float,
    *,
    columns: int | None = None,
    sharey: bool = False,
    projection: str | None = None,
) -> tuple[Any, list[Any]]:
    """A figure with so many axes, up to three in a row; a lone one is as wide as two, unless it is said."""
    columns = columns or min(max(count, 2), 3)
    rows = -(-count // columns)
    figure = new_figure(height * rows)
    kind = {"projection": projection}
    grid = figure.subplots(rows, columns, sharey=sharey, squeeze=False, subplot_kw=kind).flatten()
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


def to_png(plot: Plot) -> bytes:
    """The figure as a PNG file on white."""
    stream = BytesIO()
    with drawing():
        plot.figure.savefig(stream, format="png", dpi=144, facecolor="white", metadata={"Software": None})
    return stream.getvalue()


def to_svg(plot: Plot) -> str:
    """The figure as an SVG file on white, letters as shapes; the same figure gives the same text."""
    return _svg(plot, "path", "white")


def to_inline_svg(plot: Plot) -> str:
    """The figure as an element for a page: transparent, its text as text, its colours those of the page."""
    text = _svg(plot, "none", "none")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text[text.index("<svg") :].replace(
        "<svg ", f'<svg role="img" aria-label="{escape(plot.text)}" ', 1
    )
    # Identifiers must differ between the figures of a page.
    text = re.sub(r'\bid="', f'id="{plot.name}-', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{plot.name}-", text)
    for color, name in PAGE_COLORS.items():
        text = text.replace(color, name)
    return text


def _svg(plot: Plot, letters: str, background: str) -> str:
    stream = BytesIO()
    with drawing(), load("matplotlib").rc_context({"svg.fonttype": letters}):
        plot.figure.savefig(stream, format="svg", facecolor=background, metadata={"Date": None})
    return stream.getvalue().decode()
