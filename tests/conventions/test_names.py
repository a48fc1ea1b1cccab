"""One name everywhere: a pass, its file, its class and its test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kl.passes import PASSES, load_pass
from kl.tools.universe import DIALECTS

ROOT = Path(__file__).parents[2]


def test_every_pass_file_is_listed_once():
    declared = re.compile(r"^class (\w+)Pass\(ModulePass\)", re.MULTILINE)
    classes = {
        (re.sub(r"(?<=.)([A-Z])", r"-\1", found).lower(), path.stem.replace("_", "-"), path.parent.name)
        for path in (ROOT / "passes").rglob("*.py")
        for found in declared.findall(path.read_text(encoding="utf-8"))
    }
    assert classes == {(name, name, subject) for name, subject in PASSES.items()}


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_bears_its_name(name: str):
    pass_class = load_pass(name)
    assert pass_class.name == name
    assert pass_class.__name__ == "".join(part.capitalize() for part in name.split("-")) + "Pass"


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_has_a_filecheck_test(name: str):
    path = ROOT / "tests/filecheck/passes" / f"{name}.mlir"
    assert path.is_file()
    assert re.search(rf"-p \"?{name}\b", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_bears_the_name_of_its_file(name: str):
    assert DIALECTS[name]().name == name
    assert (ROOT / "dialects" / f"{name}.py").is_file()
