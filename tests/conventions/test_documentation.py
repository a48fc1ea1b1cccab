"""What the documentation shows is real: its commands run, its models and its IR are accepted.

Blocks of `sh` run line by line, those lines that call our tools; `kl` blocks are whole models and `mlir`
blocks whole modules; `python` blocks run. A `text` block with nothing but empty lines between it and a block
that has run is what that prints; `…` stands there for what is left out, within a line or for whole lines.
Whatever is not meant to be run is marked otherwise, such as `text` behind a sentence. With KL_UPDATE_PAGES=1
in the environment (`make shown`), pages are changed to what is printed now, as far as lines can be told.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

from kl.frontends import load_model
from kl.frontends.located_parser import LocatedParser
from kl.tools.driver import check_module
from kl.tools.universe import make_context

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "docs/site"))

import pictures  # noqa: E402  # from the folder that has just been added

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/dialects/*.md")])
BLOCK = re.compile(r"^```([\w-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAMED_BLOCK = re.compile(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ADDING = ROOT / "docs/adding.md"
EXTENDING = ROOT / "docs/extending.md"
TUTORIAL = ROOT / "docs/tutorial.md"
"""The blocks of these are files; tests of their own type them."""
GALLERY = ROOT / "docs/gallery.md"


def run_shell(text: str, folder: Path, **more: str) -> str:
    """Run a shell command; the tools of this Python's environment come first. Gives what it prints."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return run(["sh", "-c", text], folder, f"$ {text}", PATH=path, **more)


def run(command: list[str], folder: Path, shown: str, **more: str) -> str:
    """Run a process, which has to succeed; what it prints, in the order in which it does."""
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **more},
    )
    assert done.returncode == 0, f"{shown}\n{done.stdout}"
    return done.stdout


def check_commands(text: str, folder: Path) -> str:
    """Run the lines that call our tools."""
    lines = text.replace("\\\n", " ").splitlines()
    return "".join(run_shell(line, folder) for line in lines if re.match(r"(\w+=\w+ )*(kl|kl-opt) ", line))


def check_model(text: str, folder: Path) -> None:
    """Parse, check and lower a model."""
    check_module(load_model(text, "documentation.kl"))


def check_ir(text: str, folder: Path) -> None:
    """Parse and verify a module."""
    check_module(LocatedParser(make_context(), text, "documentation.mlir").parse_module())


def check_python(text: str, folder: Path) -> str:
    """Run a script."""
    return run([sys.executable, "-c", text], folder, text)


CHECKS: dict[str, Callable[[str, Path], str | None]] = {
    "sh": check_commands,
    "kl": check_model,
    "mlir": check_ir,
    "python": check_python,
}


def blocks(page: str) -> Iterator[tuple[str, str, bool]]:
    """Language and text of each block, and whether it follows the one before it at once."""
    end = -1
    for match in BLOCK.finditer(page):
        yield match[1], match[2], end >= 0 and not page[end : match.start()].strip()
        end = match.end()


def differences(shown: str, printed: str) -> str:
    """How what a page shows differs from what is printed; empty where it does not."""
    lines = [line.rstrip() for line in printed.splitlines()]
    pattern = "".join(
        r"(?:.*\n)*" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in shown.splitlines()
    )
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)):
        return ""
    return "\n".join(unified_diff(shown.splitlines(), lines, "shown", "printed", lineterm=""))


def brought_up_to_date(shown: str, printed: str) -> str:
    """What a page shows, each whole line as it is still printed, or else the next one that begins alike."""
    lines, left = [line.rstrip() for line in printed.splitlines()], []
    for line in shown.splitlines():
        begins = [one for one in lines if one.split()[:1] == line.split()[:1]]
        if "…" not in line and begins:
            line = line if line in begins else begins[0]
            lines = lines[lines.index(line) + 1 :]
        left.append(f"{line}\n")
    return "".join(left)


def update(page: Path, shown: str, printed: str) -> str:
    """Change a block of a page to what is printed now, and give it back."""
    text = page.read_text(encoding="utf-8")
    now = brought_up_to_date(shown, printed)
    page.write_text(text.replace(f"```text\n{shown}```", f"```text\n{now}```"), encoding="utf-8")
    return now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the repository; commands may leave files there."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if p not in (ADDING, EXTENDING, TUTORIAL, GALLERY)],
    ids=lambda page: page.relative_to(ROOT).as_posix().removeprefix("docs/"),
)
def test_the_blocks_of_a_page_work(page: Path, folder: Path):
    check_blocks(page, folder)


def test_the_tutorial_works_in_a_folder_of_its_own(tmp_path: Path):
    page = TUTORIAL.read_text(encoding="utf-8")
    files = dict(NAMED_BLOCK.findall(page))
    assert set(files) == {"chain.kl", "watched.kl"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert check_blocks(TUTORIAL, tmp_path) >= 7, "every step shows what its command prints"


def test_the_gallery_shows_what_its_commands_draw(folder: Path):
    check_blocks(GALLERY, folder)
    assert sum((folder / name).is_file() for name in pictures.shown()) >= 6, "most are drawn here"
    assert pictures.stale(folder) == [], "make pictures draws them again"
    kept = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs/pictures").rglob("*/*.svg")}
    assert kept == {*pictures.shown()}


def check_blocks(page: Path, folder: Path) -> int:
    """Run the blocks of a page, and compare what they print with what it shows; how often it shows that."""
    printed, compared = None, 0
    for language, text, follows in blocks(page.read_text(encoding="utf-8")):
        if language == "text" and follows and printed is not None:
            if os.environ.get("KL_UPDATE_PAGES"):
                text = update(page, text, printed)
            assert differences(text, printed) == ""
            compared += 1
        printed = CHECKS[language](text, folder) if language in CHECKS else None
    return compared


def test_a_text_block_is_of_a_command_where_nothing_stands_between():
    page = "```sh\nkl a\n```\n\n```text\nb\n```\n\nSo it is.\n\n```text\nc\n```\n"
    assert [*blocks(page)] == [("sh", "kl a\n", False), ("text", "b\n", True), ("text", "c\n", False)]


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ("a 1\nb 2\nc 3\n", True),
        ("a 1\n…\nc 3\n", True),
        ("a …\nb 2\nc 3\n", True),
        ("a 1\nb 2\nc 4\n", False),
        ("a 1\nc 3\n", False),
        ("a 1\nb 2\n", False),
        ("…\nc 4\n", False),
        ("a.1\nb 2\nc 3\n", False),
    ],
)
def test_what_is_shown_is_what_is_printed(shown: str, same: bool):
    assert (differences(shown, "a 1  \nb 2\nc 3\n") == "") is same


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


def test_lines_are_brought_up_to_date_as_far_as_they_can_be_told():
    printed = "a 1\nb 2\na 3\n\nc 4\n"
    assert brought_up_to_date("a 0\n…\na 0\n\nc …\n", printed) == "a 1\n…\na 3\n\nc …\n"
    assert brought_up_to_date("a 3\nc 0\n", printed) == "a 3\nc 4\n", "what is still printed stays"
    assert brought_up_to_date("gone 0\nb 0\n", printed) == "gone 0\nb 2\n", "the test says the rest"


def test_pages_link_to_what_is_there():
    missing = list[str]()
    assert any(page.parent.name == "dialects" for page in PAGES)
    for page in PAGES:
        prose = re.sub(
            r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
            if not (page.parent / target).exists():
                missing.append(f"{page.relative_to(ROOT)}: {target}")
    assert missing == []


def test_every_page_stands_in_the_order_of_reading():
    """What stands in no list is a page that nobody finds; Sphinx would refuse it, but later."""
    listed = set[Path]()
    for index in (ROOT / "docs/index.md", ROOT / "docs/dialects/index.md"):
        for contents in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", index.read_text(), re.DOTALL | re.MULTILINE
        ):
            names = [line for line in contents.splitlines() if line and not line.startswith(":")]
            listed |= {index.parent / f"{name}.md" for name in names}
    assert listed | {ROOT / "docs/index.md"} == {page for page in PAGES if page.is_relative_to(ROOT / "docs")}


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


def test_the_remarks_of_the_questions_are_those_of_the_passes():
    page = (ROOT / "docs/faq.md").read_text(encoding="utf-8")
    table = page.partition("| remark |")[2].partition("\n\n")[0]
    remarks = [line.split(" | ")[0].strip("| ") for line in table.splitlines()[2:]]
    said = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "passes/looping").glob("*.py"))
    parts = [part.strip() for remark in remarks for part in re.split(r"…|'x'|\bN\b|@x", remark)]
    assert len(remarks) >= 6
    assert [part for part in parts if part.strip(" ,") and part.strip(" ,") not in said] == []
