"""All plots of a report, and files of them: those of what forests have learned are drawn here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..parameters import Value
from .analysis import Report
from .dependence import Dependence
from .figures import BLUE, GREEN, INK, LONGEST_LABEL, Plot, drawing, label, new_panels, number_axis, saved
from .formatting import value_text
from .front_plots import front_plots, progress_plots
from .importance import Importances
from .targets import FEASIBILITY
from .units import heading, scaling

MOST_LABELS = 8
ROOM = 24
"""So many names, and letters of names, fit below a panel side by side."""


def importance_plots(report: Report) -> list[Plot]:
    """The importances of all targets that have some, side by side."""
    found = [importances for importances in report.importances if importances.entries]
    if not found:
        return []
    bars = max(len(importances.main) for importances in found)
    tall = any("\n" in label(entry.parameter) for one in found for entry in one.main)
    figure, panels = new_panels(len(found), 1.2 + (0.36 if tall else 0.24) * bars)
    for axes, importances in zip(panels, found, strict=True):
        _draw_importances(axes, importances)
    return [Plot("importances", "How much each parameter matters", figure)]


def dependence_plots(report: Report) -> list[Plot]:
    """For each target its expected value over each parameter that matters."""
    units = {one.name: one.unit for one in report.summary.objectives}
    dotted = f"; dotted is the value of {report.defaults[0].name}" if report.defaults else ""
    plots: list[Plot] = []
    for number, target in enumerate(dict.fromkeys(one.target for one in report.dependences), 1):
        found = [one for one in report.dependences if one.target == target]
        chance = "chance to be feasible" if target == FEASIBILITY else ""
        figure, panels = new_panels(len(found), 2.7, sharey=True)  # a flat curve matters less
        for axes, dependence in zip(panels, found, strict=True):
            _draw_dependence(axes, dependence, report)
        for axes in panels[::3]:
            axes.set_ylabel(chance or label(heading(target, units.get(target, ""))))
        slug = re.sub(r"[^a-z0-9]+", "-", target.lower()).strip("-")[:LONGEST_LABEL]
        text = f"The {chance or f'expected {target}'} over each parameter that matters{dotted}"
        plots.append(Plot(f"dependence-{number}-{slug}".rstrip("-"), text, figure))
    return plots


def _color(target: str) -> str:
    return GREEN if target == FEASIBILITY else BLUE


def _draw_importances(axes: Any, importances: Importances) -> None:
    entries = importances.main
    shares = np.array([entry.share for entry in entries]) * 100
    spreads = np.array([entry.spread for entry in entries]) * 100
    axes.barh(
        np.arange(len(entries)),
        shares,
        0.66,
        xerr=[np.minimum(spreads, shares), spreads],
        tick_label=[label(entry.parameter) for entry in entries],
        color=_color(importances.target),
        alpha=0.85,
        error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2.5},
    )
    axes.invert_yaxis()
    axes.set_xlim(0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the importance, %")
    axes.set_title(label(importances.target))


def _draw_dependence(axes: Any, dependence: Dependence, report: Report) -> None:
    lines = {one.name: one for one in report.summary.parameters}
    line = lines.get(dependence.what)  # none for the first item of an order
    unit, usual = ("", None) if line is None else (line.unit, line.default)
    if dependence.is_numeric:
        unit = _draw_line(axes, dependence, unit, usual)
    else:
        _draw_choices(axes, dependence, usual)
    number_axis(axes, "y", min(dependence.low), max(dependence.high), is_log=False)
    axes.set_xlabel(label(heading(dependence.what, unit)))


def _mark_default(axes: Any, place: float) -> None:
    """A dotted line at the value that the usual point has."""
    axes.axvline(place, color=INK, lw=1, ls=(0, (1, 2)))


def _draw_line(axes: Any, dependence: Dependence, unit: str, usual: Value | None) -> str:
    """The expected value over numbers, in a unit that suits them, which is returned."""
    given = [float(value) for value in dependence.values if isinstance(value, (int, float))]
    unit, factor = scaling(unit, given, binary=True)
    values = [value * factor for value in given]
    number_axis(axes, "x", min(values), max(values), is_log=dependence.is_log)
    if all(isinstance(value, int) for value in dependence.values):
        if _is_even(np.log(values) if dependence.is_log else np.array(values)):
            axes.set_xticks(values[:: -(-len(values) // MOST_LABELS)])
        elif not dependence.is_log:
            axes.xaxis.get_major_locator().set_params(integer=True)
    color = _color(dependence.target)
    axes.fill_between(values, dependence.low, dependence.high, color=color, alpha=0.15, lw=0)
    axes.plot(values, dependence.expected, color=color, lw=1.8, marker="o", ms=3)
    if isinstance(usual, (int, float)):
        _mark_default(axes, usual * factor)
    return unit


def _is_even(places: np.ndarray) -> bool:
    """Whether all neighbours are about equally far from each other."""
    gaps = np.diff(places)
    return bool(gaps.max() < 1.1 * gaps.min())


def _draw_choices(axes: Any, dependence: Dependence, usual: Value | None) -> None:
    places = np.arange(len(dependence.values))
    expected = np.array(dependence.expected)
    bars = np.maximum([expected - dependence.low, dependence.high - expected], 0)
    axes.errorbar(places, expected, bars, fmt="o", color=_color(dependence.target), capsize=4, lw=1.4, ms=6)
    names = [label(value_text(value)) for value in dependence.values]
    slope = 90 if len(names) > MOST_LABELS else 40 if sum(map(len, names)) > ROOM else 0
    axes.set_xticks(places, names, rotation=slope, ha="right" if slope == 40 else "center")
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.grid(visible=False, axis="x")
    if usual in dependence.values:
        _mark_default(axes, dependence.values.index(usual))


Format = Literal["svg", "png"]


def draw_parts(report: Report) -> dict[str, list[Plot]]:
    """The plots of each part of a report; those that would show nothing are left out.

    Raises: MissingExtraError without matplotlib.
    """
    with drawing():
        return {
            "front": front_plots(report),
            "progress": progress_plots(report),
            "importances": importance_plots(report),
            "dependence": dependence_plots(report),
        }


def draw(report: Report) -> list[Plot]:
    """The plots of a report in its order.

    Raises: MissingExtraError without matplotlib.
    """
    return [plot for part in draw_parts(report).values() for plot in part]


def write_plots(report: Report, folder: Path, format: Format = "svg") -> list[Path]:
    """Write a file for each plot into a folder, which is made where it is missing; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for plot in draw(report):
        plot.figure.suptitle(report.summary.heading, x=0.01, ha="left", fontsize=11, weight="bold")
        written.append(folder / f"{plot.name}.{format}")
        written[-1].write_bytes(saved(plot, format))
    return written
