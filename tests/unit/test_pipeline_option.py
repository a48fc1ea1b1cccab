"""`--pipeline`, and IR on the standard input: compile, run and time what somebody's passes make."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from kl.backends.targets import Choice
from kl.tools.kl import main
from kl.tools.tuning.space import choice_pipeline

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
TINY = str(ROOT / "examples/llama3_tiny.kl")
DEFAULT = choice_pipeline(Choice())

Capture = pytest.CaptureFixture[str]


def output(capsys: Capture, *arguments: str) -> str:
    """What a command prints that succeeds."""
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_the_default_pipeline_given_as_text_is_the_default(capsys: Capture):
    for command in ("time", "compile"):
        given = json.loads(output(capsys, command, TINY, "--pipeline", DEFAULT, "--json"))
        usual = json.loads(output(capsys, command, TINY, "--json"))
        for document in (given, usual):
            document.pop("passes", None)
        assert given == usual


def test_a_program_and_the_map_of_its_memory(capsys: Capture):
    given = output(capsys, "compile", TINY, "--pipeline", DEFAULT, "--to", "program")
    assert given == output(capsys, "compile", TINY, "--to", "program")
    assert output(capsys, "compile", TINY, "--pipeline", DEFAULT, "--memory") == output(
        capsys, "compile", TINY, "--memory"
    )


def test_a_pipeline_may_stop_anywhere(capsys: Capture):
    document = json.loads(output(capsys, "compile", MINI, "--pipeline", "outline-kernels", "--json"))
    assert document["level"] == "kernel"
    assert document["pipeline"] == "outline-kernels"
    assert "kernel.schedule" in document["text"]


def test_a_pipeline_computes_the_same(capsys: Capture):
    passes = DEFAULT.replace("allocate-units", "allocate-units{percent=20 pcu-percent=30}")
    assert main(["run", TINY, "--pipeline", passes, "--steps", "2", "--check"]) == 0


def test_ir_on_the_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    text = output(capsys, "compile", MINI, "--to", "dataflow")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    piped = json.loads(output(capsys, "time", "-", "--json"))
    assert piped["program"] == "stdin"
    assert piped["cycles"] == json.loads(output(capsys, "time", MINI, "--json"))["cycles"]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (
            ("time", MINI, "--pipeline", "outline-kernels"),
            "the pipeline ends at the level kernel, rdu is wanted",
        ),
        (("time", MINI, "--pipeline", "outline"), "unknown pass 'outline'"),
        (("time", MINI, "--pipeline", "outline-kernels{"), "malformed pass pipeline"),
        (("time", MINI, "--pipeline", DEFAULT, "--fusion", "op"), "--pipeline says all that is done"),
        (("time", MINI, "--pipeline", DEFAULT, "--spill"), "--pipeline says all that is done"),
        (
            ("compile", MINI, "--pipeline", DEFAULT, "--to", "nn"),
            "the pipeline ends at the level rdu, nn is wanted",
        ),
    ],
)
def test_wrong_pipelines(capsys: Capture, arguments: tuple[str, ...], wanted: str):
    assert main([*arguments]) == 1
    assert wanted in capsys.readouterr().err


def test_a_program_has_had_its_passes(capsys: Capture, tmp_path: Path):
    path = tmp_path / "program.json"
    path.write_text(output(capsys, "compile", MINI, "--to", "program"), encoding="utf-8")
    assert main(["time", str(path), "--pipeline", DEFAULT]) == 1
    assert "is a program already" in capsys.readouterr().err
