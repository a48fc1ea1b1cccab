"""Saved programs of a sequence of kernels: what was edited is refused by name, IR is held against it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kl.backends.sequence.digests import TIES
from kl.backends.sequence.program import dump_program, load_program
from kl.tools.kl import main

MINI = str(Path(__file__).parents[2] / "examples" / "mini.kl")
COMPILE = ["compile", MINI, "--machine", "h100", "--param", "layers=3"]

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Path:
    """A program and its IR, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for level, path in (("kernel", "k.mlir"), ("program", "p.json")):
        assert main([*COMPILE, "--to", level, "-o", path]) == 0
    capsys.readouterr()
    return tmp_path


def edited(old: str, new: str) -> str:
    """The program with something edited, as a file."""
    text = Path("p.json").read_text()
    assert re.search(old, text)
    Path("e.json").write_text(re.sub(old, new, text, count=1))
    return "e.json"


def results(capsys: Capture, *arguments: str) -> dict[str, str]:
    """What `kl verify` finds, check by check."""
    capsys.readouterr()
    main(["verify", *arguments, "--json"])
    return {one["name"]: one["result"] for one in json.loads(capsys.readouterr().out)["checks"]}


EDITS = [
    (r'"value_bytes":', '"value_bytes":1', "kernel '"),
    (r'"element_flops":', '"element_flops":1', "kernel '"),
    (r'"tokens":1', '"tokens":2', "all but its kernels (machine, calls, context, tokens, memory)"),
    (r'"machine":{}', '"machine":{"memory_permille":999}', "all but its kernels"),
    (r'"calls":\[0,', '"calls":[0,0,', "all but its kernels"),
]
"""What is edited, and how a message names it."""


@pytest.mark.parametrize(("old", "new", "named"), EDITS)
def test_an_edited_program_is_refused_without_trust(old: str, new: str, named: str, capsys: Capture):
    path = edited(old, new)
    assert main(["time", path]) == 1
    message = capsys.readouterr().err
    assert f"e.json was edited since it was compiled: {named}" in message
    assert "--trust takes it as it is" in message
    assert main(["time", path, "--trust", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["edited"]
    assert results(capsys, path)["digests"] == "fails"


def test_a_program_is_what_its_ir_makes(capsys: Capture):
    assert set(results(capsys, "p.json", "--ir", "k.mlir").values()) == {"passes"}
    assert main(["time", "p.json"]) == 0
    assert capsys.readouterr().err == ""


def test_facts_are_computed_again_whatever_digests_say(capsys: Capture):
    program = load_program(Path("p.json").read_bytes())
    assert program.digests is not None
    changed = replace(program, work=replace(program.work, memory_bytes=program.work.memory_bytes + 1))
    again = TIES.tied(changed, {}).digests
    assert again is not None
    Path("e.json").write_text(
        dump_program(replace(changed, digests=replace(program.digests, rest=again.rest)))
    )
    found = results(capsys, "e.json", "--ir", "k.mlir")
    assert (found["digests"], found["ir"]) == ("passes", "fails")
    assert main(["verify", "e.json", "--ir", "k.mlir"]) == 1
    assert "e.json is not what k.mlir makes: all but its kernels" in capsys.readouterr().err


def test_other_ir_is_named(capsys: Capture):
    text = Path("k.mlir").read_text()
    Path("other.mlir").write_text(text.replace("nn.silu", "nn.gelu"))
    capsys.readouterr()
    assert main(["verify", "p.json", "--ir", "other.mlir"]) == 1
    assert "p.json has other IR than other.mlir: kernel '" in capsys.readouterr().err


def test_a_program_without_digests_is_timed_with_a_note(capsys: Capture):
    document = json.loads(Path("p.json").read_text())
    del document["digests"]
    Path("old.json").write_text(json.dumps(document))
    assert main(["time", "old.json"]) == 0
    assert "note: old.json: it has no digests" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (r'"calls":\[0', '"calls":[99', "kernels that is not there"),
        (r'"sockets":1', '"sockets":2', "is for 2 sockets, the machine has 1"),
        (r'"memory_bytes":', '"memory_bytes":9999999', "of weights and caches on each socket"),
        (r'"rest":"\w+"', '"rest":7', "digests.rest is 7"),
        (r'"digests":', '"digests":7,"x":', "digests has to have kernels, rest"),
    ],
)
def test_what_no_machine_runs_is_refused_with_one_message(old: str, new: str, said: str, capsys: Capture):
    assert main(["time", edited(old, new), "--trust"]) == 1
    message = capsys.readouterr().err
    assert said in message
    assert message.count("error:") == 1


def test_checks_are_made_one_by_one(capsys: Capture):
    found = results(capsys, edited(r'"sockets":1', '"sockets":2'))
    assert list(found) == ["digests", "form", "sockets", "memory", "types"]
    assert found["sockets"] == "fails"
