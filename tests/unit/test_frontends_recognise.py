"""What an input is, is told by how it begins; its suffix decides where that says nothing."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from kl.frontends import FRONTENDS
from kl.tools.kl import main
from kl.tools.kl_opt import main as kl_opt
from kl.tools.languages import find_frontend

ROOT = Path(__file__).parents[2]
MINI = ROOT / "examples/mini.kl"

Capture = pytest.CaptureFixture[str]


def compiled(capsys: Capture, *arguments: str) -> str:
    """What `kl compile` prints."""
    assert main(["compile", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("level", ["nn", "kernel", "dataflow", "rdu", "program"])
@pytest.mark.parametrize("suffix", ["", ".txt", ".kl", ".mlir", ".json"])
def test_the_suffix_does_not_matter(level: str, suffix: str, tmp_path: Path, capsys: Capture):
    path = tmp_path / f"mini{suffix}"
    path.write_text(compiled(capsys, str(MINI), "--to", level))
    expected = compiled(capsys, str(MINI), "--to", "program")
    assert json.loads(compiled(capsys, str(path), "--to", "program"))["format"] == "kl-program"
    assert main(["time", str(path), "--json"]) == 0
    timed = json.loads(capsys.readouterr().out)
    assert timed["kernel_calls"] == len(
        [one for one in json.loads(expected)["program"]["commands"] if one["kind"] == "Execute"]
    )


def test_a_model_by_another_name(tmp_path: Path, capsys: Capture):
    path = tmp_path / "mini.mlir"
    path.write_bytes(MINI.read_bytes())
    assert compiled(capsys, str(path)) == compiled(capsys, str(MINI))
    assert kl_opt([str(path), "-p", "outline-kernels"]) == 0
    assert "kernel.schedule" in capsys.readouterr().out


def test_a_model_on_the_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MINI.read_bytes())))
    text = compiled(capsys, "-", "--to", "nn", "--param", "layers=3")
    assert text == compiled(capsys, str(MINI), "--to", "nn", "--param", "layers=3")


def test_a_message_about_the_standard_input_quotes_no_file(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path("-").write_text("another text\n" * 99)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MINI.read_bytes())))
    assert main(["time", "-", "--sockets", "8"]) == 0
    said = capsys.readouterr().err
    assert "-:14:1: remark: 8 sockets are slower than 1" in said
    assert "another text" not in said


@pytest.mark.parametrize("text", [b"", b" \n\n"])
def test_an_empty_standard_input_is_called_so(text: bytes, capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert main(["time", "-"]) == 1
    assert capsys.readouterr().err.startswith("kl: error: the standard input is empty\nhelp: ")


def test_an_empty_name_is_called_so(capsys: Capture):
    assert main(["time", ""]) == 1
    assert capsys.readouterr().err.startswith("kl: error: the name of the input is empty\nhelp: ")


@pytest.mark.parametrize(
    ("text", "suffix", "name"),
    [
        ("// a comment\n\nmodel m\n", ".txt", "kl"),
        ("model", ".kl", "kl"),
        ("// nothing but a comment\n", ".mlir", "mlir"),
        ("%0 = nn.oops", "", "mlir"),
        ('"test.op"() : () -> ()', ".kl", "mlir"),
        ("#map = 3", "", "mlir"),
        ("module @m {}", "", "mlir"),
        ('{"format": "kl-program", "version": 99}', ".mlir", "program"),
        ("{}", ".json", "program"),
        ("\udcff", ".json", "program"),
    ],
)
def test_what_recognises_what(text: str, suffix: str, name: str):
    data = text.encode("utf-8", "surrogateescape")
    assert find_frontend(f"file{suffix}", data).name == name


def test_recognition_of_long_texts_ends():
    for text in (" " * 100_000, "// \n" * 50_000, "/" * 100_000, "a" * 100_000, "model " + " " * 100_000):
        assert not any(frontend.recognises(text) for frontend in FRONTENDS)
