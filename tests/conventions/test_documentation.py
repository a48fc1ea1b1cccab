"""What the documentation shows is real: its commands run, its models and its IR are accepted.

Blocks of `sh` run line by line, those lines that call our tools; `kl` blocks are whole models and `mlir`
blocks whole modules; `python` blocks run. Whatever is not meant to be run is marked otherwise, such as
`text`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kl.frontends import load_model
from kl.frontends.located_parser import LocatedParser
from kl.tools.driver import check_module
from kl.tools.universe import make_context

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BLOCK = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED_BLOCK = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDING = ROOT / "docs/adding.md"
EXTENDING = ROOT / "docs/extending.md"
"""The blocks of these are files; tests of their own type them."""


def run_shell(text: str, folder: Path, **more: str) -> None:
    """Run a shell command; the tools of this Python's environment come first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-c", text],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, **more},
    )
    assert done.returncode == 0, f"$ {text}\n{done.stdout}{done.stderr}"


def check_commands(text: str, folder: Path) -> None:
    """Run the lines that call our tools."""
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r"(\w+=\w+ )*(kl|kl-opt) ", line):
            run_shell(line, folder)


def check_model(text: str, folder: Path) -> None:
    """Parse, check and lower a model."""
    check_module(load_model(text, "documentation.kl"))


def check_ir(text: str, folder: Path) -> None:
    """Parse and verify a module."""
    check_module(LocatedParser(make_context(), text, "documentation.mlir").parse_module())


def check_python(text: str, folder: Path) -> None:
    """Run a script."""
    subprocess.run([sys.executable, "-c", text], cwd=folder, check=True)


CHECKS: dict[str, Callable[[str, Path], None]] = {
    "sh": check_commands,
    "kl": check_model,
    "mlir": check_ir,
    "python": check_python,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the repository; commands may leave files there."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p not in (ADDING, EXTENDING)], ids=lambda page: page.name
)
def test_the_blocks_of_a_page_work(page: Path, folder: Path):
    for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in CHECKS:
            CHECKS[language](text, folder)


def test_adding_a_pass_works_as_it_is_described(tmp_path: Path):
    """Type the page into a copy of the package and run the tests that it promises to pass."""
    copy = tmp_path / "kl"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "*.egg-info", "__pycache__"))
    page = ADDING.read_text(encoding="utf-8")
    files = dict(NAMED_BLOCK.findall(page))
    assert len(files) == 2, "the page shows a pass and its test"
    for name, text in files.items():
        (copy / name).write_text(text, encoding="utf-8")
    line = next(text for _, text in BLOCK.findall(page) if re.fullmatch(r'\s+"[\w-]+": "\w+",\n', text))
    listing = copy / "passes/__init__.py"
    listed = listing.read_text(encoding="utf-8")
    assert "PASSES: dict[str, str] = {\n" in listed
    listing.write_text(listed.replace("= {\n", f"= {{\n{line}", 1), encoding="utf-8")
    test = next(name for name in files if name.endswith(".mlir"))
    chosen = f"{test} tests/conventions/test_pass_examples.py tests/conventions/test_layering.py"
    pytest_command = f"python -m pytest -q {chosen} -k '{Path(test).stem} or imports'"
    run_shell(pytest_command, copy, PYTHONPATH=str(tmp_path))


def test_pages_link_to_what_is_there():
    missing = list[str]()
    for page in PAGES:
        prose = re.sub(
            r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            if not (page.parent / target).exists():
                missing.append(f"{page.name}: {target}")
    assert missing == []


def test_the_readme_states_the_supported_versions_of_xdsl():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [(oldest, bound)] = re.findall(r'"xdsl>=0\.(\d+),<0\.(\d+)"', project)
    assert f"xDSL 0.{oldest} and 0.{int(bound) - 1} are supported" in (ROOT / "README.md").read_text()


def test_the_makefile_finds_the_oldest_supported_xdsl():
    done = subprocess.run(
        ["make", "-B", "-n", "test-oldest"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    [oldest] = re.findall(r'"xdsl>=([\d.]+),', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert f"'xdsl~={oldest}.0'" in done.stdout
