"""In which language an input is, whatever it is called; and options that may be given once."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from kl.tools import kl, kl_opt

MODEL = (Path(__file__).parents[2] / "examples/mini.kl").read_text(encoding="utf-8")
IR = "nn.weight @head : tensor<64x256xbf16>\n"


@pytest.mark.parametrize(("text", "found"), [(MODEL, "func.func @step"), (IR, "nn.weight @head")])
@pytest.mark.parametrize("name", ["-", "x.txt", "x.kl", "x.mlir", "x"])
def test_both_tools_take_either_language(
    name: str,
    text: str,
    found: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    path = name if name == "-" else str(tmp_path / name)
    if name != "-":
        (tmp_path / name).write_text(text, encoding="utf-8")
    for tool in (kl_opt.main, lambda words: kl.main(["compile", "--to", "nn", *words])):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        assert tool([path]) == 0
        assert found in capsys.readouterr().out


def test_what_the_user_says_wins(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.mlir"
    path.write_text(MODEL, encoding="utf-8")
    assert kl_opt.main([str(path), "-f", "mlir"]) == 1
    assert "x.mlir:2:1: error: unknown operation 'model'" in capsys.readouterr().err
    assert kl.main(["time", str(path), "-f", "mlir"]) == 1
    assert "unknown operation 'model'" in capsys.readouterr().err
    assert kl.main(["time", str(path), "-f", "toml"]) == 1
    assert "unknown frontend 'toml'\nhelp: known are kl, mlir, program" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sockets", "2", "--sockets", "2"], "argument --sockets: it is given twice"),
        (["-O0", "-O3"], "argument -O: it is given twice"),
        (["--loop", "--no-loop"], "--loop and --no-loop are both given"),
        (["-f", "kl", "--frontend", "mlir"], "-f and --frontend are both given"),
    ],
)
def test_an_option_given_twice(words: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        kl.main(["time", "x.kl", *words])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_pipeline_given_twice(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        kl_opt.main(["x.mlir", "-p", "cse", "-p", "dce"])
    assert stop.value.code == 2
    assert "argument -p/--passes: it is given twice" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--param", "--set"])
def test_a_name_given_twice(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.kl"
    path.write_text(MODEL, encoding="utf-8")
    assert kl.main(["time", str(path), option, "layers=2", option, "layers=3"]) == 1
    assert f"{option} layers is given twice" in capsys.readouterr().err


def test_what_says_the_same_twice_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.kl"
    path.write_text(MODEL, encoding="utf-8")
    assert kl.main(["compile", str(path), "--to", "nn", "--loop", "--loop", "--json", "--json"]) == 0
    assert capsys.readouterr().out.startswith("{")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("kl-program{program=1}", "target kl-program: option 'program' takes a text, got 1"),
        ("kl-program{program=a program=b}", "option 'program' of kl-program is given twice"),
        ("kl-program{no=a}", "target kl-program has no option 'no'\nhelp: its options are program (a text)"),
        ("kl-program{", "malformed name or options"),
    ],
)
def test_options_of_a_target(target: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.mlir"
    path.write_text(IR)
    assert kl_opt.main([str(path), "-t", target]) == 1
    assert message in capsys.readouterr().err
