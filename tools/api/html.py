"""Results in a notebook: tables, lines of text, and pictures that bring their own colours."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from ...backends.tables import Table
from ...backends.targets import Timing
from ..commands.time import headline, main_rows

if TYPE_CHECKING:
    from ..pictures.ledger import LedgerBar


def table_html(table: Table) -> str:
    """A table; columns of numbers stand to the right."""
    title = f"<p>{escape(table.title)}</p>" if table.title else ""
    if not table.columns:
        return title
    head = _row("th", table.columns, table.texts)
    rows = "".join(_row("td", row, table.texts) for row in table.rows)
    return f"{title}<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _row(tag: str, cells: Sequence[str], texts: Sequence[int]) -> str:
    sides = ("left" if number in texts else "right" for number in range(len(cells)))
    shown = (
        f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>'
        for side, cell in zip(sides, cells, strict=True)
    )
    return f"<tr>{''.join(shown)}</tr>"


def lines_html(lines: Iterable[str]) -> str:
    """Lines of text below each other."""
    return "".join(f"<div>{escape(line)}</div>" for line in lines)


def timing_html(timing: Timing) -> str:
    """How long a step takes and where the time goes."""
    rows = Table(("", ""), main_rows(timing), texts=(0, 1))
    parts = [f"<p>{escape(headline(timing))}</p>", ledger_html([(timing.program, timing)]), table_html(rows)]
    return "".join([*parts, *map(table_html, timing.tables)])


def ledger_html(timings: Sequence[tuple[str, Timing]]) -> str:
    """Where the time goes as bars, each with its name; nothing for a target that keeps no ledger.

    As an image of its own, so that its colours are none of the notebook's.
    """
    from ..pictures.ledger import draw

    bars = [bar for name, timing in timings if (bar := _bar(name, timing)) is not None]
    if not bars:
        return ""
    picture = draw("Where the time goes", bars)
    data = b64encode(picture.standalone().encode()).decode()
    return f'<img alt="{escape(picture.description)}" src="data:image/svg+xml;base64,{data}">'


def _bar(name: str, timing: Timing) -> LedgerBar | None:
    """The ledger of a call, with the cycles at the roofline."""
    from ..pictures.ledger import LedgerBar

    said = timing.document
    if not said.keys() >= {"ledger_cycles", "roofline_cycles", "clock_hz"}:
        return None
    parts = tuple(said["ledger_cycles"].items())
    return LedgerBar(name, parts, said["roofline_cycles"], said["clock_hz"], timing.tokens)
