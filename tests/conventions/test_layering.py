"""Who may import whom: `docs/architecture.md` says it, this holds it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from kl.passes import PASSES

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
    passes = {name.replace("-", "_") for name in PASSES}
    wrong = wrong_imports("passes", lambda name: name[:2] == ("kl", "passes") and bool({*name[2:]} & passes))
    assert wrong == [], "what two passes share is a file of their subject"


ASKS = {
    "looping": {
        "memory": {"layout.gap_in_stack"},
        "units": {"traffic.shortage", "traffic.too_large", "traffic.too_many"},
    },
    "memory": {"units": {"resident_weights.is_resident", "traffic.traffic_bytes"}},
    "pacing": {
        "units": {
            "resident_weights.resident_place",
            "traffic.gathered_tiles",
            "traffic.held_tiles",
            "traffic.is_stream",
            "traffic.pass_tiles",
            "traffic.room_bytes",
        },
        "tiling": {"socket_loads.remark_on_sockets"},
    },
    "placing": {
        "units": {
            "resident_weights.is_resident",
            "resident_weights.kernel_units",
            "resident_weights.move_residents",
            "resident_weights.resident_place",
            "traffic.pass_tiles",
        }
    },
    "tiling": {"units": {"traffic.owners", "traffic.pcu_cycles"}},
}
"""The functions through which one subject of the passes asks another; everything else is its own affair."""

SHARED = {"diagnostics", "knobs", "load_pass"}
"""What all subjects may use."""


def asked(subject: str) -> dict[str, set[str]]:
    """What the files of a subject import of other subjects."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "passes" / subject).glob("*.py"):
        for name in imports(path):
            if name[:2] == ("kl", "passes") and name[2] not in SHARED | {subject}:
                found.setdefault(name[2], set()).add(".".join(name[3:]))
    return found


@pytest.mark.parametrize("subject", sorted({*PASSES.values()}))
def test_a_subject_asks_others_through_named_functions(subject: str):
    assert asked(subject) == ASKS.get(subject, {})


def test_the_order_of_the_subjects_has_no_circle():
    TopologicalSorter({subject: {*others} for subject, others in ASKS.items()}).prepare()


SOLVERS = {
    path for path in FILES if "a pure solver" in (ast.get_docstring(ast.parse(path.read_text())) or "")
}
"""Files whose docstring says that they are one."""


def test_planning_subjects_have_solvers():
    subjects = {path.parent.name for path in SOLVERS}
    assert subjects == {"dialects", "looping", "tiling", "units", "placing", "pacing", "memory"}


@pytest.mark.parametrize("solver", sorted(SOLVERS), ids=lambda path: path.stem)
def test_solvers_work_on_plain_data(solver: Path):
    ours = {".".join(("kl", *path.relative_to(ROOT).with_suffix("").parts)) for path in SOLVERS}
    for name in imports(solver):
        data = name[:2] == ("kl", "dialects") and name[2] in ("grid", "machine", "vocabulary")
        plain = data or any(".".join(name).startswith(s) for s in ours)
        assert name[0] not in ("xdsl", "kl") or plain, f"{solver.name} imports {'.'.join(name)}"


READERS_OF_IR = ("emit.py", "numbering.py")
"""All of the machine backend that reads IR, beside the `emit` of the units, which is given operations.

The target hands modules on to `emit.py`, and asks them for their machine.
"""


def test_only_emission_reads_ir_in_the_machine_backend():
    def is_ir(name: tuple[str, ...]) -> bool:
        plain = ("grid", "loop_tree", "machine", "pacing", "stored_formats", "vocabulary", "weight_parts")
        return name[0] == "xdsl" or (name[:2] == ("kl", "dialects") and name[2] not in plain)

    kinds = [path.name for path in (ROOT / "backends/sn40l/units").glob("*.py")]
    assert (
        wrong_imports("backends/sn40l", is_ir, but=[*READERS_OF_IR, *kinds, "kernel.py", "target.py"]) == []
    )


@pytest.mark.parametrize("module", ["program", "units", "check", "serialize", "engine", "execution"])
def test_programs_are_checked_read_and_run_without_xdsl(module: str):
    code = (
        f"import kl.backends.sn40l.{module}, sys; "
        "print([name for name in sys.modules if name.split('.')[0] == 'xdsl'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pictures_are_drawn_without_the_compiler_and_libraries():
    names = [path.stem for path in (ROOT / "tools/pictures").glob("[a-z]*.py")]
    code = (
        f"import sys; from kl.tools.pictures import {', '.join(sorted(names))}; "
        "print(sorted({'xdsl', 'numpy', 'rich', 'kl.passes'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


KIND_WORDS = ("carry", "collective", "counter", "gather")


@pytest.mark.parametrize("word", KIND_WORDS)
def test_a_kind_of_unit_is_a_file_of_the_machine_backend(word: str):
    named = re.compile(rf"\b{word}\b|\bclass \w*{word}", re.IGNORECASE)
    paths = [path for path in FILES if path.is_relative_to(ROOT / "backends/sn40l")]
    found = {
        path.relative_to(ROOT / "backends/sn40l").as_posix()
        for path in paths
        if named.search(path.read_text())
    }
    assert found == {"units/__init__.py", f"units/{word}.py"}


def test_no_imports_go_round_in_a_circle():
    """Those for types alone count, too; a package is not its modules."""
    modules = {_module_of(path): path for path in FILES}
    graph = {
        module: {found for name in imports(path) if (found := _ours(name, modules)) not in (None, module)}
        for module, path in modules.items()
    }
    while leaves := {module for module, needed in graph.items() if not needed & graph.keys()}:
        graph = {module: needed for module, needed in graph.items() if module not in leaves}
    assert graph == {}


def _module_of(path: Path) -> tuple[str, ...]:
    parts = ("kl", *path.relative_to(ROOT).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def _ours(name: tuple[str, ...], modules: Mapping[tuple[str, ...], Path]) -> tuple[str, ...] | None:
    """The module that an import names, or that holds the name which it imports."""
    return name if name in modules else name[:-1] if name[:-1] in modules else None


WORDS = {"sequence", "cpu"}
"""Targets whose name is a word of English, and of Python, too."""


def test_tools_name_no_target():
    targets = {path.parent for path in (ROOT / "backends").glob("*/target.py")}
    assert targets, "there is one at least"
    for folder in targets:
        assert wrong_imports("tools", lambda name, own=folder.name: own in name) == []
        if folder.name in WORDS:
            continue
        texts = {path: path.read_text(encoding="utf-8").lower() for path in FILES}
        naming = [path for path, text in texts.items() if folder.name in text]
        assert [path for path in naming if path.is_relative_to(ROOT / "tools")] == []


def test_only_the_file_of_a_command_reads_its_command_line():
    """Options are read into dataclasses: an argparse Namespace has no attribute read, but for the command."""
    read = list[str]()
    for path in (path for path in FILES if path.is_relative_to(ROOT / "tools")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                names = {one.arg for one in function.args.args if "Namespace" in ast.unparse(one)}
                read += [
                    f"{path.name}: {ast.unparse(node)}"
                    for node in ast.walk(function)
                    if isinstance(node, ast.Attribute)
                    and isinstance(node.value, ast.Name)
                    and (node.value.id in names or node.value.id == "arguments")
                ]
    assert read == ["kl.py: arguments.command"]


def test_the_package_imports_itself_relatively():
    statements = re.compile(r"^\s*(?:from kl\b|import kl\b)", re.MULTILINE)
    assert [path for path in FILES if statements.search(path.read_text(encoding="utf-8"))] == []


def test_the_package_list_equals_the_folders():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {path.parent for path in FILES if path.name == "__init__.py"}
    expected = {"kl"} | {".".join(("kl", *folder.relative_to(ROOT).parts)) for folder in folders}
    of_files = {"kl.docs", "kl.examples", "kl.examples.explore"}
    assert set(project["tool"]["setuptools"]["packages"]) == expected | of_files
    assert {path.parent for path in FILES} == folders, "every folder with code is a package"
