"""Messages: which position they find, how they look, and what ends a tool how."""

from __future__ import annotations

import pytest
from xdsl.dialects import test
from xdsl.dialects.builtin import (
    CallSiteLoc,
    FileLineColLoc,
    FusedLoc,
    IntAttr,
    ModuleOp,
    NameLoc,
    NoneAttr,
    StringAttr,
)
from xdsl.utils.exceptions import ParseError, PassFailedException, VerifyException
from xdsl.utils.lexer import Input, Span

from kl.tools.diagnostics import (
    Diagnostic,
    InputError,
    PassError,
    Position,
    describe,
    failing_operation,
    guarded,
    position_of,
    render,
)

PLACE = FileLineColLoc(StringAttr("model.kl"), IntAttr(3), IntAttr(5))


def raised(op: test.TestOp) -> Exception:
    """The error that an operation emits, with its traceback."""
    try:
        op.emit_error("too large", PassFailedException("too large\nhelp: make it smaller"))
    except PassFailedException as error:
        return error


def test_a_parse_error_has_its_span_and_help():
    error = ParseError(Span(7, 10, Input("abc\ndefghi", "x.kl")), "no such name\nhelp: use abc")
    place = Position("x.kl", 2, 4, 3, "defghi")
    assert describe(error) == Diagnostic("no such name", place, help="use abc")


def test_an_emitted_error_leads_to_its_operation():
    op = test.TestOp()
    op.location = PLACE
    assert failing_operation(raised(op)) is op
    assert describe(raised(op)) == Diagnostic("too large", Position("model.kl", 3, 5), help="make it smaller")


def test_an_operation_without_location_takes_that_around_it():
    module = ModuleOp([op := test.TestOp()])
    assert position_of(op) is None
    module.location = PLACE
    assert position_of(op) == Position("model.kl", 3, 5)


@pytest.mark.parametrize(
    "location",
    [
        NameLoc(StringAttr("x"), PLACE),
        CallSiteLoc(PLACE, PLACE),
        FusedLoc([NameLoc(StringAttr("x"), NoneAttr()), PLACE], NoneAttr()),
    ],
)
def test_compound_locations_lead_to_a_file(location: NameLoc | CallSiteLoc | FusedLoc):
    op = test.TestOp()
    op.location = location
    assert position_of(op) == Position("model.kl", 3, 5)


def test_a_pass_error_adds_a_note():
    op = test.TestOp()
    op.location = PLACE
    error = PassError("in the pass loop-kernels")
    error.__cause__ = raised(op)
    diagnostic = describe(error)
    assert diagnostic is not None
    assert diagnostic.position == Position("model.kl", 3, 5)
    assert diagnostic.note == "in the pass loop-kernels"


def test_a_message_shows_line_caret_note_and_help():
    diagnostic = Diagnostic("too wide", Position("x", 2, 3, 4), note="in x", help="cut it")
    assert render(diagnostic, {"x": "one\n\ta = bcdef\n"}, "kl") == (
        "x:2:3: error: too wide\n  \ta = bcdef\n  \t ^^^^\nnote: in x\nhelp: cut it"
    )


def test_without_a_position_the_program_is_named():
    assert render(Diagnostic("no file"), {}, "kl-opt") == "kl-opt: error: no file"


def test_a_long_line_is_cut_around_the_caret():
    line = "a" * 400 + "b" + "c" * 400
    _, shown, caret = render(Diagnostic("m", Position("x", 1, 401)), {"x": line}, "kl").split("\n")
    assert len(shown) < 130
    assert shown[caret.index("^")] == "b"


def test_control_characters_are_not_printed():
    text = render(Diagnostic("m", Position("x", 1, 1)), {"x": "\x1b[31m\0"}, "kl")
    assert "\x1b" not in text
    assert "\0" not in text


def test_a_file_that_is_gone_leaves_the_message():
    diagnostic = Diagnostic("m", Position("no/such/file.mlir", 1, 1))
    assert render(diagnostic, {}, "kl") == "no/such/file.mlir:1:1: error: m"


def raising(error: BaseException):
    """A tool that fails."""

    def body() -> int:
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (InputError("bad option"), 1, "kl: error: bad option\n"),
        (VerifyException("wrong type"), 1, "kl: error: wrong type\n"),
        (FileNotFoundError(2, "No such file", "x.kl"), 1, "kl: error: x.kl: No such file\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_what_ends_a_tool(
    error: BaseException,
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
):
    assert guarded("kl", raising(error), {}) == code
    assert capsys.readouterr().err == text


def test_a_bug_is_no_traceback_either(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    bug = AssertionError("cannot be")
    assert guarded("kl", raising(bug), {}) == 70
    assert "internal error: AssertionError: cannot be" in capsys.readouterr().err
    monkeypatch.setenv("KL_DEBUG", "1")
    with pytest.raises(AssertionError):
        guarded("kl", raising(bug), {})
