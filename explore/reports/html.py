"""A report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..extras import load
from ..pages.palette import page_style
from .analysis import Report
from .figures import Plot, drawing, to_inline_svg
from .formatting import default_name, number_text, seconds_text, share_text, value_text
from .front_plots import front_plots, progress_plots
from .front_table import front_columns, table_rows
from .importance import MAIN_SHARE
from .model_plots import dependence_plots, importance_plots
from .sentences import default_words, front_words, reference_words, space_words, status_words
from .units import heading, volume_unit

TEMPLATE = Path(__file__).with_name("template.html")


def _breakable(text: str) -> Any:
    """A name that may go on in another line behind each dot."""
    markup = load("markupsafe")
    return markup.Markup(".<wbr>").join(map(markup.escape, text.split(".")))


FILTERS = {
    "number": number_text,
    "share": share_text,
    "value": value_text,
    "breakable": _breakable,
    "default_name": default_name,
}
"""How the template writes numbers and names."""


def render_html(report: Report) -> str:
    """The page of a report; the same report gives the same text.

    Raises: MissingExtraError without Jinja2 or matplotlib.
    """
    environment = load("jinja2").Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= FILTERS
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    with drawing():
        plots = {
            "front": front_plots(report),
            "progress": progress_plots(report),
            "importances": importance_plots(report),
            "dependence": dependence_plots(report),
        }
    return template.render(
        summary=report.summary,
        front=report.front,
        volumes=report.volumes,
        importances=report.importances,
        main_share=MAIN_SHARE,
        rules=report.rules,
        resources=report.resources,
        messages=report.messages,
        tiles=_tiles(report),
        rows=table_rows(report),
        columns=front_columns(report),
        defaults=report.defaults,
        style=load("markupsafe").Markup(page_style() + (TEMPLATE.parent / "report.css").read_text("utf-8")),
        plots={part: [_inline(plot) for plot in found] for part, found in plots.items()},
        space_words=space_words(report.summary),
        front_words=front_words(report),
        default_words=default_words(report),
        reference_words=reference_words(report),
        status_words=status_words(report.summary),
    )


def _inline(plot: Plot) -> dict[str, Any]:
    """A plot for the template: its SVG is markup of ours, which must not be escaped once more."""
    svg = to_inline_svg(plot).replace("<svg ", '<svg class="plot" ', 1)
    return {"svg": load("markupsafe").Markup(svg), "text": plot.text}


def _tiles(report: Report) -> list[tuple[str, str]]:
    """The numbers at the top of the page, each with what it is."""
    summary = report.summary
    tiles = [
        (f"{summary.evaluations:,}", "evaluations"),
        (share_text(summary.feasible / summary.evaluations), f"feasible: {summary.feasible:,}"),
        (f"{len(report.front):,}", "on the front"),
    ]
    if report.volumes is not None and len(summary.objectives) > 1:
        words = heading("hypervolume", volume_unit(summary.objectives))
        tiles.append((number_text(report.volumes.values[-1]), words))
    tiles.append((seconds_text(summary.elapsed_seconds), "from start to end"))
    tiles.append((seconds_text(summary.evaluation_seconds / summary.evaluations), "per evaluation"))
    return tiles
