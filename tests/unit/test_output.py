"""Files that are written: whole or not at all, and never in place of an input that is still needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE

import pytest

from kl.tools import kl, kl_opt
from kl.tools.output import replacing, write_file

MINI = Path(__file__).parents[2] / "examples/mini.kl"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that may be overwritten."""
    path = tmp_path / "model.kl"
    path.write_text(MINI.read_text(encoding="utf-8"), encoding="utf-8")
    return path


def lowered(words: list[str]) -> int:
    """IR at the kernel level, by kl-opt."""
    return kl_opt.main([*words, "-p", "outline-kernels"])


def compiled(words: list[str]) -> int:
    """The same by kl."""
    return kl.main(["compile", *words, "--to", "kernel"])


@pytest.mark.parametrize("tool", [lowered, compiled])
@pytest.mark.parametrize("way", ["same", "symbolic", "hard"])
def test_ir_may_be_the_output(tool: Callable[[list[str]], int], way: str, model: Path):
    kl_opt.main([str(model), "-o", str(model := model.with_suffix(".mlir"))])
    output = model if way == "same" else model.with_name(f"other{model.suffix}")
    if way == "symbolic":
        output.symlink_to(model)
    elif way == "hard":
        output.hardlink_to(model)
    before = model.read_bytes()
    assert tool([str(model), "-o", str(output)]) == 0
    assert output.read_text(encoding="utf-8").startswith("builtin.module @mini {")
    assert output.is_symlink() == (way == "symbolic")
    assert (model.read_bytes() == before) == (way == "hard")


@pytest.mark.parametrize("words", [["-p", "plan-memory{policy=none}"], ["--param", "no=1"]])
def test_a_run_that_fails_leaves_the_file(words: list[str], model: Path):
    before = model.read_bytes()
    assert kl_opt.main([str(model), "-o", str(model.with_suffix(".mlir")), *words]) == 1
    assert model.read_bytes() == before
    assert os.listdir(model.parent) == ["model.kl"]


def test_a_later_chunk_that_fails_leaves_the_file(tmp_path: Path):
    source, output = tmp_path / "in.mlir", tmp_path / "out.mlir"
    source.write_text('"test.op"() : () -> ()\n// -----\n"test.none"() : () -> ()\n')
    output.write_text("old")
    assert kl_opt.main([str(source), "--split-input-file", "-o", str(output)]) == 1
    assert output.read_text() == "old"


@pytest.mark.parametrize("name", ["no/out.mlir", ".", "/proc/out.mlir"])
def test_what_cannot_be_written_is_one_message(
    name: str, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(model.parent)
    assert kl_opt.main([str(model), "-o", name]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"kl-opt: error: {name}: ")
    assert said.count("\n") == 1
    assert os.listdir(model.parent) == ["model.kl"]


@pytest.mark.skipif(os.geteuid() == 0, reason="all folders are writable for root")
def test_a_read_only_folder(model: Path, capsys: pytest.CaptureFixture[str]):
    model.parent.chmod(0o555)
    assert kl_opt.main([str(model), "-o", str(model.with_name("out.mlir"))]) == 1
    assert "Permission denied" in capsys.readouterr().err
    assert kl_opt.main([str(model), "-o", str(model)]) == 0, "a file in it can be written"


def test_permissions_stay(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    write_file(path, "new")
    assert (path.read_text(), S_IMODE(path.stat().st_mode)) == ("new", 0o640)


def test_an_interruption_leaves_the_file(tmp_path: Path):
    path = tmp_path / "a"
    path.write_text("old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_pipe_is_written_as_it_is(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_file(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)


@pytest.mark.parametrize("tool", [kl_opt.main, lambda words: kl.main(["compile", *words, "--to", "nn"])])
def test_a_dash_is_the_standard_output(
    tool: object, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert callable(tool)
    monkeypatch.chdir(model.parent)
    assert tool([str(model), "-o", "-"]) == 0
    assert capsys.readouterr().out.startswith("builtin.module @mini {")
    assert not Path("-").exists()


@pytest.mark.parametrize(
    ("words", "option"), [(["time", "{}", "--trace", "-"], "--trace"), (["tune", "{}", "-o", "-"], "-o")]
)
def test_what_stands_beside_tables_needs_a_file(
    words: list[str],
    option: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(model.parent)
    assert kl.main([word.format(model) for word in words]) == 1
    said = capsys.readouterr()
    assert f"{option} - would write between the tables on stdout\nhelp: give {option} FILE" in said.err
    assert (said.out, os.listdir(model.parent)) == ("", ["model.kl"])
