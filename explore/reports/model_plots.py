"""Plots of what forests have learned: importances and partial dependence."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..parameters import Value
from .analysis import Report
from .dependence import Dependence
from .display import heading
from .figures import BLUE, GREEN, INK, LONGEST_LABEL, Plot, label, new_panels, number_axis
from .formatting import value_text
from .importance import Importances
from .targets import FEASIBILITY

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
    plots: list[Plot] = []
    for number, target in enumerate(dict.fromkeys(one.target for one in report.dependences), 1):
        found = [one for one in report.dependences if one.target == target]
        figure, panels = new_panels(len(found), 2.7)
        for axes, dependence in zip(panels, found, strict=True):
            _draw_dependence(axes, dependence, report)
        for axes in panels[::3]:
            axes.set_ylabel("chance to be feasible" if target == FEASIBILITY else _objective(report, target))
        _share_heights(panels)
        slug = re.sub(r"[^a-z0-9]+", "-", target.lower()).strip("-")[:LONGEST_LABEL]
        what = "chance to be feasible" if target == FEASIBILITY else f"expected {target}"
        plots.append(
            Plot(
                f"dependence-{number}-{slug}".rstrip("-"),
                f"The {what} over each parameter that matters{_dotted(report)}",
                figure,
            )
        )
    return plots


def _dotted(report: Report) -> str:
    return f"; dotted is the value of {report.defaults[0].name}" if report.defaults else ""


def _color(target: str) -> str:
    return GREEN if target == FEASIBILITY else BLUE


def _draw_importances(axes: Any, importances: Importances) -> None:
    entries = importances.main
    places = np.arange(len(entries))
    shares = np.array([entry.share for entry in entries]) * 100
    spreads = np.array([entry.spread for entry in entries]) * 100
    axes.barh(places, shares, 0.66, color=_color(importances.target), alpha=0.85)
    below = np.minimum(spreads, shares)
    axes.errorbar(shares, places, xerr=[below, spreads], fmt="none", ecolor=INK, elinewidth=1, capsize=2.5)
    axes.set_yticks(places, [label(entry.parameter) for entry in entries])
    axes.invert_yaxis()
    axes.set_xlim(0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the importance, %")
    axes.set_title(label(importances.target))


def _objective(report: Report, target: str) -> str:
    unit = next((one.unit for one in report.summary.objectives if one.name == target), "")
    return label(heading(target, unit))


def _draw_dependence(axes: Any, dependence: Dependence, report: Report) -> None:
    line = next((one for one in report.summary.parameters if one.name == dependence.parameter), None)
    if dependence.is_numeric:
        _draw_line(axes, dependence)
    else:
        _draw_choices(axes, dependence)
    number_axis(axes, "y", min(dependence.low), max(dependence.high), is_log=False)
    is_itself = line is not None and dependence.what == line.name
    axes.set_xlabel(label(heading(dependence.what, line.unit if line is not None and is_itself else "")))
    if line is not None and is_itself and line.default is not None:
        _mark_default(axes, dependence, line.default)


def _mark_default(axes: Any, dependence: Dependence, value: Value) -> None:
    """A dotted line at the value that the usual point has."""
    if dependence.is_numeric and isinstance(value, (int, float)):
        axes.axvline(float(value), color=INK, lw=1, ls=(0, (1, 2)))
    elif value in dependence.values:
        axes.axvline(dependence.values.index(value), color=INK, lw=1, ls=(0, (1, 2)))


def _draw_line(axes: Any, dependence: Dependence) -> None:
    values = [float(value) for value in dependence.values if isinstance(value, (int, float))]
    number_axis(axes, "x", min(values), max(values), is_log=dependence.is_log)
    if all(isinstance(value, int) for value in dependence.values):
        if _is_even(np.log(values) if dependence.is_log else np.array(values)):
            axes.set_xticks(values[:: -(-len(values) // MOST_LABELS)])
        elif not dependence.is_log:
            axes.xaxis.get_major_locator().set_params(integer=True)
    color = _color(dependence.target)
    axes.fill_between(values, dependence.low, dependence.high, color=color, alpha=0.15, lw=0)
    axes.plot(values, dependence.expected, color=color, lw=1.8, marker="o", ms=3)


def _is_even(places: np.ndarray) -> bool:
    """Whether all neighbours are about equally far from each other."""
    gaps = np.diff(places)
    return bool(gaps.max() < 1.1 * gaps.min())


def _draw_choices(axes: Any, dependence: Dependence) -> None:
    places = np.arange(len(dependence.values))
    expected = np.array(dependence.expected)
    bars = np.maximum([expected - dependence.low, dependence.high - expected], 0)
    axes.errorbar(places, expected, bars, fmt="o", color=_color(dependence.target), capsize=4, lw=1.4, ms=6)
    names = [label(value_text(value)) for value in dependence.values]
    slope = 90 if len(names) > MOST_LABELS else 40 if sum(map(len, names)) > ROOM else 0
    axes.set_xticks(places, names, rotation=slope, ha="right" if slope == 40 else "center")
    axes.set_xlim(-0.6, len(places) - 0.4)
    axes.grid(visible=False, axis="x")


def _share_heights(panels: list[Any]) -> None:
    """The same extent for all panels: a flat curve is a parameter that matters less."""
    low = min(axes.get_ylim()[0] for axes in panels)
    high = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(low, high)
