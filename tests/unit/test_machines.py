"""Machines by name come from other packages; what is wrong with one names its package or file."""

from __future__ import annotations

import json
from importlib import invalidate_caches
from pathlib import Path

import pytest

from kl.tools.kl import main

ROOT = Path(__file__).parents[2]
MINI = str(ROOT / "examples/mini.kl")
ENTRIES = {
    "half": "kl_machines:half.toml",
    "quarter": "kl_machines.objects:QUARTER",
    "negative": "kl_machines:negative.toml",
    "unknown": "kl_machines:unknown.toml",
    "huge": "kl_machines:huge.toml",
    "text": "kl_machines.objects:TEXT",
    "broken": "kl_machines:broken.toml",
    "missing": "kl_machines:missing.toml",
    "raises": "kl_machines.raises:MACHINE",
    "number": "kl_machines.objects:NUMBER",
}
MODULES = {
    "__init__.py": "",
    "objects.py": "QUARTER = {'hbm_bandwidth': 450_000_000_000}\nTEXT = {'pmus': 'many'}\nNUMBER = 3\n",
    "raises.py": "raise SystemExit('no licence')\n",
    "half.toml": "hbm_bandwidth = 9e11\n",
    "negative.toml": "pmus = -1\n",
    "unknown.toml": "pmu = 1040\n",
    "huge.toml": "pmus = 99999999999999999999\n",
    "broken.toml": "pmus =\n",
}

Capture = pytest.CaptureFixture[str]


def add_package(site: Path, name: str, entries: dict[str, str]) -> None:
    """A distribution as pip leaves it."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"{key} = {value}\n" for key, value in entries.items()]
    (info / "entry_points.txt").write_text("[kl.machines]\n" + "".join(lines))
    invalidate_caches()  # folders that change twice within a tick of the clock look unchanged


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with a package that has machines; the current folder is another one."""
    folder = tmp_path / "site"
    add_package(folder, "kl-machines", ENTRIES)
    for name, text in MODULES.items():
        (folder / "kl_machines").mkdir(exist_ok=True)
        (folder / "kl_machines" / name).write_text(text)
    monkeypatch.syspath_prepend(folder)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def machine(capsys: Capture, *options: str) -> str:
    """The machine that a model is compiled for, as the IR says it."""
    assert main(["compile", MINI, "--to", "nn", *options]) == 0, capsys.readouterr().err
    return capsys.readouterr().out.partition("{\n")[0]


@pytest.mark.parametrize(("name", "bandwidth"), [("half", 900_000_000_000), ("quarter", 450_000_000_000)])
def test_a_machine_is_taken_by_its_name(name: str, bandwidth: int, capsys: Capture):
    assert f"hbm_bandwidth = {bandwidth} " in machine(capsys, "--machine", name)


def test_other_options_win(capsys: Capture):
    assert "hbm_bandwidth = 7 " in machine(capsys, "--machine", "half", "--set", "hbm_bandwidth=7")


def test_a_file_of_the_name_wins_and_a_folder_does_not(capsys: Capture):
    Path("half").mkdir()
    assert "hbm_bandwidth = 900000000000 " in machine(capsys, "--machine", "half")
    Path("half").rmdir()
    Path("half").write_text("pmus = 99\n")
    assert "{pmus = 99 " in machine(capsys, "--machine", "half")


WRONG = {
    "negative": "'negative' of the package kl-machines: machine parameter pmus is -1; it must be positive",
    "unknown": "'unknown' of the package kl-machines: unknown machine parameter 'pmu'; known: sockets, ",
    "huge": "machine 'huge' of the package kl-machines: ",
    "text": "of the package kl-machines: machine parameter pmus is 'many'; it must be an integer",
    "broken": "machine 'broken' of the package kl-machines: broken.toml is no TOML: ",
    "missing": "machine 'missing' of the package kl-machines cannot be read: FileNotFoundError: ",
    "raises": "machine 'raises' of the package kl-machines cannot be read: SystemExit: no licence",
    "number": "kl_machines.objects:NUMBER is no mapping of parameters, and no file.toml",
    "hafl": "no machine 'hafl', and no such file\nhelp: did you mean half? known are a100, b200, broken, ",
    "none.toml": "none.toml: No such file or directory",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_machine_names_its_package(name: str, capsys: Capture):
    assert main(["time", MINI, "--machine", name]) == 1
    assert WRONG[name] in capsys.readouterr().err


def test_what_is_wrong_in_a_file_names_the_file(capsys: Capture):
    Path("wrong.toml").write_text("pmus = 1.5\n")
    assert main(["time", MINI, "--machine", "wrong.toml"]) == 1
    assert (
        "error: wrong.toml: machine parameter pmus is 1.5; it must be an integer" in capsys.readouterr().err
    )


def test_a_name_that_two_packages_have_is_an_error(site: Path, capsys: Capture):
    add_package(site, "kl-others", {"half": "kl_machines:half.toml"})
    assert main(["time", MINI, "--machine", "half"]) == 1
    assert "the packages kl-machines and kl-others have a machine 'half' each" in capsys.readouterr().err


def test_without_packages_there_are_ours(site: Path, capsys: Capture):
    [info] = site.glob("*.dist-info")
    info.rename(site / "gone")
    invalidate_caches()
    assert main(["time", MINI, "--machine", "half"]) == 1
    known = "a100, b200, dgx-h100, h100, h200, sn40l-16, sn40l-8"
    assert f"help: known are {known}; a file is TOML" in capsys.readouterr().err


def test_tuning_takes_a_name_too(tmp_path: Path, capsys: Capture):
    pytest.importorskip("optuna")
    storage = ["--storage", str(tmp_path / "s.db"), "--budget", "1", "--json"]
    assert main(["tune", MINI, "--machine", "half", *storage]) == 0
    assert json.loads(capsys.readouterr().out)["evaluations"] == 1
    assert main(["tune", MINI, "--machine", "negative", *storage]) == 1
    assert "of the package kl-machines: machine parameter pmus is -1" in capsys.readouterr().err
