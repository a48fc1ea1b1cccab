"""Plots of the tables that runs have left."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..extras import load
from ..pages.palette import STAGES
from ..reports.figures import (
    BLUE,
    GREY,
    ORANGE,
    Plot,
    drawing,
    label,
    new_figure,
    number_axis,
    to_png,
    to_svg,
)
from .curves import Curve
from .errors import ScenarioError
from .recorder import Result

FORMATS = (".svg", ".png", ".pdf")
"""How the names of plots may end."""


def check_format(path: Path) -> None:
    """Raises: ScenarioError for a file whose name does not end like a plot's."""
    if path.suffix.lower() not in FORMATS:
        raise ScenarioError(f"no plot can be written to {path}", f"end its name with {', '.join(FORMATS)}")


def plot_front(result: Result) -> Plot:
    """All evaluations and the front of two objectives.

    Raises: MissingExtraError without matplotlib.
    """
    names = [objective.name for objective in result.scenario.objectives]
    with drawing():
        figure = new_figure(5.5)
        axes = figure.add_subplot()
        axes.set(xlabel=label(names[0]), ylabel=label(names[1]))
        for status, color, mark in (("infeasible", GREY, "x"), ("feasible", BLUE, "o")):
            rows = [row.outcome.values for row in result.rows if row.outcome.status == status]
            values = np.array([row for row in rows if row is not None]).reshape(-1, 2)
            if len(values):
                axes.scatter(*values.T, 18, color, marker=mark, lw=0.9, alpha=0.6, label=status)
        _draw_front(axes, np.array([row.outcome.values for row in result.front]).reshape(-1, 2))
        _finish(axes, "xy")
    return Plot("front", f"Evaluations and the front of {names[0]} and {names[1]}", figure)


def plot_curves(curves: Sequence[Curve], title: str, *, is_log: bool = False) -> Plot:
    """A line for each curve, and its band where it has more than one run.

    Raises: MissingExtraError without matplotlib.
    """
    with drawing():
        figure = new_figure(4.5)
        axes = figure.add_subplot()
        axes.set(xlabel="evaluations", ylabel=label(title))
        for number, curve in enumerate(curves):
            color = STAGES[number % len(STAGES)].light
            x = np.arange(1, len(curve.mean) + 1)
            # An evaluation is known only at its end: lines are steps.
            axes.plot(x, curve.mean, color=color, drawstyle="steps-post", label=_heading(curve))
            if curve.runs > 1:
                axes.fill_between(x, curve.low, curve.high, color=color, alpha=0.18, lw=0, step="post")
        positive = np.concatenate([curve.mean[curve.mean > 0] for curve in curves])
        is_log = is_log and len(positive) > 0
        if is_log:
            number_axis(axes, "y", float(positive.min()), float(positive.max()), is_log=True)
        _finish(axes, "x" if is_log else "xy")
    return Plot("curves", title, figure)


def write_plot(plot: Plot, path: Path) -> None:
    """Write a plot in the format that the file's name ends with.

    Raises: OSError where it cannot be written; ScenarioError for another format.
    """
    check_format(path)
    match path.suffix.lower():
        case ".svg":
            path.write_bytes(to_svg(plot).encode())
        case ".png":
            path.write_bytes(to_png(plot))
        case _:
            path.write_bytes(_pdf(plot))


def _draw_front(axes: Any, front: np.ndarray) -> None:
    """The front's points, and the border of what they dominate."""
    if len(front):
        front = front[np.lexsort(front.T[::-1])]
        axes.step(*front.T, color=ORANGE, lw=1.2, alpha=0.8, where="post")
        axes.scatter(*front.T, 30, ORANGE, zorder=3, lw=0, label="front")


def _finish(axes: Any, linear: str) -> None:
    """Readable numbers on the linear axes, and a legend."""
    for name in linear:
        number_axis(axes, name, 0, 0, is_log=False)
    axes.legend()


def _heading(curve: Curve) -> str:
    return f"{curve.name}, {curve.runs} runs" if curve.runs > 1 else curve.name


def _pdf(plot: Plot) -> bytes:
    stream = BytesIO()
    with drawing(), load("matplotlib").rc_context({"pdf.fonttype": 42}):
        plot.figure.savefig(stream, format="pdf", facecolor="white", metadata={"CreationDate": None})
    return stream.getvalue()
