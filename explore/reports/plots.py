"""All plots of a report, and files of them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .analysis import Report
from .figures import Plot, drawing, to_png, to_svg
from .front_plots import front_plots, progress_plots
from .model_plots import dependence_plots, importance_plots

Format = Literal["svg", "png"]


def draw(report: Report) -> list[Plot]:
    """The plots of a report in its order; those that would show nothing are left out.

    Raises: MissingExtraError without matplotlib.
    """
    with drawing():
        return [
            *front_plots(report),
            *progress_plots(report),
            *importance_plots(report),
            *dependence_plots(report),
        ]


def write_plots(report: Report, folder: Path, format: Format = "svg") -> list[Path]:
    """Write a file for each plot into a folder, which is made where it is missing; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for plot in draw(report):
        plot.figure.suptitle(report.summary.heading, x=0.01, ha="left", fontsize=11, weight="bold")
        path = folder / f"{plot.name}.{format}"
        path.write_bytes(to_svg(plot).encode() if format == "svg" else to_png(plot))
        written.append(path)
    return written
