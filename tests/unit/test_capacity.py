"""What lies in which memory by kind, what a step takes from DDR, and what switching takes: exact numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kl.dialects.machine import SN40L
from kl.tools.kl import main

MODEL = """
model experts

param count = 8
param layers = 2
param wide = 128

weight dense[16, wide]
weight back[wide, 16]

layer block[layers](x[2, 16]) {
  weight router[16, count]
  weight wup[count, 16, 8]
  weight wdown[count, 8, 16]
  ids = top_k(x @ router, 2)
  w = softmax(take(x @ router, ids))
  experts = distinct(ids, count)
  h = silu(x @ columns_of(wup, experts))
  return x + scale(h, spread(w, ids, experts)) @ rows_of(wdown, experts)
}

step(x[2, 16]) {
  for i in 0..layers { x = block[i](x) }
  return silu(x @ dense) @ back
}
"""
SLICE = 16 * 8 * 2
STACK = 2 * 8 * SLICE
"""Bytes of all layers' slices for all experts, and of each of the two dense weights as well."""
ROUTERS = 2 * 16 * 8 * 2
LLAMA = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "experts.kl"
    path.write_text(MODEL)
    return str(path)


def document(capsys: Capture, *arguments: str) -> Any:
    """The JSON document of a command that succeeds."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def memory(capsys: Capture, *arguments: str) -> Any:
    return document(capsys, "compile", *arguments, "--memory")["memory"]


def test_weights_read_by_index_are_experts(model: str, capsys: Capture):
    found = memory(capsys, model)
    (hbm,) = found["stored_bytes"].values()
    assert hbm == {
        "experts": 2 * STACK,
        "other_weights": 2 * STACK + ROUTERS,
        "caches": 0,
        "inputs_and_values": hbm["inputs_and_values"],
    }
    whole = 4 * STACK + ROUTERS
    assert found["switching"] == {"model": {"bytes": whole, "seconds": whole / SN40L.ddr_bandwidth}}


def test_sockets_have_their_part(model: str, capsys: Capture):
    found = memory(capsys, model, "--sockets", "2", "--expert-sharding", "sockets")
    assert found["stored_bytes"]["hbm"]["experts"] == STACK
    assert found["switching"]["model"]["bytes"] == 2 * STACK + ROUTERS


def test_caches_are_told_apart(capsys: Capture):
    found = memory(capsys, LLAMA)
    assert found["stored_bytes"]["hbm"]["caches"] == 2 * 16_384
    assert found["stored_bytes"]["hbm"]["experts"] == 0
    regions = found["regions"]
    weights = sum(one["size_bytes"] for one in regions if one["kind"] == "weight")
    assert found["switching"]["model"]["bytes"] == weights


def test_values_that_share_addresses_count_once(capsys: Capture):
    found = memory(capsys, LLAMA)
    values = {(one["address"], one["size_bytes"]) for one in found["regions"] if one["kind"] == "value"}
    most = max(address + size for address, size in values) - min(address for address, _ in values)
    assert found["stored_bytes"]["hbm"]["inputs_and_values"] <= most + 8


def test_what_a_step_takes_from_ddr(model: str, capsys: Capture):
    """Half of the experts' stacks lie there, of which a step reads the slices that are named."""
    spilled = ("--spill", "--set", f"hbm_bytes={3 * STACK + ROUTERS + 2048}")
    timed = document(capsys, "time", model, *spilled)
    found, named = timed["memory"], sum(timed["experts"]["distinct"])
    assert found["stored_bytes"]["ddr"]["experts"] == STACK
    assert found["stored_bytes"]["hbm"]["experts"] == STACK
    assert found["ddr_step"] == {"bytes": named * SLICE, "seconds": named * SLICE / SN40L.ddr_bandwidth}
    used = found["switching"]["experts"]["used"]
    assert used == {"bytes": 2 * named * SLICE, "seconds": 2 * named * SLICE / SN40L.ddr_bandwidth}
    worst = found["switching"]["experts"]["worst"]
    assert worst["bytes"] == 2 * SLICE * 2 * 4


def test_it_is_said_beside_the_step(model: str, capsys: Capture):
    spilled = ("--spill", "--set", f"hbm_bytes={3 * STACK + ROUTERS + 2048}")
    named = sum(document(capsys, "time", model, *spilled)["experts"]["distinct"])
    assert main(["time", model, *spilled]) == 0
    lines = capsys.readouterr().out.splitlines()
    kilobytes = [f"{bytes_ / 1000:.3g} kB" for bytes_ in (named * SLICE, 2 * named * SLICE)]
    (ddr,) = (line for line in lines if line.startswith("DDR "))
    assert ddr.split(maxsplit=1)[1].startswith(f"{kilobytes[0]} a step, ")
    assert ddr.endswith(" at 200 GB/s")
    (switching,) = (line for line in lines if line.startswith("switching "))
    assert f"{kilobytes[1]} from DDR to HBM for the experts of a step; " in switching
    assert switching.endswith(
        f"{(4 * STACK + ROUTERS) / 1000:.3g} kB from DDR to HBM for all weights of the model"
    )
    assert "what lies in which memory of a socket" in lines


def test_a_dense_model_in_hbm_is_reported_as_ever(capsys: Capture):
    assert main(["time", LLAMA]) == 0
    assert "switching" not in capsys.readouterr().out


def test_show_says_it_too(model: str, capsys: Capture):
    assert main(["show", model, "--text"]) == 0
    out = capsys.readouterr().out
    assert "memory of a socket, looped\nswitching: " in out
    assert "what lies in which memory of a socket" in out


@pytest.mark.parametrize(("count", "wide"), [(4, 32), (8, 128)])
def test_experts_are_spilled_before_what_is_read_whole(count: int, wide: int, model: str, capsys: Capture):
    """Where two rows may name all four, the mean of what they name is three, so they go first as well."""
    stack, dense = STACK * count // 8, 2 * 16 * wide * 2
    spilled = ("--spill", "--set", f"hbm_bytes={2 * stack + dense + ROUTERS * count // 8 - 768}")
    sizes = ("--param", f"count={count}", "--param", f"wide={wide}")
    found = memory(capsys, model, *spilled, *sizes)["stored_bytes"]
    assert found["ddr"] == {"experts": stack, "other_weights": 0, "caches": 0, "inputs_and_values": 0}
    assert found["hbm"]["other_weights"] == dense + ROUTERS * count // 8


def test_layers_for_which_hbm_has_room_are_told(model: str, capsys: Capture):
    """A stack of two layers goes where less than one is too much, and where more than one is."""
    given = ("compile", model, "--spill", "--memory", "--set")
    assert main([*given, f"hbm_bytes={4 * STACK + ROUTERS}"]) == 0
    err = capsys.readouterr().err
    assert "of HBM stay free, where 1 of 2 layers of @block.w" in err
    assert "would fit: its 4.096 kB go to DDR as a whole" in err
    assert main([*given, f"hbm_bytes={4 * STACK + ROUTERS - STACK // 2}"]) == 0
    assert "stay free" not in capsys.readouterr().err
