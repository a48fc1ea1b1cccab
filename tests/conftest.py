"""Makes the FileCheck files under `tests/filecheck` pytest tests: their RUN lines are executed in this
process.

What lit runs as processes (`make lit`) takes a tenth of the time here. Known are `kl-opt`, `kl`, `filecheck`,
`not`, pipes, `2>&1`, `%s` and `%t`; any other command runs as a process.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest

FILECHECK_ROOT = Path(__file__).parent / "filecheck"
for folder in ("unit", "conventions"):  # modules that tests share are there
    sys.path.append(str(Path(__file__).parent / folder))
RUN_LINE = re.compile(r"^\s*//\s*RUN:\s*(.*?)\s*$", re.MULTILINE)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file with the right suffix below `tests/filecheck` is a test."""
    written_by_lit = file_path.parent.name == "Output"
    if FILECHECK_ROOT in file_path.parents and file_path.suffix in (".mlir", ".kl") and not written_by_lit:
        return FileCheckFile.from_parent(parent, path=file_path)
    return None


class FileCheckFile(pytest.File):
    """One test per RUN line."""

    def collect(self) -> Iterator[pytest.Item]:
        text = self.path.read_text(encoding="utf-8").replace("\\\n//", " ")
        lines = RUN_LINE.findall(text)
        for number, line in enumerate(lines or [""]):
            yield FileCheckItem.from_parent(self, name=f"run{number}", line=line)


class FileCheckItem(pytest.Item):
    """Executes a RUN line: every command of the pipe must exit with 0."""

    def __init__(self, *, line: str, **kwargs: object):
        super().__init__(**kwargs)  # pyright: ignore[reportArgumentType]  # pytest's own protocol
        self.line = line

    def runtest(self) -> None:
        if not self.line:
            raise FileCheckFailure("the file has no RUN line")
        with TemporaryDirectory() as folder:
            scratch = Path(folder) / f"{self.path.name}.tmp"
            run_pipe(self.line.replace("%s", str(self.path)).replace("%t", str(scratch)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None):
        if isinstance(excinfo.value, FileCheckFailure):
            return f"RUN: {self.line}\n{excinfo.value}"
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, None, f"{self.path.relative_to(FILECHECK_ROOT)} {self.name}"


class FileCheckFailure(Exception):
    """A command of a RUN line has failed; the text shows what it said."""


@dataclass(frozen=True)
class Result:
    """What a command gave back."""

    code: int
    out: str
    err: str


def run_pipe(text: str) -> None:
    """Run the commands of a pipe one after the other.

    Raises: FileCheckFailure with the command, its input and its messages.
    """
    stdin = ""
    for command in split_pipe(text):
        words = [word for word in command if word != "2>&1"]
        result = run_command(words, stdin)
        if result.code != 0:
            shown = f"\ninput:\n{stdin}" if stdin else ""
            raise FileCheckFailure(
                f"`{shlex.join(words)}` exited with {result.code}\n{result.err}{result.out}{shown}"
            )
        stdin = result.err + result.out if "2>&1" in command else result.out


def split_pipe(text: str) -> list[list[str]]:
    """The words of each command of a pipe, quotes resolved."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    lexer.commenters = ""
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def run_command(words: list[str], stdin: str) -> Result:
    """Run one command with a given standard input; `not` inverts what follows it."""
    if words[0] == "not":
        result = run_command(words[1:], stdin)
        return Result(int(result.code == 0), result.out, result.err)
    tool = in_process_tool(words)
    if tool is None:
        return run_process(words, stdin)
    out, err = io.StringIO(), io.StringIO()
    with standard_input(stdin), redirect_stdout(out), redirect_stderr(err):
        try:
            code = tool(words[1:])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return Result(code, out.getvalue(), err.getvalue())


def in_process_tool(words: list[str]) -> Callable[[list[str]], int] | None:
    """The main function of a tool of ours; None for one that must run as a process."""
    leaves_traces = {"--disable-verify", "--syntax-highlight"} & set(words)  # in xDSL's globals
    match words[0]:
        case "filecheck":
            return run_filecheck
        case "kl-opt" if not leaves_traces:
            from kl.tools.kl_opt import main

            return main
        case "kl":
            from kl.tools.kl import main

            return main
        case _:
            return None


def run_filecheck(arguments: list[str]) -> int:
    """The `filecheck` command without its process."""
    from filecheck.matcher import Matcher
    from filecheck.options import parse_argv_options

    return Matcher.from_opts(parse_argv_options(["filecheck", *arguments])).run()


def run_process(words: list[str], stdin: str) -> Result:
    """Run a command that is not ours; the tools of this Python's environment come first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        words,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path, "NO_COLOR": "1"},
    )
    return Result(done.returncode, done.stdout, done.stderr)


@contextmanager
def standard_input(text: str) -> Iterator[None]:
    """Let `sys.stdin` read a text."""
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")):
        yield
