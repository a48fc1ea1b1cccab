"""Bars beside the rows of a table: on terminals that have room, from the shares that the rows state."""

from __future__ import annotations

import io
import re

import pytest

import kl
from kl.backends.tables import Table, share_text
from kl.backends.targets import Timing
from kl.tools.terminal import EIGHTHS, MOST_BAR, bar, print_tables

STYLE = re.compile(r"\x1b\[[\d;]*m")


class Terminal(io.TextIOWrapper):
    """A terminal that keeps what is printed."""

    def __init__(self, encoding: str = "utf-8"):
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        """Whether it is one."""
        return True

    @property
    def lines(self) -> list[str]:
        """What is printed, without styles."""
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return STYLE.sub("", self.buffer.getvalue().decode(self.encoding)).splitlines()


TABLE = Table(("part", "share"), [("a", "50 %"), ("b", "0 %")], shares=(0.5, 0.0))


@pytest.fixture(scope="module")
def timing() -> Timing:
    """Of a small model."""
    return kl.compile("mini").time().timing


def test_a_bar_is_as_long_as_its_share():
    assert bar(0.5, 8) == "████"
    assert bar(1, 8) == "█" * 8
    assert bar(0, 8) == ""
    assert [bar(number / 8, 1) for number in range(8)] == [*EIGHTHS]
    assert bar(0.52, 10) == "█████▎", "to the nearest eighth"
    assert bar(0.56, 10, plain=True) == "######"


def test_a_pipe_gets_no_bars():
    text = io.StringIO()
    print_tables([TABLE], text)
    assert text.getvalue() == "part  share\na      50 %\nb       0 %\n"


@pytest.mark.parametrize(
    ("columns", "encoding", "drawn"),
    [
        (80, "utf-8", "█" * (MOST_BAR // 2)),
        (80, "ascii", "#" * (MOST_BAR // 2)),
        (24, "utf-8", "██████▌"),
        (18, "utf-8", ""),
    ],
)
def test_a_terminal_gets_bars_where_it_has_room(
    columns: int, encoding: str, drawn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal(encoding)
    print_tables([TABLE], terminal)
    head, *rows = (line.rstrip() for line in terminal.lines)
    assert (head, rows) == ("part  share", [f"a      50 %  {drawn}".rstrip(), "b       0 %"])


def test_bars_of_a_step_are_its_shares(timing: Timing, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    print_tables(timing.tables, terminal)
    lines = iter(terminal.lines)
    ledger, kernels = timing.tables[:2]
    assert list(ledger.shares) == [*timing.parts.values()]
    cycles = timing.document["cycles"]
    assert list(kernels.shares) == [one["cycles"] / cycles for one in timing.document["kernels"]]
    for table in (ledger, kernels):
        for row, share in zip(table.rows, table.shares, strict=True):
            line = next(line for line in lines if line.startswith(row[0])).rstrip()
            assert share_text(share) in line
            assert re.findall(r"[█▏▎▍▌▋▊▉]+$", line) == [one for one in [bar(share, MOST_BAR)] if one]
