"""`kl new` writes a package that is right at once; `docs/extending.md` shows it, and one more of each."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from kl.tools.kl import main
from kl.tools.new_package import renamed, rendered, write_package

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
FILES = dict(
    re.findall(r"^`([\w./-]+)`:\n\n```(?:python|toml|text)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
)
CHANGES = dict(re.findall(r"^`([\w./-]+)`:\n\n```diff\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
MOST_LINES = 30
"""What a pass, an operation, a machine and their tests may take."""

Capture = pytest.CaptureFixture[str]


def change(folder: Path, name: str, text: str) -> None:
    """Make the change that a block of the page shows: its old lines stand once in the file."""
    lines = text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] != "+")
    new = "".join(line[1:] for line in lines if line[0] != "-")
    path = folder / name
    before = path.read_text(encoding="utf-8") if old else ""
    assert not old or before.count(old) == 1, f"{name} has the lines once: {old}"
    path.write_text(before.replace(old, new) if old else new, encoding="utf-8")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment, which has what this one has."""
    pytest.importorskip("setuptools", minversion="77", reason="building a package needs setuptools 77")
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    [ours] = {
        path
        for path in map(Path, sys.path)
        if path.name == "site-packages" and Path(sys.prefix) in path.parents
    }
    [site] = folder.glob("lib/*/site-packages")
    (site / "ours.pth").write_text(f"import site; site.addsitedir({str(ours)!r})\n", encoding="utf-8")
    for name in ("kl", "kl-opt", "filecheck"):
        text = (Path(sys.executable).parent / name).read_text(encoding="utf-8")
        script = folder / "bin" / name
        script.write_text(f"#!{python}\n{text.partition(chr(10))[2]}", encoding="utf-8")
        script.chmod(0o755)
    return python


def install(package: Path, python: Path) -> None:
    """Install a package as its author does; the tools for building it are those of this environment."""
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-build-isolation"]
    done(python, "-m", "pip", "install", *options, "--editable", str(package), cwd=package)


def done(*command: str | Path, cwd: Path) -> str:
    """What a command prints that succeeds."""
    ran = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_page_shows_the_package_that_is_written():
    assert {path.as_posix(): text for path, text in rendered("mine").items()} == FILES


def test_what_an_author_adds_is_short():
    added = [line[1:] for text in CHANGES.values() for line in text.splitlines() if line[0] == "+"]
    lines = sum(bool(line.strip()) for line in added)
    assert lines <= MOST_LINES
    assert f"are {lines} lines more, blank ones left out" in PAGE


def test_a_package_passes_its_own_tests(python: Path, tmp_path: Path):
    package = tmp_path / "wave-let"
    write_package("wave-let", package)
    install(package, python)
    assert "6 passed" in done(python, "-m", "pytest", "-q", cwd=package)


def test_what_an_author_adds_passes_its_tests(python: Path, tmp_path: Path):
    package = tmp_path / "mine"
    write_package("mine", package)
    for name, text in CHANGES.items():
        change(package, name, text)
    install(package, python)
    of_these = ["tests/relu.kl", "tests/test_operations.py"]
    assert "4 passed" in done(python, "-m", "pytest", "-q", *of_these, cwd=package)


def test_its_name_is_replaced_as_a_word():
    text = 'mine = "mine:machine.toml" # determine, mines; mine.relu mine_relu(x) "mine-slow" // -p mine-fuse'
    assert renamed(text, "a_b") == (
        'a_b = "a_b:machine.toml" # determine, mines; a_b.relu a_b_relu(x) "a-b-slow" // -p a-b-fuse'
    )


@pytest.mark.parametrize("name", ["wave_let", "wave-let"])
def test_files_bear_the_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    monkeypatch.chdir(tmp_path)
    assert main(["new", name]) == 0
    printed = capsys.readouterr().out
    assert f"{name}/wave_let/passes.py\n" in printed
    assert f"next: cd {name} && pip install -e '.[test]' && pytest\n" in printed
    written = [path for path in Path(name).rglob("*") if path.is_file()]
    assert len(written) == len(FILES)
    assert [
        path for path in written if re.search(r"\bmine", f"{path}\n{path.read_text(encoding='utf-8')}")
    ] == []


WRONG = {
    "Waves": "'Waves' is no name of a package",
    "2waves": "'2waves' is no name of a package",
    "waves/more": "'waves/more' is no name of a package",
    "waves_": "'waves_' is no name of a package",
    "wäves": "'wäves' is no name of a package",
    "": "'' is no name of a package",
    "lambda": "lambda is taken: it is a word of Python",
    "json": "json is taken: it is a module of Python's standard library",
    "numpy": "numpy is taken: it is an installed package",
    "kernel-looping": "kernel-looping is taken: it is an installed package",
    "dataflow": "dataflow is taken: it is a dialect",
    "tests": "tests is taken: it is a folder that every package has",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    monkeypatch.chdir(tmp_path)
    assert main(["new", name, "folder"]) == 1
    assert WRONG[name] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_what_is_there_stays(kind: str, tmp_path: Path, capsys: Capture):
    there = tmp_path / "there"
    match kind:
        case "folder":
            there.mkdir()
        case "file":
            there.write_text("mine")
        case _:
            there.symlink_to(tmp_path / "nothing")
    assert main(["new", "waves", str(there)]) == 1
    assert f"kl: error: {there} is there already\nhelp: " in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]
