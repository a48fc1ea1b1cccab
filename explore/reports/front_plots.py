"""Plots of objectives: the front, and how far the study has come over its evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import log10
from typing import Any

import numpy as np

from ..extras import load
from .analysis import Report, Seen
from .display import heading, volume_unit
from .figures import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SMALLEST,
    Plot,
    label,
    log_ticks,
    new_figure,
    new_panels,
    number_axis,
)
from .formatting import number_text
from .front import FrontPoint
from .sentences import default_name

LOG_RATIO = 10.0
"""Axes of positive values whose largest is this many times the smallest are logarithmic."""

NUMBER_ROOM = (0.045, 0.05)
"""The room of a trial's number, as shares of the axes."""

MARKS = ("D", "s", "^", "v", "P", "*")
"""What stands for each point by default."""


def front_plots(report: Report) -> list[Plot]:
    """The evaluations by their objectives, all pairs of them; three also in space."""
    objectives = report.summary.objectives
    if len(objectives) == 1 or not any(seen.values for seen in report.evaluations):
        return []
    pairs = list(combinations(range(len(objectives)), 2))
    figure, panels = (None, []) if len(pairs) == 1 else new_panels(len(pairs), 3.2)
    if figure is None:
        figure = new_figure(4.6)
        panels = [figure.add_subplot()]
    for axes, pair in zip(panels, pairs, strict=True):
        _draw_pair(axes, report, pair)
    _add_legend(figure, "outside lower center")
    plots = [Plot("front", "Evaluations and the front, two objectives at a time", figure)]
    return [_space_plot(report), *plots] if len(objectives) == 3 else plots


def progress_plots(report: Report) -> list[Plot]:
    """The best value of a lone objective, or the hypervolume of several, over the evaluations."""
    if report.volumes is None:
        return []
    if len(report.summary.objectives) == 1:
        return [_best_plot(report)]
    return [_volume_plot(report)] if report.volumes.values[-1] > 0 else []


def _add_legend(figure: Any, place: str) -> None:
    """One legend for all panels, each label once."""
    pairs = [pair for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = dict(reversed([(text, handle) for handle, text in reversed(pairs)]))
    first = ("front", "dominated", "infeasible", "capacity")
    order = [*(text for text in first if text in handles), *(text for text in handles if text not in first)]
    figure.legend([handles[text] for text in order], order, loc=place, ncols=len(order))


def _name(report: Report, k: int) -> str:
    objective = report.summary.objectives[k]
    return f"{label(heading(objective.name, objective.unit))}, {objective.goal}d"


def _values(seen: Sequence[Seen]) -> np.ndarray:
    return np.array([one.values for one in seen if one.values is not None], dtype=float)


def _shown(report: Report, k: int) -> np.ndarray:
    """The values that decide the extent of an axis: of feasible evaluations, if there are any.

    The capacity belongs to them where it is not far off.
    """
    values = _values(_feasible(report) or report.evaluations)[:, k]
    capacity = report.summary.objectives[k].capacity
    near = 0.5 * np.ptp(values)
    if capacity is None or not values.min() - near <= capacity <= values.max() + near:
        return values
    return np.append(values, capacity)


def _feasible(report: Report) -> list[Seen]:
    return [seen for seen in report.evaluations if seen.feasible]


def _dominated(report: Report) -> np.ndarray:
    """The objectives of feasible evaluations that are not on the front."""
    front = {number for point in report.front for number in (point.number, *point.equal)}
    return _values([seen for seen in _feasible(report) if seen.number not in front])


def _draw_pair(axes: Any, report: Report, pair: tuple[int, int]) -> None:
    x, y = pair
    for name, k, line in (("x", x, axes.axvline), ("y", y, axes.axhline)):
        shown, capacity = _shown(report, k), report.summary.objectives[k].capacity
        _scale(axes, name, shown)
        getattr(axes, f"set_{name}label")(_name(report, k))
        if capacity is not None and capacity in shown:
            line(capacity, color=INK, lw=1, ls=(0, (4, 3)), label="capacity")
    infeasible = _values([seen for seen in report.evaluations if not seen.feasible])
    if len(infeasible):
        axes.scatter(*infeasible[:, pair].T, 18, GREY, marker="x", lw=0.9, alpha=0.7, label="infeasible")
    dominated = _dominated(report)
    if len(dominated):
        axes.scatter(*dominated[:, pair].T, 16, BLUE, lw=0, alpha=0.45, label="dominated")
    if report.front:
        _draw_front(axes, report, pair)
    _draw_defaults(axes, report, pair)


def _evaluated_defaults(report: Report) -> list[tuple[str, str, FrontPoint]]:
    """The feasible ones with their names and marks."""
    found = [(one.name, one.evaluation) for one in report.defaults if one.is_feasible]
    marks = [(name, point) for name, point in found if point is not None]
    return [(name, MARKS[place % len(MARKS)], point) for place, (name, point) in enumerate(marks)]


def _draw_defaults(axes: Any, report: Report, pair: tuple[int, int]) -> None:
    """What one would take without a search, a mark of its own for each."""
    for name, mark, point in _evaluated_defaults(report):
        x, y = (point.values[k] for k in pair)
        axes.scatter(x, y, 55, facecolors="none", edgecolors=INK, marker=mark, lw=1.3, zorder=4, label=name)


def _scale(axes: Any, axis: str, values: np.ndarray) -> None:
    """Limits around some values: points beyond, usually infeasible ones, would squeeze all others."""
    low, high = float(values.min()), float(values.max())
    is_log = _is_log(values)
    if is_log:
        room = (high / low) ** 0.05
        low, high = low / room, high * room
    else:
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    number_axis(axes, axis, low, high, is_log=is_log)
    getattr(axes, f"set_{axis}lim")(low, high)


def _is_log(values: np.ndarray) -> bool:
    return bool(values.min() > 0 and values.max() / values.min() > LOG_RATIO)


def _draw_front(axes: Any, report: Report, pair: tuple[int, int]) -> None:
    values = np.array([point.values for point in report.front])[:, pair]
    if len(report.summary.objectives) == 2:
        axes.plot(*_stairs(values, report), color=ORANGE, lw=1.2, alpha=0.8)
        _number_points(axes, values, report)
    axes.scatter(values[:, 0], values[:, 1], 30, ORANGE, zorder=3, lw=0, label="front")


def _signs(report: Report) -> np.ndarray:
    goals = [objective.goal for objective in report.summary.objectives]
    return np.array([1.0 if goal == "minimise" else -1.0 for goal in goals])


def _number_points(axes: Any, values: np.ndarray, report: Report) -> None:
    """Write the numbers of trials on the side where nothing is, since it would be better; none close to
    another or to a point that it does not belong to."""
    places = (axes.transScale + axes.transLimits).transform(values)
    signs = _signs(report)
    shown: list[np.ndarray] = []
    for point, place, at in zip(report.front, places, values, strict=True):
        beside = (place - places) * signs
        is_taken = ((beside > -0.01) & (beside < NUMBER_ROOM)).all(axis=1).sum() > 1
        if is_taken or any((np.abs(place - other) < NUMBER_ROOM).all() for other in shown):
            continue
        shown.append(place)
        axes.annotate(
            f"#{point.number}",
            at,
            -5 * signs,
            textcoords="offset points",
            ha="right" if signs[0] > 0 else "left",
            va="top" if signs[1] > 0 else "bottom",
            fontsize=SMALLEST,
        )


def _stairs(values: np.ndarray, report: Report) -> np.ndarray:
    """The border of what the front dominates: from point to point over the corner that both dominate."""
    signs = _signs(report)
    signed = values * signs
    signed = signed[np.lexsort((signed[:, 1], signed[:, 0]))]
    corners = np.column_stack([signed[1:, 0], signed[:-1, 1]])
    path = np.empty((len(signed) * 2 - 1, 2))
    path[::2], path[1::2] = signed, corners
    return (path * signs).T


def _space_plot(report: Report) -> Plot:
    """Three objectives in space, seen from two sides."""
    figure = new_figure(4.0)
    figure.set_layout_engine("none")  # it leaves axes in space no room
    for left, angle in ((0.0, -60), (0.53, 30)):
        axes = figure.add_axes((left, 0.0, 0.45, 1.04), projection="3d")
        axes.view_init(elev=22, azim=angle)
        axes.set_box_aspect(None, zoom=0.88)
        _draw_space(axes, report)
    _add_legend(figure, "upper right")
    return Plot(
        "front-3d", "Evaluations and the front in the space of the objectives, from two sides", figure
    )


def _draw_space(axes: Any, report: Report) -> None:
    """Evaluations with the front, or those that are not feasible where nothing else is."""
    shown = _values(_feasible(report) or report.evaluations)
    logs = [_is_log(shown[:, k]) for k in range(3)]
    if report.front:
        dominated = _dominated(report).reshape(-1, 3)
        front = np.array([point.values for point in report.front])
        axes.scatter(
            *_placed(dominated, logs), s=12, color=BLUE, alpha=0.35, lw=0, label="dominated", depthshade=False
        )
        axes.scatter(*_placed(front, logs), s=28, color=ORANGE, lw=0, label="front", depthshade=False)
    else:
        axes.scatter(*_placed(shown, logs), s=14, color=GREY, marker="x", label="infeasible")
    for k, name in enumerate("xyz"):
        _label_space(axes, name, _name(report, k), shown[:, k], logs[k])


def _placed(values: np.ndarray, logs: Sequence[bool]) -> list[np.ndarray]:
    """The columns as they are drawn: axes in space have no logarithmic scale of their own."""
    return [np.log10(column) if log else column for column, log in zip(values.T, logs, strict=True)]


def _label_space(axes: Any, name: str, text: str, values: np.ndarray, log: bool) -> None:
    ticker = load("matplotlib.ticker")
    axis = getattr(axes, f"{name}axis")
    if log:
        low, high = float(values.min()), float(values.max())
        ticks = [log10(tick) for tick in log_ticks(low, high, most=5) if low <= tick <= high]
        axis.set_major_locator(ticker.FixedLocator(ticks))
    else:
        axis.set_major_locator(ticker.MaxNLocator(5))
    axis.set_major_formatter(ticker.FuncFormatter(lambda at, _: number_text(10**at if log else at)))
    getattr(axes, f"set_{name}label")(text)


def _best_plot(report: Report) -> Plot:
    """The best feasible value so far, and all others."""
    figure = new_figure(4.0)
    axes = figure.add_subplot()
    goal = report.summary.objectives[0].goal
    known = [(place, seen) for place, seen in enumerate(report.evaluations, 1) if seen.feasible]
    places = np.array([place for place, _ in known])
    values = _values([seen for _, seen in known])[:, 0]
    best = np.minimum.accumulate(values) if goal == "minimise" else np.maximum.accumulate(values)
    _scale(axes, "y", values)
    axes.scatter(places, values, 16, BLUE, lw=0, alpha=0.45, label="feasible")
    ends = np.append(places, len(report.evaluations))
    axes.step(ends, np.append(best, best[-1]), ORANGE, where="post", lw=1.8, label="best so far")
    for name, _, point in _evaluated_defaults(report)[:1]:
        axes.axhline(point.values[0], color=INK, lw=1, ls=(0, (1, 2)), label=default_name(name))
    _finish_progress(axes, report, _name(report, 0))
    axes.legend(loc="upper right" if goal == "minimise" else "lower right")
    return Plot("best", "The best feasible value over the evaluations", figure)


def _volume_plot(report: Report) -> Plot:
    """The hypervolume as a share of the last one."""
    assert report.volumes is not None, "only drawn where there are some"
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    volumes = np.array([0.0, *report.volumes.values])
    shares = volumes / volumes[-1] * 100
    axes.step(np.arange(len(shares)), shares, BLUE, where="post", lw=1.8)
    axes.fill_between(np.arange(len(shares)), shares, step="post", color=BLUE, alpha=0.12, lw=0)
    axes.set_ylim(0, 104)
    _finish_progress(axes, report, "hypervolume, % of the last")
    words = f"The hypervolume, at last {number_text(volumes[-1])} {volume_unit(report.summary.objectives)}"
    return Plot("hypervolume", words.rstrip(), figure)


def _finish_progress(axes: Any, report: Report, name: str) -> None:
    axes.set_xlim(0, len(report.evaluations) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("evaluations")
    axes.set_ylabel(name)
