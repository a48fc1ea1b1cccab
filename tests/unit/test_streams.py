"""Standard streams that are closed, full, left by their reader, or of few characters: one message each.

Streams are those of processes, so each case is one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(sys.executable).parent
MINI = str(Path(__file__).parents[2] / "examples/mini.kl")
KL, KL_OPT = f"{TOOLS}/kl", f"{TOOLS}/kl-opt"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
NEEDS_FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")


def shell(line: str, **environment: str) -> tuple[int, bytes, str]:
    """The exit code of a line for a shell, and what came out."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr.decode()


UNBUFFERED = {"PYTHONUNBUFFERED": "1"}


@NEEDS_FULL
@pytest.mark.parametrize("environment", [{}, UNBUFFERED])
@pytest.mark.parametrize("tool", [KL, KL_OPT])
def test_help_that_is_lost_is_said(tool: str, environment: dict[str, str]):
    name = Path(tool).name
    for stream, reason in ((">/dev/full", "No space left on device"), (">&-", "it is closed")):
        code, out, err = shell(f"{tool} --help {stream}", **environment)
        assert (code, out, err) == (1, b"", f"{name}: error: standard output: {reason}\n")
    assert shell(f"{tool} --help | true", **environment) == (0, b"", "")


@NEEDS_FULL
@pytest.mark.parametrize("environment", [{}, UNBUFFERED])
@pytest.mark.parametrize(("line", "code"), [(f"{KL} time --nothing", 2), (f"{KL} time /no/such.kl", 1)])
def test_a_message_that_is_lost_keeps_its_exit_code(line: str, code: int, environment: dict[str, str]):
    assert shell(f"{line} 2>/dev/full", **environment) == (code, b"", "")
    assert shell(f"{line} 2>&-", **environment) == (code, b"", "")


def test_names_of_other_characters_are_shown_in_a_small_locale():
    _, _, err = shell(f"{KL} time /no/\u00b5.kl; {KL} time {MINI} --param \u00b5=1", **ASCII)
    assert r"kl: error: /no/\xb5.kl: No such file or directory" in err
    assert r"unknown parameter '\xb5'" in err


@pytest.mark.parametrize(
    "command", [f"{KL} time {MINI}", f"{KL} compile {MINI} --json", f"{KL_OPT} {MINI}", f"{KL_OPT} --help"]
)
def test_a_reader_that_leaves_is_no_failure(command: str):
    assert shell(f"{command} | true") == (0, b"", "")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{KL} time {MINI} >&-", "kl: error: standard output: it is closed\n"),
        (f"{KL_OPT} {MINI} >&-", "kl-opt: error: standard output: it is closed\n"),
        (f"{KL} time - <&-", "kl: error: the standard input is closed\n"),
        (f"{KL_OPT} <&-", "kl-opt: error: the standard input is closed\n"),
        pytest.param(
            f"{KL} time {MINI} >/dev/full",
            "kl: error: standard output: No space left on device\n",
            marks=NEEDS_FULL,
        ),
        pytest.param(
            f"{KL} --help >/dev/full",
            "kl: error: standard output: No space left on device\n",
            marks=NEEDS_FULL,
        ),
        (f"{KL_OPT} none.mlir 2>&-", ""),
    ],
)
def test_streams_that_cannot_be_used(line: str, message: str):
    assert shell(line) == (1, b"", message)


def test_a_closed_output_that_is_not_needed(tmp_path: Path):
    assert shell(f"{KL_OPT} {MINI} -o {tmp_path}/out.mlir >&-") == (0, b"", "")
    assert (tmp_path / "out.mlir").read_text().startswith("builtin.module @mini")


def test_an_ascii_locale(tmp_path: Path):
    model = tmp_path / "größe.kl"
    text = Path(MINI).read_text(encoding="utf-8")
    model.write_text(
        text.replace("x = block[i](x)", 'x = block[i](x)\n  observe x as "é" # µ'), encoding="utf-8"
    )
    code, out, message = shell(f"{KL} time {model}", **ASCII)
    assert (code, out) == (1, b"")
    assert r"gr\xf6\xdfe.kl" in message
    assert r"# \xb5" in message
    model.write_text(text, encoding="utf-8")
    code, out, message = shell(f"{KL} compare {model}", **ASCII)
    assert (code, rb" \xb5s " in out) == (0, True), message
    code, out, message = shell(f"{KL_OPT} {model} --print-debuginfo", **ASCII)
    assert (code, b'loc("' in out) == (0, True), message
