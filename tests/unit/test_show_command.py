"""The command `kl show`: where it writes, its text, its pictures, and what it refuses."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
from whatif_answers import ASKED

from kl.tools.command_line import filled, written
from kl.tools.commands.show import Command
from kl.tools.kl import main, make_parser
from kl.tools.options import ComparisonOptions
from kl.tools.show import collection, what_if

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
Capture = pytest.CaptureFixture[str]


def test_a_page_goes_into_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    monkeypatch.chdir(tmp_path)
    assert main(["show", MINI]) == 0
    assert capsys.readouterr().out == "mini.show.html\n"
    assert (tmp_path / "mini.show.html").read_text("utf-8").startswith("<!doctype html>")
    assert [one.name for one in tmp_path.iterdir()] == ["mini.show.html"]


def test_pictures_stand_alone(tmp_path: Path, capsys: Capture):
    folder = tmp_path / "pictures"
    assert main(["show", MINI, "--svg", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = {one.stem for one in folder.iterdir()}
    assert {"ledger", "timelines", "magnifier", "memory", "hero", "chip-block-loop"} <= names
    assert {Path(one).stem for one in told["files"]} == names
    assert [one["variant"] for one in told["compare"]][:3] == ["unfused", "fused", "looped"]
    for path in folder.iterdir():
        text = path.read_text("utf-8")
        assert ElementTree.fromstring(text).attrib["width"] == "840"
        assert "prefers-color-scheme:dark" in text


def test_text_has_bars_on_one_scale(capsys: Capture):
    assert main(["show", MINI, "--text"]) == 0
    _, table, ledger, timelines = capsys.readouterr().out.split("\n\n")
    assert [line.split()[0] for line in table.splitlines()][:4] == ["variant", "unfused", "fused", "looped"]
    bars = [line.split()[:2] for line in ledger.splitlines()[1:4]]
    lengths = [len(bar) for _, bar in bars]
    assert lengths[0] == 72
    assert lengths[0] > lengths[1] > lengths[2] > 0
    lines = [line for line in timelines.splitlines() if "HBM" in line]
    assert [line.split()[0] for line in lines] == ["unfused", "fused", "looped"]
    assert [line.rindex("|") - line.index("|") - 1 for line in lines] == lengths


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--text", "-o", "-"], "-o - and --text write to stdout both\nhelp: leave out one"),
        (["--window", "5"], "--window '5' is no pair of cycles"),
        (["--window", "9000000:9000001"], "is no part of a call: the longest has"),
        (
            ["-o", "no/such/folder/page.html"],
            "no/such/folder/page.html: No such file or directory\nhelp: make the folder no/such/folder first",
        ),
        (["-o", "."], ".: is a folder\nhelp: name a file for the page"),
        (["-o", MINI], "mini.kl would overwrite the model\nhelp: give another file"),
        (["--svg", MINI], "File exists"),
    ],
)
def test_what_it_cannot_do_is_an_error(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    monkeypatch.chdir(tmp_path)
    assert main(["show", MINI, *arguments]) == 1
    assert message in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []


def never(*_: object) -> None:
    raise AssertionError("nothing is compiled for a page that cannot be written")


def test_a_page_takes_the_place_of_nothing_that_it_is_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    model, machine, link = tmp_path / "m.kl", tmp_path / "m.toml", tmp_path / "link.kl"
    model.write_text(Path(MINI).read_text("utf-8"), "utf-8")
    machine.write_text("pcus = 1000\n", "utf-8")
    link.symlink_to(model)
    monkeypatch.setattr(collection, "collect", never)
    for page, read, what in ((model, model, "model"), (link, model, "model"), (machine, machine, "machine")):
        before = read.read_bytes()
        assert main(["show", str(model), "--machine", str(machine), "-o", str(page)]) == 1
        assert f"error: -o {page} would overwrite the {what}" in capsys.readouterr().err
        assert read.read_bytes() == before


def test_a_folder_that_is_missing_is_found_before_anything_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    monkeypatch.setattr(collection, "collect", never)
    assert main(["show", MINI, "-o", str(tmp_path / "no/page.html")]) == 1
    assert f"help: make the folder {tmp_path / 'no'} first" in capsys.readouterr().err


def test_text_says_of_variants_what_compare_says(capsys: Capture):
    arguments = [MINI, "--after", "loop-kernels=cse"]
    assert main(["show", *arguments, "--text"]) == 0
    _, table, *_ = capsys.readouterr().out.split("\n\n")
    assert main(["compare", *arguments]) == 0
    _, compared, *_, notes = capsys.readouterr().out.split("\n\n")
    head = ["variant", "level", "calls/token", "time/token", "tokens/s", "speedup"]
    assert table.split("\n")[0].split()[:6] == head
    rows = compared.splitlines()[1:7]
    shown = table.splitlines()[1:7]
    assert [row.split()[:2] for row in shown] == [row.split()[:2] for row in rows]
    assert [row.split()[-3] for row in shown] == [row.split()[-1] for row in rows]
    of_bounds = ("attainable", "above it", "all from HBM")
    said = [line for line in notes.splitlines() if not line.startswith(of_bounds)]
    assert any("its pipeline has no such pass" in line for line in said)
    assert set(said) <= set(table.splitlines())


def test_a_program_is_refused_as_by_compare(tmp_path: Path, capsys: Capture):
    path = str(tmp_path / "kernels.mlir")
    assert main(["compile", MINI, "--to", "kernel", "-o", path]) == 0
    assert main(["show", path]) == 1
    said = capsys.readouterr().err
    assert "has its kernels already, which variants differ in\nhelp: give a model, or IR at the nn" in said


@pytest.mark.parametrize(
    "line",
    [
        "model.kl",
        "model.kl --param layers=3 --param vocab=8 --sockets 16 --spill",
        "a.kl --after 'loop-kernels=cse,canonicalize' --without prefetch-weights --position 0",
        "a.kl --machine m.toml --orchestration software --steps-per-call 4 --window 1:2 --text",
    ],
)
def test_a_command_is_written_as_it_was_read(line: str):
    parser = make_parser(["show"])
    command = filled(Command, parser.parse_args(["show", *shlex.split(line)]))
    again = filled(Command, parser.parse_args(["show", *written(command)]))
    assert again == command
    assert sorted(written(command)) == sorted(shlex.split(line))


def test_what_might_be_is_a_section_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
):
    asked = list[ComparisonOptions]()
    monkeypatch.setattr(what_if, "ask", lambda options: asked.append(options) or ASKED)
    page = tmp_path / "page.html"
    assert main(["show", MINI, "--what-if", "--set", "pcus=1000", "--text", "-o", str(page)]) == 0
    assert [one.machine.set for one in asked] == [("pcus=1000",)]
    assert '<section id="what-if">' in page.read_text("utf-8")
    assert "kl show" in page.read_text("utf-8")
    assert "--what-if" in page.read_text("utf-8"), "the command that makes the page"
    assert "\nwhat if: toy, looped (-O2)" in capsys.readouterr().out
    assert main(["show", MINI, "-o", str(page)]) == 0
    assert 'id="what-if"' not in page.read_text("utf-8")
    assert len(asked) == 1
