"""`--verify-diagnostics`: annotations are held against what is said, as in MLIR; without any it is xDSL's."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.tools.kl_opt import main

UNKNOWN = '"test.none"() : () -> ()\n'
GOOD = '"test.op"() : () -> ()\n'
INVALID = 'func.func @f() -> i32 {\n  "test.op"() : () -> ()\n  func.return\n}\n'


def verify(tmp_path: Path, text: str, *arguments: str) -> int:
    """The exit code for an annotated text."""
    path = tmp_path / "in.mlir"
    path.write_text(text)
    return main([str(path), "--verify-diagnostics", *arguments])


@pytest.mark.parametrize(
    "text",
    [
        "// expected-error @+1 {{unknown operation}}\n" + UNKNOWN,
        UNKNOWN.rstrip() + " // expected-error {{unknown operation 'test.none'}}\n",
        UNKNOWN + "// expected-error @-1 {{unknown}}\n",
        UNKNOWN + "// expected-error @above {{unknown}}\n",
        "// expected-error @below {{unknown}}\n// expected-note @below {{has test.op}}\n" + UNKNOWN,
        "// expected-error-re @+1 {{unknown {{op[a-z]+}} 'test.none'}}\n" + UNKNOWN,
        INVALID.replace("  func.return", "  // expected-error @+1 {{expected [i32], got []}}\n  func.return"),
    ],
)
def test_what_is_expected_is_no_failure(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert verify(tmp_path, text) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "// expected-error @+1 {{unknown}}\n" + GOOD,
            ['in.mlir:1:1: error: expected error "unknown" was not produced'],
        ),
        ("// expected-warning @+1 {{x}}\n" + GOOD, ['expected warning "x" was not produced']),
        ("// expected-remark @+1 {{x}}\n" + GOOD, ['expected remark "x" was not produced']),
        (
            "// expected-error @+2 {{unknown}}\n" + UNKNOWN,
            ["was not produced", "in.mlir:2:2: error: unexpected error: unknown operation 'test.none'"],
        ),
        (
            "// expected-error @+1 {{other}}\n" + UNKNOWN,
            ['expected error "other" was not produced', "unexpected error: unknown operation"],
        ),
        (
            "// expected-error @+1 {{unknown {{op}}}}\n" + UNKNOWN,
            ['expected error "unknown {{op}}" was not produced', "unexpected error"],
        ),
        ("// expected-error: unknown\n" + UNKNOWN, ["in.mlir:1:1: error: this comment expects nothing"]),
    ],
)
def test_what_is_not_met_fails(
    text: str, messages: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert verify(tmp_path, text) == 1
    said = capsys.readouterr().err
    assert said.count(": error: ") == len(messages)
    for message in messages:
        assert message in said


def test_pieces_of_a_file_have_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = "// expected-error @+1 {{unknown}}\n" + UNKNOWN + "// -----\n" + GOOD + "// -----\n" + UNKNOWN
    assert verify(tmp_path, text, "--split-input-file") == 1
    captured = capsys.readouterr()
    assert '"test.op"()' in captured.out
    assert captured.err.count("unexpected error: unknown operation") == 1
    assert "in.mlir:6:2: error: unexpected" in captured.err


def test_a_remark_is_expected(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = (Path(__file__).parents[2] / "examples/mini.kl").read_text(encoding="utf-8")
    path = tmp_path / "model.kl"
    path.write_text(text + "// expected-remark @-1 {{nothing of the kind}}\n", encoding="utf-8")
    assert main([str(path), "--verify-diagnostics", "-p", "outline-kernels"]) == 1
    assert 'expected remark "nothing of the kind" was not produced' in capsys.readouterr().err


def test_without_annotations_the_message_is_the_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert verify(tmp_path, INVALID) == 0
    assert "expected [i32], got []" in capsys.readouterr().out


def test_parsing_diagnostics_are_printed_whatever_is_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    text = "// expected-error @+1 {{other}}\n" + UNKNOWN
    assert verify(tmp_path, text, "--parsing-diagnostics") == 0
    assert "Operation test.none is not registered" in capsys.readouterr().out
