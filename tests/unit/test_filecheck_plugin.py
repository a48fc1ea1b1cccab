"""FileCheck tests of users: the pytest plugin says of every file what `lit` says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

BIN = Path(sys.executable).parent

CONFIGURATION = """
from kl.tools.testing.lit_config import configure

configure(config)
config.available_features.add("here")
config.excludes = ["excluded.mlir"]
"""

MODULE = """
// CHECK: func.func @a
func.func @a(%x: i32) -> i32 {
  func.return %x : i32
}
"""

INVALID = """
func.func @a() -> i32 {
  func.return
}
"""

FILES = {
    "continued.mlir": (
        "PASS",
        "// RUN: kl-opt %s \\\n// RUN:   --print-op-generic | \\\n// RUN: filecheck %s\n"
        '// CHECK: "func.func"\nfunc.func @b() {\n  func.return\n}\n',
    ),
    "redirected.mlir": ("PASS", "// RUN: cat %s > %t\n// RUN: filecheck %s < %t\n" + MODULE),
    "one_scratch_file.mlir": (
        "PASS",
        "// RUN: kl-opt %s -o %t\n// RUN: FileCheck %s --input-file %t\n" + MODULE,
    ),
    "and_or.mlir": ("PASS", "// RUN: false && false || cat %s | filecheck %s\n" + MODULE),
    "sequence.mlir": ("PASS", "// RUN: false ; true\n"),
    "first_of_a_pipe.mlir": ("FAIL", "// RUN: false | true\n"),
    "not_true.mlir": ("FAIL", "// RUN: not true\n"),
    "missing_tool.mlir": ("FAIL", "// RUN: no-such-tool %s\n"),
    "not_missing_tool.mlir": ("FAIL", "// RUN: not no-such-tool %s\n"),
    "killed.mlir": ("FAIL", "// RUN: sh -c 'kill -9 $$'\n"),
    "not_invalid.mlir": ("PASS", "// RUN: not kl-opt %s 2>&1 | filecheck %s\n// CHECK: error:\n" + INVALID),
    "left_no_trace.mlir": (
        "PASS",
        "// RUN: xdsl-opt --disable-verify %s\n// RUN: not xdsl-opt %s 2> %t\n// RUN: grep . %t\n" + INVALID,
    ),
    "alike.mlir": ("PASS", "// RUN: cat %s > %t.1\n// RUN: cat %t.1 | diff %s -\n" + MODULE),
    "unlike.mlir": ("FAIL", "// RUN: echo one > %t && diff %s %t\n" + MODULE),
    "defined.mlir": (
        "PASS",
        "// DEFINE: %{word} = one\n// DEFINE: %{run} = echo %{word} | filecheck %s --check-prefix\n"
        "// RUN: %{run} ONE\n// REDEFINE: %{word} = two\n// RUN: %{run} TWO\n// ONE: one\n// TWO: two\n",
    ),
    "required.mlir": ("UNSUPPORTED", "// REQUIRES: nowhere\n// RUN: false\n"),
    "required_here.mlir": ("PASS", "// REQUIRES: here && !nowhere\n// RUN: true\n"),
    "unsupported.mlir": ("UNSUPPORTED", "// UNSUPPORTED: here\n// RUN: false\n"),
    "fails_as_expected.mlir": ("XFAIL", "// XFAIL: *\n// RUN: false\n"),
    "passes_unexpectedly.mlir": ("XPASS", "// XFAIL: here\n// RUN: true\n"),
    "no_run_line.mlir": ("UNRESOLVED", MODULE),
    "open_continuation.mlir": ("UNRESOLVED", "// RUN: true \\\n"),
    "open_quote.mlir": ("UNRESOLVED", "// RUN: echo 'one\n"),
    "ended.mlir": ("PASS", "// RUN: true\n// END.\n// RUN: false\n"),
    "paths.mlir": (
        "PASS",
        "// RUN: diff %s %S/paths.mlir && diff %p/paths.mlir %s\n"
        "// RUN: mkdir -p %t && cd %t && echo 7%% > one && cat one | filecheck %s\n// CHECK: 7%{{$}}\n",
    ),
    "environment.mlir": ("PASS", "// RUN: env WORD=one sh -c 'echo $WORD' | filecheck %s\n// CHECK: one\n"),
    "local/unsupported.mlir": ("UNSUPPORTED", "// RUN: false\n"),
    "build/folder.mlir": ("FAIL", "// RUN: false\n"),
    "model.kl": ("FAIL", "// RUN: kl compile %s --to nn\nmodel\n"),
}
"""What lit says of each file."""

NO_TESTS = {
    "excluded.mlir": "// RUN: false\n",
    "notes.txt": "RUN: false\n",
    ".hidden.mlir": "// RUN: false\n",
}


def write_project(folder: Path, files: dict[str, str], folders: str = '["tests"]') -> None:
    """A package with FileCheck tests and a configuration."""
    pyproject = f"[tool.pytest.ini_options]\nkl_filecheck = {folders}\naddopts = '-W error'\n"
    for name, text in {"pyproject.toml": pyproject, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, as a user runs it."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def codes_of_pytest(folder: Path) -> dict[str, str]:
    """What the plugin says of each file, in lit's words."""
    run_pytest(folder, "--junit-xml=junit.xml")
    cases = ElementTree.parse(folder / "junit.xml").iter("testcase")
    return {case.get("classname", "").removeprefix("tests."): code_of(case) for case in cases}


def code_of(case: ElementTree.Element) -> str:
    """How a test of a report has ended; a failure says it in its first word."""
    failure, skipped = case.find("failure"), case.find("skipped")
    if failure is not None:
        return (failure.text or "").split(":")[0]
    if skipped is not None:
        return {"pytest.xfail": "XFAIL", "pytest.skip": "UNSUPPORTED"}[skipped.get("type", "")]
    return "PASS"


def codes_of_lit(folder: Path) -> dict[str, str]:
    """What `lit` says of each file, its folders with dots as in pytest's report."""
    command = [str(BIN / "lit"), "-q", "tests", "--output", "lit.json", "-j", "2"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    tests = json.loads((folder / "lit.json").read_text())["tests"]
    return {test["name"].split(" :: ")[1].replace("/", "."): test["code"] for test in tests}


def test_says_what_lit_says(tmp_path: Path):
    texts = {name: text for name, (_, text) in FILES.items()} | NO_TESTS
    configurations = {"lit.cfg.py": CONFIGURATION, "local/lit.local.cfg": "config.unsupported = True\n"}
    write_project(tmp_path, {f"tests/{name}": text for name, text in (texts | configurations).items()})
    expected = {name.replace("/", "."): code for name, (code, _) in FILES.items()}
    assert codes_of_pytest(tmp_path) == expected
    assert codes_of_lit(tmp_path) == expected


def test_without_a_configuration_of_lit(tmp_path: Path):
    write_project(tmp_path, {"tests/passes/a.mlir": FILES["redirected.mlir"][1], "more/b.mlir": MODULE})
    done = run_pytest(tmp_path, "-v")
    assert done.returncode == 0, done.stdout
    assert "tests/passes/a.mlir::lit PASSED" in done.stdout
    assert "b.mlir" not in done.stdout


def test_a_failure_shows_what_lit_shows(tmp_path: Path):
    write_project(tmp_path, {"tests/a.mlir": "// RUN: kl-opt %s\n" + INVALID})
    done = run_pytest(tmp_path)
    assert done.returncode == 1
    assert "FAIL: filecheck :: a.mlir" in done.stdout
    assert f"kl-opt {tmp_path}/tests/a.mlir" in done.stdout
    assert "error: " in done.stdout
    assert "Traceback" not in done.stdout


def test_runxfail_runs_them_as_if_not_marked(tmp_path: Path):
    write_project(tmp_path, {"tests/a.mlir": FILES["fails_as_expected.mlir"][1]})
    assert run_pytest(tmp_path, "--runxfail").returncode == 1


WRONG = {
    "missing folder": ('["nowhere"]', {}, "nowhere: no such folder"),
    "broken configuration": (
        '["tests"]',
        {"tests/lit.cfg.py": "config.nam = x\n"},
        "name 'x' is not defined",
    ),
    "no tools": ('["tests"]', {"lit.py": "import lit.discovery"}, "pip install 'kernel-looping[test]'"),
}
"""Configurations that are refused, and what is said."""


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_configuration_is_refused(tmp_path: Path, what: str):
    folders, files, message = WRONG[what]
    write_project(tmp_path, {"tests/a.mlir": "// RUN: true\n", **files}, folders)
    done = run_pytest(tmp_path)
    assert done.returncode == 4
    assert "ERROR: kl_filecheck" in done.stderr
    assert message in done.stderr


def test_costs_nothing_unless_configured(tmp_path: Path):
    write_project(tmp_path, {"tests/a.mlir": "// RUN: true\n"}, "[]")
    heavy = "{'kl', 'kl.dialects', 'lit', 'xdsl', 'numpy'}"
    asked = f"import pytest, sys; pytest.main(['-q']); print(sorted({{*sys.modules}} & {heavy}))"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "['kl']"
