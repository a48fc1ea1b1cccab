"""All plots of a report, and files of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .analysis import Report
from .figures import Plot, drawing, saved
from .front_plots import front_plots, progress_plots
from .model_plots import dependence_plots, importance_plots

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
