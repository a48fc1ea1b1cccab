"""A short hunt with fixed seeds: inputs from outside end in an answer or in one message; the long one is
`make hunt`."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
from hunt import hunt
from kinds import KINDS, Kind
from mutations import JSON_MUTATIONS, TEXT_MUTATIONS, mutated
from watching import CPU_SECONDS, watched

COUNT = 12
"""Inputs of each kind: a quarter of a minute in all."""


def test_inputs_from_outside_end_in_an_answer_or_a_message():
    kinds = [name for name, kind in KINDS.items() if isinstance(kind, Kind)]
    tallies = hunt(kinds, dict.fromkeys(kinds, 0), 300.0, 1, COUNT)
    assert {kind: tally.found for kind, tally in tallies.items() if tally.found} == {}
    assert {tally.inputs for tally in tallies.values()} == {COUNT}


def test_a_seed_gives_the_same_input():
    seeds = [b'{"a": [1, 2, {"b": null}], "c": "text"}', b"[]"]
    for mutations in (JSON_MUTATIONS, TEXT_MUTATIONS):
        for seed in range(50):
            one, two = (mutated(Random(seed), seeds, mutations) for _ in range(2))
            assert one == two


def say(text: str, code: int) -> int:
    """What a tool does that ends with a message."""
    import sys

    print(text, file=sys.stderr)
    return code


@pytest.mark.parametrize(
    ("text", "code", "wrong"),
    [
        ("kl: error: x.json is no JSON", 1, ""),
        ("kl: error: x.json is no JSON\n  error: in an excerpt", 1, ""),
        ("kl: error: it is no JSON", 1, "the file is not named, nowhere"),
        ("m.kl:3:4: error: it is no JSON", 1, ""),
        ("nothing", 1, "no message, nowhere"),
        ("kl: error: x.json\nkl: error: x.json", 1, "several messages, nowhere"),
        ("Traceback (most recent call last):", 1, "a traceback is printed"),
        ("kl: error: x.json" + "x" * 30_000, 1, "a message of too many characters, nowhere"),
        ("kl: error: internal error", 70, "NoneType in nowhere"),
    ],
)
def test_what_is_wrong_with_an_ending_is_seen(text: str, code: int, wrong: str):
    assert watched(lambda: say(text, code), "x.json").wrong == wrong


def test_a_loop_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("watching.CPU_SECONDS", CPU_SECONDS / 100)

    def endless() -> int:
        while True:
            pass

    assert watched(endless).wrong.startswith("too long")


def test_much_memory_is_refused():
    assert watched(lambda: len(bytearray(2**36))).wrong.startswith("too much memory")


@pytest.mark.parametrize(
    "kind", ["checkpoint", "config", "cost", "database", "index", "journal", "scenario", "space"]
)
def test_a_seed_is_accepted(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = Path(KINDS[kind].file)
    path.write_bytes(KINDS[kind].seeds()[0])
    assert KINDS[kind].read(path) == 0


def test_the_seeds_of_documents_are_documents():
    for kind in ("config", "scenario", "space", "index"):
        for data in KINDS[kind].seeds():
            assert isinstance(json.loads(data), dict)
    assert Path(KINDS["journal"].file).suffix == ".journal"
