"""The table of `docs/machine.md` says what `dialects/machine.py` says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import cast

from kl.backends.targets import Parameters
from kl.dialects.machine import BOUNDS, SN40L, Machine
from kl.tools.parameters import Parameter, parameters_of

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


def test_every_source_is_named_or_says_why_there_is_none() -> None:
    for one in parameters_of(SN40L):
        heads = ("SN40", "STeP") if one.standing == "published" else (f"{one.standing}:".capitalize(),)
        assert one.source.startswith(heads), f"{one.name}: {one.source}"


def test_a_machine_is_described_with_its_values_units_and_the_standings_of_its_sources() -> None:
    found = {one.name: one for one in parameters_of(SN40L.with_values({"pcus": 7}))}
    assert [*found] == [field.name for field in fields(Machine)]
    pcus = Parameter("pcus", 7, "units", "SN40: pattern compute units per socket", "published", 1040)
    assert found["pcus"] == pcus
    assert pcus.is_changed
    fitted = {name for name, one in found.items() if one.standing == "fitted"}
    assert fitted == {"hbm_efficiency_permille", "execute_ns", "host_command_ns"}
    others = [found[name].standing for name in ("pcu_flops_per_cycle", "dies", "clock_hz")]
    assert others == ["derived", "published", "assumed"]


def test_the_machine_of_another_target_is_described_as_far_as_it_says() -> None:
    machine = cast(Parameters, {"lanes": 3})
    assert [*parameters_of(machine)] == [Parameter("lanes", 3, "", "", "unknown", None)]


def test_the_page_lists_the_bounds() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for unit, (most, reason) in BOUNDS.items():
        assert f"\n| {unit} | {most:,} | {reason} |\n" in page
