"""A report as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..extras import load
from ..pages.palette import page_style
from .analysis import Report
from .figures import to_inline_svg
from .formatting import DEFAULT, amount_text, default_name, number_text, seconds_text, share_text, value_text
from .front_table import front_columns, table_rows
from .importance import MAIN_SHARE
from .plots import draw_parts
from .sentences import front_words, reference_words, space_words, status_words
from .units import volume_unit

TEMPLATE = Path(__file__).with_name("template.html")


def breakable(text: str) -> Any:
    """A name that may go on in another line behind each dot."""
    markup = load("markupsafe")
    return markup.Markup(".<wbr>").join(map(markup.escape, text.split(".")))


FILTERS = (number_text, amount_text, seconds_text, share_text, value_text, breakable, default_name)
"""How the template writes numbers and names."""

SENTENCES = (front_words, reference_words, space_words, status_words, volume_unit, table_rows, front_columns)
"""What the template calls by its name."""


def render_html(report: Report) -> str:
    """The page of a report; the same report gives the same text.

    Raises: MissingExtraError without Jinja2 or matplotlib.
    """
    environment = load("jinja2").Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {function.__name__: function for function in FILTERS}
    environment.globals |= {function.__name__: function for function in SENTENCES}
    markup = load("markupsafe").Markup  # what is ours, and must not be escaped once more
    plots = {
        part: [{"svg": markup(to_inline_svg(plot)), "text": plot.text} for plot in found]
        for part, found in draw_parts(report).items()
    }
    style = page_style() + (TEMPLATE.parent / "report.css").read_text("utf-8")
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(
        **vars(report),
        report=report,
        main_share=MAIN_SHARE,
        plain_default=DEFAULT,
        style=markup(style),
        plots=plots,
    )
