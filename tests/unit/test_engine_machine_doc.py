"""The table of `docs/machine.md` says what `dialects/machine.py` says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from kl.dialects.machine import SN40L, Machine, Parameter, described

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
    for one in described(SN40L):
        heads = {"published": ("SN40", "STeP"), None: ()}.get(one.source_kind, (f"{one.source_kind}:",))
        assert one.source.lower().startswith(tuple(map(str.lower, heads))), f"{one.name}: {one.source}"


def test_a_machine_is_described_with_its_values_units_and_the_kinds_of_its_sources() -> None:
    found = {one.name: one for one in described(SN40L.with_values({"pcus": 7}))}
    assert [*found] == [field.name for field in fields(Machine)]
    assert found["pcus"] == Parameter("pcus", 7, "units", "SN40: pattern compute units per socket")
    kinds = {name: one.source_kind for name, one in found.items()}
    assert {name for name, kind in kinds.items() if kind == "fitted"} == {
        "hbm_efficiency_permille", "execute_ns", "host_command_ns"
    }  # fmt: skip
    assert (kinds["pcus"], kinds["pcu_flops_per_cycle"], kinds["dies"]) == (
        "published",
        "derived",
        "published",
    )
    assert kinds["clock_hz"] == "assumed"


def test_the_machine_of_another_target_is_described_as_far_as_it_says() -> None:
    assert described({"lanes": 3}) == (Parameter("lanes", 3),)
    assert described({"lanes": 3})[0].source_kind is None
