"""`kl-opt` says what `xdsl-opt` says: the same text on stdout and the same exit code."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from xdsl.xdsl_opt_main import xDSLOptMain

from kl.tools import kl_opt

RIGHT = "%0 = arith.constant 1 : i32\n"
WRONG = {
    "operand missing": '"test.op"(abc) : () -> ()',
    "unknown operation": '"nobody.op"() : () -> ()',
    "operation close to a known one": "arith.adi %0, %0 : i32",
    "unknown type": '"test.op"() : () -> !nobody.type',
    "unknown attribute": '"test.op"() {a = #nobody.attr} : () -> ()',
    "value never defined": '"test.op"(%nowhere) : (i32) -> ()',
    "value of another type": RIGHT + '"test.op"(%0) : (i64) -> ()',
    "number of results": '%0:2 = "test.op"() : () -> i32',
    "string not closed": '"test.op"() {a = "x} : () -> ()',
    "region not closed": "builtin.module {",
    "no operation": "1 + 1",
    "nothing": "",
    "block twice": '"test.op"() ({\n^a:\n  "test.termop"() : () -> ()\n^a:\n}) : () -> ()',
    "unknown block": 'func.func @f() { "test.termop"() [^b] : () -> () }',
    "verifier of an attribute": '"test.op"() {a = #builtin.int<i32>} : () -> ()',
    "verifier of a type": '"test.op"() : () -> !riscv.reg<nonsense>',
    "verifier of a type's parameter": '"test.op"() : () -> complex<index>',
    "number too large": '"test.op"() {a = 2048 : si12} : () -> ()',
    "hexadecimal of odd length": '"test.op"() {a = dense<"0x1"> : tensor<1xi32>} : () -> ()',
    "key twice": '"test.op"() {a = 1 : i32, a = 2 : i32} : () -> ()',
    "verifier of an operation": '%0, %1 = "test.op"() : () -> (i32, i64)\n'
    '%2 = "arith.addi"(%0, %1) : (i32, i64) -> i32',
    "operand of a wrong kind": '%0 = "test.op"() : () -> f32\n%1 = "arith.addi"(%0, %0) : (f32, f32) -> f32',
    "terminator": "func.func @f() -> i32 { func.return }",
    "symbol twice": "func.func private @f()\nfunc.func private @f()",
    "our operation": "%0 = nn.matmul %1, %1 : (tensor<1x8xbf16>, tensor<1x8xbf16>) -> tensor<1x8xbf16>\n"
    '%1 = "test.op"() : () -> tensor<1x8xbf16>',
}
OPTIONS = (
    [],
    ["--verify-diagnostics"],
    ["--parsing-diagnostics"],
    ["--verify-diagnostics", "--parsing-diagnostics"],
)


def run(tool: Callable[[], object], words: list[str], stdin: str = "") -> tuple[int, str]:
    """The exit code of a tool as a process would have it, and what it printed."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(io.StringIO()):
        patch.setattr(sys, "argv", words)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            code = tool()
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            code = 1
    return int(code or 0) if isinstance(code, int) or code is None else 0, out.getvalue()


def theirs(words: list[str], stdin: str = "") -> tuple[int, str]:
    """What `xdsl-opt` does."""
    return run(lambda: xDSLOptMain().run(), ["xdsl-opt", *words], stdin)


def ours(words: list[str], stdin: str = "") -> tuple[int, str]:
    """What `kl-opt` does."""
    return run(kl_opt.main, ["kl-opt", *words], stdin)


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_wrong_pieces_of_a_file(options: list[str], tmp_path: Path):
    """In one file where both go on, so that lines are counted through, too.

    An empty piece is none: it is an empty module, as for MLIR.
    """
    path = tmp_path / "wrong.mlir"
    for kind, text in WRONG.items():
        if not text:
            continue
        path.write_text(f"{RIGHT}// -----\n\n{text}\n// -----\n{RIGHT}")
        words = [str(path), "--split-input-file", *options]
        assert ours(words) == theirs(words), kind


def test_wrong_text_from_stdin():
    for text in (WRONG["operand missing"], WRONG["nothing"], WRONG["verifier of a type"]):
        words = ["--parsing-diagnostics", "--verify-diagnostics"]
        assert ours(words, text) == theirs(words, text)


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_failing_passes_say_the_same(options: list[str], tmp_path: Path):
    path = tmp_path / "f.mlir"
    wide = '%0, %1 = "test.op"() : () -> (i128, i128)\n%2 = arith.addi %0, %1 : i128\n'
    path.write_text(f'{wide}"test.op"(%2) : (i128) -> ()\n')
    words = [str(path), "-p", "convert-arith-to-x86", *options]
    assert ours(words) == theirs(words)
    assert ours(words)[0] == int("--verify-diagnostics" not in options)


def test_no_utf8(tmp_path: Path):
    path = tmp_path / "latin.mlir"
    path.write_bytes('"test.op"() {a = "h\xf6he"} : () -> ()'.encode("latin-1"))
    for options in OPTIONS:
        assert ours([str(path), *options]) == theirs([str(path), *options]) == (1, "")


def test_colored_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "xdsl.utils.diagnostic.Diagnostic.colored", False
    )  # is set by the option, and put back
    path = tmp_path / "wrong.mlir"
    path.write_text(WRONG["verifier of an operation"])
    words = [str(path), "--syntax-highlight", "--verify-diagnostics"]
    assert ours(words) == theirs(words)
    assert "\033[31m" in ours(words)[1]


def test_the_version_names_both(capsys: pytest.CaptureFixture[str]):
    own, xdsl = ours(["--version"])[1].splitlines()
    assert own.startswith("kl-opt 0.")
    assert f"{xdsl}\n" == theirs(["--version"])[1]


def test_use_before_definition_is_accepted_when_asked_to(tmp_path: Path):
    path = tmp_path / "later.mlir"
    path.write_text(
        'func.func @f() {\n  "test.op"(%0) : (i32) -> ()\n  %0 = arith.constant 1 : i32\n  func.return\n}\n'
    )
    assert ours([str(path), "-p", "cse"]) == (1, "")
    assert ours([str(path), "-p", "cse", "--no-verify-dominance"]) == theirs([str(path), "-p", "cse"])


def test_operations_made_without_a_location(tmp_path: Path):
    """A pass that makes operations without their constructor leaves them without even the attribute."""
    path = tmp_path / "fold.mlir"
    path.write_text(
        '%0 = arith.constant 1 : i32\n%1 = arith.addi %0, %0 : i32\n"test.op"(%1) : (i32) -> ()\n'
    )
    words = [str(path), "-p", "test-specialised-constant-folding"]
    assert ours(words) == theirs(words)


def test_deprecations_are_shown(tmp_path: Path):
    path = tmp_path / "empty.mlir"
    path.write_text("builtin.module {\n}\n")
    with warnings.catch_warnings(record=True) as caught:
        assert ours([str(path), "-p", "test-deprecation"])[0] == 0
    assert [str(one.message) for one in caught] == ["hello"]
