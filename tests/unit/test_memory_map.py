"""Memory on the command line: what is spilled computes the same, the map shows all, what is short is said."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kl.dialects.machine import SN40L
from kl.tools.kl import main
from kl.tools.options import JSON_VERSION

EXAMPLES = Path(__file__).parents[2] / "examples"
TINY, LARGE = str(EXAMPLES / "llama3_tiny.kl"), str(EXAMPLES / "llama3_405b.kl")
SMALL_BYTES = 200_000
"""Half of what llama3_tiny needs."""
SPILL = ["--set", f"hbm_bytes={SMALL_BYTES}", "--spill"]

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("loop", ["--loop", "--no-loop"])
@pytest.mark.parametrize("size", [SMALL_BYTES, 8_192])
def test_spilled_weights_and_caches_compute_the_same(size: int, loop: str, capsys: Capture):
    """With 8 KB of HBM, caches are spilled too."""
    machine = ["--set", f"hbm_bytes={size}", "--spill"]
    spilled = document(capsys, "run", TINY, *machine, loop, "--steps", "4", "--check")
    usual = document(capsys, "run", TINY, loop, "--steps", "4")
    assert spilled["check"]["equal"] is True
    for ours, theirs in zip(spilled["steps"], usual["steps"], strict=True):
        assert ours["outputs"] == theirs["outputs"]
        assert ours["cycles"] > theirs["cycles"]


def test_spilled_weights_on_several_sockets(capsys: Capture):
    checked = document(capsys, "run", TINY, *SPILL, "--sockets", "2", "--steps", "2", "--check")["check"]
    assert checked["equal"] is True


def test_what_is_read_least_is_spilled(capsys: Capture):
    """Some 25 KB too little: of all that is larger, a step reads least of the embedding, a row."""
    machine = ["--set", "hbm_bytes=370_000", "--spill"]
    regions = document(capsys, "compile", TINY, *machine, "--memory")["memory"]["regions"]
    assert [region["name"] for region in regions if region["tier"] == "ddr"] == ["embedding"]


def test_spilling_changes_nothing_where_all_fits(capsys: Capture):
    with_spill = document(capsys, "compile", TINY, "--spill")
    assert with_spill["text"] == document(capsys, "compile", TINY)["text"]


def test_the_map_shows_every_region_and_what_is_free(capsys: Capture):
    compiled = document(capsys, "compile", TINY, *SPILL, "--memory")
    memory = compiled["memory"]
    hbm, ddr = memory["tiers"]
    assert [(tier["tier"], tier["size_bytes"]) for tier in (hbm, ddr)] == [
        ("hbm", SMALL_BYTES),
        ("ddr", SN40L.ddr_bytes),
    ]
    assert all(tier["used_bytes"] + tier["free_bytes"] == tier["size_bytes"] for tier in (hbm, ddr))
    assert compiled["text"].count("rdu.region @") == len(memory["regions"])
    for region, following in pairwise(memory["regions"]):
        assert region["address"] <= following["address"]
    for region in memory["regions"]:
        assert (region["tier"] == "ddr") == (region["address"] >= SMALL_BYTES)
        assert (region["live"] is None) == (region["kind"] != "value")
    assert ddr["used_bytes"] == sum(r["size_bytes"] for r in memory["regions"] if r["tier"] == "ddr")


def test_the_map_prints_as_a_table(tmp_path: Path, capsys: Capture):
    path = tmp_path / "tiny.json"
    assert main(["compile", TINY, *SPILL, "--to", "program", "--memory", "-o", str(path)]) == 0
    printed = capsys.readouterr().out
    lines = [line.split() for line in printed.splitlines()]
    assert lines[0] == ["tier", "addresses", "size", "kind", "name", "alive"]
    assert ["ddr", "200000", "to", "232767", "32.8", "kB", "weight", "embedding", "always"] in lines
    assert any(
        line[:1] == ["hbm"] and line[-6:] == ["value", "x", "commands", "1", "to", "5"] for line in lines
    )
    tiers = lines.index(["tier", "size", "used", "free", "share", "used"])
    assert [line[0] for line in lines[tiers + 1 : tiers + 3]] == ["hbm", "ddr"]
    # A saved program has the same map.
    assert main(["compile", str(path), "--memory"]) == 0
    assert capsys.readouterr().out == printed


def test_the_fields_of_the_map_are_documented(capsys: Capture):
    page = (EXAMPLES.parent / "docs/commands.md").read_text(encoding="utf-8")
    compiled = document(capsys, "compile", TINY, "--memory")
    assert compiled["version"] == JSON_VERSION
    memory = compiled["memory"]
    fields = ["memory", *memory, *memory["regions"][0], *memory["tiers"][0]]
    assert [field for field in fields if f"`{field}`" not in page] == []


def test_a_model_that_does_not_fit_says_what_is_short(capsys: Capture):
    assert main(["time", LARGE, "--sockets", "8"]) == 1
    message = capsys.readouterr().err
    assert (
        "the model needs 101.7 GB of HBM on each socket, the machine has 68.72 GB: 33.02 GB short" in message
    )
    assert "on all 8 sockets 813.9 GB of 549.8 GB, 264.1 GB short" in message
    assert (
        "help: 16 sockets would hold it, estimated by dividing; or let DDR hold the rest: --spill" in message
    )


def test_a_model_that_does_not_fit_runs_spilled(capsys: Capture):
    report = document(capsys, "time", LARGE, "--sockets", "8", "--spill")
    read = report["bytes"]
    assert 30e9 < read["ddr_read"] < 40e9
    # As slow as DDR: 200 GB/s.
    assert report["cycles"] / report["clock_hz"] == pytest.approx(read["ddr_read"] / 200e9, rel=0.05)


def test_all_variants_are_compared_spilled(capsys: Capture):
    """All but the resident one are slower: what SRAM holds is not read from DDR."""
    spilled, whole = document(capsys, "compare", TINY, *SPILL), document(capsys, "compare", TINY)
    slower = {s["variant"] for s, w in zip(spilled, whole, strict=True) if s["cycles"] > w["cycles"]}
    assert slower >= {"unfused", "fused", "looped"}


@pytest.mark.parametrize("level", ["rdu", "program"])
def test_spill_comes_too_late_for_planned_memory(level: str, tmp_path: Path, capsys: Capture):
    path = tmp_path / f"tiny.{'json' if level == 'program' else 'mlir'}"
    assert main(["compile", TINY, "--to", level, "-o", str(path)]) == 0
    assert main(["time", str(path), "--spill"]) == 1
    assert "has its memory planned already" in capsys.readouterr().err


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow"])
def test_no_map_above_the_rdu_level(level: str, capsys: Capture):
    assert main(["compile", TINY, "--to", level, "--memory"]) == 1
    assert f"memory is planned below the level {level}" in capsys.readouterr().err
