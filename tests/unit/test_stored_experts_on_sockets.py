"""Whole experts on each socket with weights of fewer bits: slots have their scales, zeros and all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kl.tools.kl import main

MODEL = """
model stored

layer block[2](x[3, 64]) {
  weight router[64, 8]
  weight wgate[8, 64, 64]: i4 scale[1, 32, 1] zeros
  weight wup[8, 64, 64]: f8e4m3 scale[1, 32, 32]
  weight wdown[8, 64, 64]: f4e2m1 scale[1, 32, 1]
  ids = top_k(x @ router, 2)
  w = softmax(take(x @ router, ids))
  experts = distinct(ids, 8)
  h = silu(x @ columns_of(wgate, experts)) * (x @ columns_of(wup, experts))
  return x + scale(h, spread(w, ids, experts)) @ rows_of(wdown, experts)
}

step(x[3, 64]) {
  for i in 0..2 { x = block[i](x) }
  return x
}
"""


def outputs(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[float]:
    assert main(["run", *arguments, "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["check"] == {"equal": True, "differences": []}
    (output,) = found["steps"][0]["outputs"].values()
    return output["values"][0]


@pytest.mark.parametrize("sockets", ["2", "8"])
def test_stored_slots_go_with_their_scales(sockets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "stored.kl"
    path.write_text(MODEL)
    whole = outputs(capsys, str(path))
    split = outputs(capsys, str(path), "--sockets", sockets, "--expert-sharding", "sockets")
    assert split == pytest.approx(whole, rel=0.02, abs=0.02)
