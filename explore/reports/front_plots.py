"""Plots of objectives: the front, and how far the study has come over its evaluations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, cycle
from typing import Any

import numpy as np

from .analysis import Report, Seen
from .figures import BLUE, GREY, INK, ORANGE, SMALLEST, Plot, label, new_panels, number_axis
from .formatting import default_name, number_text
from .units import heading, volume_unit

LOG_RATIO = 10.0
"""Axes of positive values whose largest is this many times the smallest are logarithmic."""

NUMBER_ROOM = (0.045, 0.05)
"""The room of a trial's number, as shares of the axes."""

MARKS = "Ds^vP*"
"""What stands for each point by default, in turn."""

SIDES = (-60, 30)
"""From where three objectives are seen, in degrees."""


def front_plots(report: Report) -> list[Plot]:
    """The evaluations by their objectives, all pairs of them; three also in space."""
    count = len(report.summary.objectives)
    if count == 1 or not any(seen.values for seen in report.evaluations):
        return []
    pairs = list(combinations(range(count), 2))
    figure, panels = new_panels(len(pairs), 3.2) if count > 2 else new_panels(1, 4.6, columns=1)
    for axes, pair in zip(panels, pairs, strict=True):
        _draw(axes, report, pair)
    plots = [Plot("front", "Evaluations and the front, two objectives at a time", figure)]
    if count == 3:
        figure, panels = new_panels(2, 4.4, columns=2, subplot_kw={"projection": "3d"})
        for axes, side in zip(panels, SIDES, strict=True):
            axes.view_init(elev=22, azim=side)
            axes.set_box_aspect(None, zoom=0.87)
            _draw(axes, report, (0, 1, 2))
        text = "Evaluations and the front in the space of the objectives, from two sides"
        plots.insert(0, Plot("front-3d", text, figure))
    for plot in plots:
        _add_legend(plot.figure)
    return plots


def progress_plots(report: Report) -> list[Plot]:
    """The best value of a lone objective, or the hypervolume of several, over the evaluations."""
    if report.volumes is None:
        return []
    if len(report.summary.objectives) == 1:
        return [_best_plot(report)]
    return [_volume_plot(report)] if report.volumes.values[-1] > 0 else []


def _add_legend(figure: Any) -> None:
    """One legend for all panels, each label once."""
    known = [axes.get_legend_handles_labels() for axes in figure.axes]
    found = {text: handle for handles, texts in known for handle, text in zip(handles, texts, strict=True)}
    figure.legend(found.values(), found, loc="outside lower center", ncols=len(found))


def _name(report: Report, k: int) -> str:
    objective = report.summary.objectives[k]
    return f"{label(heading(objective.name, objective.unit))}, {objective.goal}d"


def _draw(axes: Any, report: Report, dims: Sequence[int]) -> None:
    """Evaluations by two or three objectives; axes span the feasible ones, if there are any."""
    feasible = [seen for seen in report.evaluations if seen.feasible]
    infeasible = [seen for seen in report.evaluations if not seen.feasible]
    front = {number for point in report.front for number in (point.number, *point.equal)}
    for name, k in zip("xyz", dims, strict=False):
        _draw_axis(axes, name, report, k, _values(feasible or infeasible)[:, k])
    best = np.array([point.values for point in report.front])
    _scatter(axes, best, dims, s=30, color=ORANGE, zorder=3, label="front")
    dominated = _values(seen for seen in feasible if seen.number not in front)
    _scatter(axes, dominated, dims, s=16, color=BLUE, alpha=0.45, label="dominated")
    for mark, (name, values) in zip(cycle(MARKS), _defaults(report), strict=False):
        style = {"facecolors": "none", "edgecolors": INK, "linewidth": 1.3, "zorder": 4}
        _scatter(axes, np.array([values]), dims, s=55, marker=mark, label=name, **style)
    axes.autoscale_view()
    if feasible:
        axes.autoscale(False)  # points beyond, usually infeasible ones, would squeeze all others
    if len(dims) == 2 or not feasible:
        style = {"color": GREY, "marker": "x", "linewidth": 0.9, "alpha": 0.7, "zorder": 1}
        _scatter(axes, _values(infeasible), dims, s=18, label="infeasible", **style)
    if len(report.summary.objectives) == 2 and report.front:
        axes.step(*best.T, color=ORANGE, lw=1.2, alpha=0.8, where="post")
        _number_points(axes, report, best)


def _draw_axis(axes: Any, name: str, report: Report, k: int, values: np.ndarray) -> None:
    """Give an axis its name and its numbers, and a line at the capacity where that is not far off."""
    capacity, near = report.summary.objectives[k].capacity, 0.5 * np.ptp(values)
    line = {"x": axes.axvline, "y": axes.axhline}.get(name) if axes.name != "3d" else None
    if line and capacity is not None and values.min() - near <= capacity <= values.max() + near:
        values = np.append(values, capacity)
        line(capacity, color=INK, lw=1, ls=(0, (4, 3)), label="capacity")
    _scale(axes, name, values)
    axes.set(**{f"{name}label": _name(report, k)})


def _scale(axes: Any, name: str, values: np.ndarray) -> None:
    low, high = float(values.min()), float(values.max())
    number_axis(axes, name, low, high, is_log=low > 0 and high / low > LOG_RATIO)


def _scatter(axes: Any, values: np.ndarray, dims: Sequence[int], **style: Any) -> None:
    if len(values):
        in_space = {"depthshade": False} if len(dims) == 3 else {}
        axes.scatter(*values[:, dims].T, **{"linewidth": 0, **style}, **in_space)


def _values(seen: Iterable[Seen]) -> np.ndarray:
    """The objectives of what has some, one row each."""
    return np.array([one.values for one in seen if one.values is not None], dtype=float)


def _defaults(report: Report) -> list[tuple[str, tuple[float, ...]]]:
    """What one would take without a search, as far as it is feasible."""
    found = [(one.name, one.evaluation) for one in report.defaults if one.is_feasible]
    known = [(name, point.values) for name, point in found if point is not None]
    usual = report.defaults[0].name if report.defaults else ""
    return [(default_name(name) if name == usual else name, values) for name, values in known]


def _number_points(axes: Any, report: Report, values: np.ndarray) -> None:
    """Write the numbers of trials on the side where nothing is, since it would be better; none close to
    another."""
    signs = [1 if objective.goal == "minimise" else -1 for objective in report.summary.objectives]
    places = (axes.transScale + axes.transLimits).transform(values)
    shown: list[np.ndarray] = []
    for point, place, at in zip(report.front, places, values, strict=True):
        if any((np.abs(place - other) < NUMBER_ROOM).all() for other in shown):
            continue
        shown.append(place)
        sides = {"ha": "right" if signs[0] > 0 else "left", "va": "top" if signs[1] > 0 else "bottom"}
        offset = [-5 * sign for sign in signs]
        axes.annotate(f"#{point.number}", at, offset, textcoords="offset points", fontsize=SMALLEST, **sides)


def _best_plot(report: Report) -> Plot:
    """The best feasible value so far, and all others."""
    figure, (axes,) = new_panels(1, 4.0, columns=1)
    goal = report.summary.objectives[0].goal
    known = [(place, seen) for place, seen in enumerate(report.evaluations, 1) if seen.feasible]
    places, values = [place for place, _ in known], _values(seen for _, seen in known)[:, 0]
    best = np.minimum.accumulate(values) if goal == "minimise" else np.maximum.accumulate(values)
    _scale(axes, "y", values)
    axes.scatter(places, values, 16, BLUE, lw=0, alpha=0.45, label="feasible")
    ends = [*places, len(report.evaluations)]
    axes.step(ends, [*best, best[-1]], ORANGE, where="post", lw=1.8, label="best so far")
    for name, point in _defaults(report)[:1]:
        axes.axhline(point[0], color=INK, lw=1, ls=(0, (1, 2)), label=name)
    _finish_progress(axes, report, _name(report, 0))
    axes.legend(loc="upper right" if goal == "minimise" else "lower right")
    return Plot("best", "The best feasible value over the evaluations", figure)


def _volume_plot(report: Report) -> Plot:
    """The hypervolume as a share of the last one."""
    assert report.volumes is not None, "only drawn where there are some"
    figure, (axes,) = new_panels(1, 3.6, columns=1)
    volumes = np.array([0.0, *report.volumes.values])
    axes.stairs(volumes / volumes[-1] * 100, np.arange(len(volumes) + 1), color=BLUE, lw=1.8)
    axes.stairs(volumes / volumes[-1] * 100, np.arange(len(volumes) + 1), color=BLUE, alpha=0.12, fill=True)
    axes.set_ylim(0, 104)
    _finish_progress(axes, report, "hypervolume, % of the last")
    words = f"The hypervolume, at last {number_text(volumes[-1])} {volume_unit(report.summary.objectives)}"
    return Plot("hypervolume", words.rstrip(), figure)


def _finish_progress(axes: Any, report: Report, name: str) -> None:
    axes.set_xlim(0, len(report.evaluations) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="evaluations", ylabel=name)
