"""Plots of the tables that runs have left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..pages.palette import STAGES
from ..reports.analysis import look
from ..reports.figures import Plot, drawing, label, new_panels, number_axis, saved
from ..reports.front_plots import front_plots
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
    with drawing():
        return front_plots(look(result.record))[0]


def plot_curves(curves: Sequence[Curve], title: str, *, is_log: bool = False) -> Plot:
    """A line for each curve, and its band where it has more than one run.

    Raises: MissingExtraError without matplotlib.
    """
    with drawing():
        figure, (axes,) = new_panels(1, 4.5, columns=1)
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
        for name in "x" if is_log else "xy":
            number_axis(axes, name, 0, 0, is_log=False)
        axes.legend()
    return Plot("curves", title, figure)


def write_plot(plot: Plot, path: Path) -> None:
    """Write a plot in the format that the file's name ends with.

    Raises: OSError where it cannot be written; ScenarioError for another format.
    """
    check_format(path)
    path.write_bytes(saved(plot, path.suffix[1:].lower()))


def _heading(curve: Curve) -> str:
    return f"{curve.name}, {curve.runs} runs" if curve.runs > 1 else curve.name
