"""Examples are found by their names from any folder, and are in the wheel."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kl.tools.kl import main
from kl.tools.kl_opt import main as kl_opt

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.stem for path in ROOT.glob("examples/*.kl"))
SCENARIOS = sorted(path.stem for path in ROOT.glob("examples/explore/*.json"))

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests run in a folder that has nothing."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_are_listed_with_a_line_each(capsys: Capture):
    assert main(["examples"]) == 0
    lines = [re.split(" {2,}", line.strip(), maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    about = {words[0]: words[2] for words in lines if words[1:2] in (["model"], ["scenario"])}
    assert [*about] == [*MODELS, *SCENARIOS]
    assert about["mini"] == "The smallest model that loops: 32 equal layers and a head"
    assert about["client_chakong_haimes"] == "f1_value and f2_value over x1, x2, answered by a client"
    assert [f"documentation: {ROOT / 'docs'}"] in lines


def test_one_is_printed_as_it_is(capsys: Capture):
    assert main(["examples", "mini"]) == 0
    assert capsys.readouterr().out == (ROOT / "examples/mini.kl").read_text(encoding="utf-8")


def test_json_says_where_they_are(capsys: Capture):
    assert main(["examples", "branin", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    [example] = document["examples"]
    assert example == {
        "kind": "scenario",
        "name": "branin",
        "about": "Value over x1, x2",
        "path": str(ROOT / "examples/explore/branin.json"),
    }
    assert document["documentation"] == str(ROOT / "docs")


def split_in_halves(text: str) -> tuple[str, str]:
    """Two halves of the same length."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def test_a_name_stands_for_the_file(capsys: Capture):
    for path in ("mini", str(ROOT / "examples/mini.kl")):
        assert main(["compile", path, "--to", "kernel"]) == 0
        assert kl_opt([path, "-p", "outline-kernels"]) == 0
    by_name, by_path = split_in_halves(capsys.readouterr().out)
    assert by_name == by_path
    assert "kernel.func @block" in by_name


@pytest.mark.parametrize("folder", [False, True])
def test_a_file_of_the_name_wins_a_folder_does_not(folder: bool, elsewhere: Path, capsys: Capture):
    if folder:
        (elsewhere / "mini").mkdir()
    else:
        (elsewhere / "mini").write_text("model other\nstep(x[1, 8]) { return silu(x) }\n")
    assert main(["compile", "mini", "--to", "nn"]) == 0
    assert ("builtin.module @other" in capsys.readouterr().out) is not folder


WRONG = {
    ("time", "llama3_8"): "llama3_8: No such file or directory\nhelp: did you mean the example llama3_8b or ",
    (
        "time",
        "examples/mini.kl",
    ): "examples/mini.kl: No such file or directory\nhelp: did you mean the example mini?",
    ("time", "something"): "something: No such file or directory\nhelp: `kl examples` lists models",
    ("explore", "brannin"): "brannin: No such file or directory\nhelp: did you mean the example branin",
    ("explore", "llama3_8b"): "llama3_8b: No such file or directory\nhelp: `kl examples` lists scenarios",
    ("examples", "min"): "there is no example 'min'\nhelp: did you mean mini",
    ("examples", "something"): "there is no example 'something'\nhelp: known are llama2_7b, ",
}


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_an_unknown_name_is_an_error_that_lists_close_ones(command: tuple[str, str], capsys: Capture):
    assert main([*command]) == 1
    assert f"kl: error: {WRONG[command]}" in capsys.readouterr().err


def test_a_scenario_is_run_by_its_name(elsewhere: Path, capsys: Capture):
    function = ["--function", "kl.examples.explore.functions:branin"]
    assert main(["explore", "branin", *function, "--budget", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 3
    assert (elsewhere / "branin_output_samples.csv").exists()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built from a copy: building leaves files."""
    pytest.importorskip("setuptools", minversion="77", reason="building a wheel needs setuptools 77")
    folder = tmp_path_factory.mktemp("wheel")
    leave_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, folder / "tree", ignore=leave_out)
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([sys.executable, *build, "-w", str(folder), str(folder / "tree")], check=True)
    [found] = folder.glob("*.whl")
    return found


def test_the_wheel_has_examples_docs_and_the_template(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    paths = [path for folder in ("docs", "examples") for path in (ROOT / folder).rglob("*") if path.is_file()]
    tools = ROOT / "docs/site"  # they make pages of a checkout
    kept = [path for path in paths if path.suffix != ".pyc" and not path.is_relative_to(tools)]
    wanted = {f"kl/{path.relative_to(ROOT).as_posix()}" for path in kept}
    assert wanted - names == set()
    assert [name for name in names if "__pycache__" in name] == []


def test_the_wheel_alone_is_enough(wheel: Path, elsewhere: Path, tmp_path_factory: pytest.TempPathFactory):
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    for command, printed in (
        (["compile", "mini", "--to", "kernel"], "@block.loop"),
        (["new", "waves"], str(site)),
    ):
        run = [sys.executable, "-m", "kl.tools.kl", *command]
        done = subprocess.run(run, capture_output=True, text=True, check=True, env=environment, cwd=elsewhere)
        assert printed in done.stdout
    assert (elsewhere / "waves/waves/passes.py").exists()
