"""Whole experts on each socket with weights of fewer bits: slots have their scales, zeros and all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kl.tools.kl import main

UP = ("1, 16, 24", "1, 64, 24", "1, 1, 24", "1, 32, 8", "1, 8, 16", "1, 64, 1", "1, 48, 32")
"""Blocks of `[6, 64, 24]`: whole matrices, rows, columns, and some that are cut off at the ends of slots."""
DOWN = ("1, 24, 1", "1, 24, 64", "1, 8, 16", "1, 16, 24", "1, 32, 1")
FORMATS = {
    "i8": "i8 scale[{}]",
    "i8 with zeros": "i8 scale[{}] zeros",
    "i4 with zeros": "i4 scale[{}]: f16 zeros",
    "f8e4m3": "f8e4m3 scale[{}]",
    "mxfp4": "f4e2m1 scale[{}]: f8e8m0",
    "nvfp4": "f4e2m1 scale[{}]: f8e4m3",
}


def mixture(declared: str) -> str:
    """A layer whose experts have a pair of stacks for each of the blocks."""
    downs = [DOWN[number % len(DOWN)] for number in range(len(UP))]
    stacks = [f"weight up{n}[6, 64, 24]: {declared.format(block)}" for n, block in enumerate(UP)]
    stacks += [f"weight down{n}[6, 24, 64]: {declared.format(block)}" for n, block in enumerate(downs)]
    products = [
        f"x = x + scale(silu(x @ columns_of(up{n}, experts)), gates) @ rows_of(down{n}, experts)"
        for n in range(len(UP))
    ]
    lines = "\n  ".join(
        [
            "weight router[64, 6]",
            *stacks,
            "ids = top_k(x @ router, 2)",
            "experts = distinct(ids, 6)",
            "gates = spread(softmax(take(x @ router, ids)), ids, experts)",
            *products,
            "return x",
        ]
    )
    layer = f"layer block[1](x[2, 64]) {{\n  {lines}\n}}"
    step = "step(x[2, 64]) {\n  return block[0](x)\n}"
    return f"model stored\ndtype f32\n\n{layer}\n\n{step}\n"


def numbers(values: Any) -> Iterator[float]:
    if isinstance(values, list):
        for one in values:  # pyright: ignore[reportUnknownVariableType]
            yield from numbers(one)
    else:
        yield float(values)


def outputs(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[float]:
    assert main(["run", *arguments, "--check", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["check"]["equal"] is True
    (output,) = found["steps"][0]["outputs"].values()
    return [*numbers(output["values"])]


@pytest.mark.parametrize("name", FORMATS)
def test_stored_slots_go_with_their_scales(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "stored.kl"
    path.write_text(mixture(FORMATS[name]))
    whole = outputs(capsys, str(path))
    for sockets in ("2", "6") if name == "nvfp4" else ("2",):
        split = outputs(capsys, str(path), "--sockets", sockets, "--expert-sharding", "sockets")
        assert split == pytest.approx(whole, rel=1e-4, abs=1e-4 * max(map(abs, whole)))


BIASED = """
model biased
dtype f32

layer block[1](x[2, 64]) {
  weight router[64, 6]
  weight up[6, 64, 24]: i8 scale[1, 64, 1]
  weight up_bias[6, 24]: i8 scale[1, 24] zeros
  weight down[6, 24, 64]: i8 scale[1, 24, 1]
  weight down_bias[6, 64]: f8e4m3 scale[1, 16]
  ids = top_k(x @ router, 2)
  experts = distinct(ids, 6)
  gates = spread(softmax(take(x @ router, ids)), ids, experts)
  h = silu(x @ columns_of(up, experts) + columns_of(up_bias, experts))
  return x + scale(h, gates) @ rows_of(down, experts) + gates @ rows_of(down_bias, experts)
}

step(x[2, 64]) {
  return block[0](x)
}
"""


@pytest.mark.parametrize("sharding", ["ffn", "sockets"])
def test_stored_biases_of_experts(sharding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Those that are rows have blocks of a row each."""
    path = tmp_path / "biased.kl"
    path.write_text(BIASED)
    whole = outputs(capsys, str(path))
    split = outputs(capsys, str(path), "--sockets", "2", "--expert-sharding", sharding)
    assert split == pytest.approx(whole, rel=1e-4, abs=1e-4 * max(map(abs, whole)))
