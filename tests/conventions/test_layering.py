"""Who may import whom: `docs/architecture.md` says it, this holds it."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("dialects", "passes", "frontends", "backends", "explore", "tools")
MAY_IMPORT = {
    "dialects": {"dialects"},
    "passes": {"dialects", "passes"},
    "frontends": {"dialects", "frontends"},
    "backends": {"dialects", "backends"},
    "explore": {"explore"},
    "tools": set(FOLDERS),
}
"""Which of our folders the files of a folder import."""

FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, as full dotted paths; ours begin with `kl`."""
    package = ("kl", *path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else ()
            module = (*start, *node.module.split(".")) if node.module else start
            yield from ((*module, alias.name) for alias in node.names)


def wrong_imports(
    folder: str, is_wrong: Callable[[tuple[str, ...]], bool], *, but: Sequence[str] = ()
) -> list[str]:
    """The imports below a folder that a rule forbids, as text."""
    files = [path for path in FILES if path.is_relative_to(ROOT / folder) and path.name not in but]
    assert files, f"{folder} has files"
    return [
        f"{path.relative_to(ROOT)} imports {'.'.join(name)}"
        for path in files
        for name in imports(path)
        if is_wrong(name)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_it_may(folder: str):
    ours = {*FOLDERS} - MAY_IMPORT[folder]
    assert wrong_imports(folder, lambda name: name[0] == "kl" and name[1] in ours) == []


def test_a_pass_imports_no_pass():
    passes = {path.stem for path in (ROOT / "passes").glob("[!_]*.py")} - {"knobs"}
    wrong = wrong_imports("passes", lambda name: name[:2] == ("kl", "passes") and name[2] in passes)
    assert wrong == [], "what two passes share goes into passes/analysis or passes/solvers"


def test_solvers_work_on_plain_data():
    def is_ir(name: tuple[str, ...]) -> bool:
        allowed = (("kl", "passes", "solvers"), ("kl", "dialects", "machine"))
        return name[0] == "xdsl" or (name[0] == "kl" and name[:3] not in allowed)

    assert wrong_imports("passes/solvers", is_ir) == []


def test_only_emit_reads_ir_in_the_machine_backend():
    def is_ir(name: tuple[str, ...]) -> bool:
        return name[0] == "xdsl" or (name[:2] == ("kl", "dialects") and name[2] != "machine")

    assert wrong_imports("backends/sn40l", is_ir, but=["emit.py", "emit_kernel.py"]) == []


def test_the_package_imports_itself_relatively():
    statements = re.compile(r"^\s*(?:from kl\b|import kl\b)", re.MULTILINE)
    assert [path for path in FILES if statements.search(path.read_text(encoding="utf-8"))] == []


def test_the_package_list_equals_the_folders():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent for path in FILES if path.name == "__init__.py"}
    expected = {"kl"} | {".".join(("kl", *folder.relative_to(ROOT).parts)) for folder in folders}
    assert set(project["tool"]["setuptools"]["packages"]) == expected
    assert {path.parent for path in FILES} == folders, "every folder with code is a package"
