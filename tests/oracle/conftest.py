"""Prints the table of what was measured behind the tests."""

from __future__ import annotations

from typing import Any

from measured import HEADER


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The rows of all tests that have measured something, in the order of the cases."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.stats.get(kind, ())]
    found = {value for one in reports for name, value in one.user_properties if name == "oracle"}
    if found:
        terminalreporter.section("numbers against transformers in f64")
        terminalreporter.write_line(HEADER)
        for row in sorted(found):
            terminalreporter.write_line(row)
