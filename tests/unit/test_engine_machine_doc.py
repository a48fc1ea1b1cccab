"""The table of `docs/machine.md` says what `dialects/machine.py` says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from kl.dialects.machine import SN40L, Machine

PAGE = Path(__file__).parents[2] / "docs" / "machine.md"


def rows() -> list[str]:
    """A row per parameter: name, default, unit, source."""
    return [
        f"| `{field.name}` | {getattr(SN40L, field.name):,} | {field.metadata['unit']} "
        f"| {field.metadata['source']} |"
        for field in fields(Machine)
    ]


def test_the_table_lists_every_parameter_with_value_unit_and_source() -> None:
    section = PAGE.read_text(encoding="utf-8").split("\n## Parameters\n")[1].split("\n## ")[0]
    found = [line for line in section.splitlines() if line.startswith("| `")]
    assert found == rows(), "the rows should be\n" + "\n".join(rows())


def test_every_source_is_named_or_assumed() -> None:
    for field in fields(Machine):
        source = field.metadata["source"]
        assert source.startswith(("SN40", "STeP", "Derived:", "Assumed:")), f"{field.name}: {source}"
