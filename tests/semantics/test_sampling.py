"""Tokens drawn at random are the same in every variant, in calls of any number of steps, on every target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kl.backends.numerics_sampling import uniform
from kl.tools.kl import main

TINY = str(Path(__file__).parents[2] / "examples" / "llama3_tiny.kl")
SAID = ["--param", "batch=2", "--tokens", "3", "--tokens", "3", "--seed", "5", "--steps", "4"]
DRAWN = ["--temperature", "1.5", "--top-k", "60", "--top-p", "0.95"]

VARIANTS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "block": ["--fusion", "block"],
    "looped": [],
    "single": ["--single-call"],
    "stepped": ["--steps-per-call", "4"],
    "stepped twice": ["--steps-per-call", "2"],
    "resident": ["--resident"],
}

Capture = pytest.CaptureFixture[str]


def tokens(capsys: Capture, *options: str) -> list[str]:
    """The tokens of each row; the steps are equal to the reference."""
    capsys.readouterr()
    assert main(["run", TINY, *SAID, *options, "--check"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("equal to the reference, bit for bit")
    return lines[:2]


@pytest.fixture(scope="module")
def plain() -> list[str]:
    """Those of the usual variant."""
    return []


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_draws_the_same(name: str, capsys: Capture, plain: list[str]) -> None:
    found = tokens(capsys, *DRAWN, *VARIANTS[name])
    plain[:] = plain or tokens(capsys, *DRAWN)
    assert found == plain
    one, other = (line.partition(": ")[2] for line in found)
    assert one != other, "rows that are alike draw by numbers of their own"


def test_sockets_draw_as_one_does(capsys: Capture) -> None:
    for options in (["--sockets", "2"], ["--sockets", "2", "--steps-per-call", "2"]):
        tokens(capsys, *DRAWN, *options)


def test_the_logits_are_what_tokens_are_drawn_from(tmp_path: Path, capsys: Capture) -> None:
    """By hand: softmax of the logits in the file, and the share of each token in order."""
    path = tmp_path / "logits.npy"
    said = tokens(capsys, "--temperature", "1.5", "--logits", str(path))
    made = np.array([[int(token) for token in line.partition(": ")[2].split(",")] for line in said]).T
    logits = np.load(path)
    assert (logits.shape, logits.dtype) == ((4, 2, 256), np.float32)
    for position, rows in enumerate(logits.astype(np.float64)):
        for number, row in enumerate(rows):
            order = np.argsort(-row, kind="stable")
            weights = np.exp((row[order] - row.max()) / 1.5)
            shares = np.cumsum(weights) / weights.sum()
            place = int(np.searchsorted(shares, uniform(5, position, number), side="right"))
            assert made[position, number] == order[place]


def test_reading_logits_changes_no_token(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "logits.npy"
    plain = tokens(capsys)
    assert tokens(capsys, "--logits", str(path)) == plain
    made = [[int(token) for token in line.partition(": ")[2].split(",")] for line in plain]
    assert np.load(path).argmax(axis=-1).T.tolist() == made
