"""What a contributor finds on the desk is in order: files that are named exist, and tools agree."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
CHANGES = {
    "an operation",
    "routing of experts",
    "a machine parameter",
    "a target",
    "a collective algorithm",
    "arbitration of the HBM",
    "a knob",
    "a flag of a command",
    "a frontend",
    "an acquisition function",
}
NAMED = re.compile(r"`([\w/.-]+\.(?:py|md|mlir|lark))`")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def rows() -> dict[str, list[str]]:
    """The cells behind each change in CONTRIBUTING."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("## Where do I change")[2].partition("\n## ")[0]
    lines = (line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| "))
    return {first: rest for first, *rest in lines if first != "change"}


def test_contributing_answers_for_each_change():
    assert set(rows()) == CHANGES


@pytest.mark.parametrize("change", sorted(CHANGES))
def test_the_files_of_a_change_exist(change: str):
    begin, _, tests = (NAMED.findall(cell) for cell in rows()[change])
    assert begin, "it says where to begin"
    assert tests, "it says which tests hold it"
    assert all(name.startswith("tests/") for name in tests)
    assert [name for name in NAMED.findall(" ".join(rows()[change])) if not (ROOT / name).is_file()] == []


def pins() -> dict[str, Version]:
    """The versions of `constraints.txt`."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    named = (line.split("==") for line in lines)
    return {canonicalize_name(name): Version(version) for name, version in named}


def test_constraints_are_versions_that_the_project_allows():
    extras = PROJECT["optional-dependencies"]
    left_out = {"oracle"}
    wanted = [
        *PROJECT["dependencies"],
        *(one for name in extras if name not in left_out for one in extras[name]),
    ]
    required = [one for one in map(Requirement, wanted) if one.name not in (PROJECT["name"], "setuptools")]
    assert required, "the project needs something"
    found = pins()
    wrong = [str(one) for one in required if found[canonicalize_name(one.name)] not in one.specifier]
    assert wrong == []


def test_the_workflow_runs_what_every_submission_must_pass():
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert re.findall(r"^ *- run: (.*)$", text, re.MULTILINE) == [".ci/run"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o100, "it can be executed"


def test_hooks_before_a_commit_download_nothing():
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    assert set(re.findall(r"language: (\S+)", text)) == {"system"}
    assert all(entry.startswith(".venv/bin/") for entry in re.findall(r"entry: (\S+)", text))


def test_every_target_of_the_makefile_that_ci_makes_is_there():
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    targets = [line.split()[-1] for line in lines if line.startswith("make ")]
    assert targets[-1] == "test", "its summary is the last thing printed"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [one for one in targets if not re.search(rf"^{one}:", makefile, re.MULTILINE)] == []


def test_files_are_as_the_editors_are_told():
    """Lines of LF and one at the end, in all that is text here."""
    done = subprocess.run(["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, text=True, check=False)
    crlf = [line for line in done.stdout.splitlines() if "i/crlf" in line or "i/mixed" in line]
    assert crlf == []
