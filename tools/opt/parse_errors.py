"""Which error of reading the input `kl-opt` ends with."""

from __future__ import annotations

from dataclasses import replace

from xdsl.utils.exceptions import DiagnosticException, ParseError

from ..diagnostics import describe
from ..values import InputError
from .command import KlOptCommand


def as_asked(error: ParseError, command: KlOptCommand, line_offset: int) -> BaseException:
    """The error to raise for one of parsing: its cause, xDSL's own, where an option asks for errors of that
    class; never one that the driver prints where `xdsl-opt` ends instead."""
    original = error.__cause__
    if isinstance(original, ParseError):
        return original if command.parsing_diagnostics else error
    if isinstance(original, DiagnosticException) and command.verify_diagnostics:
        return original
    if not command.parsing_diagnostics:
        return error
    error.span = replace(error.span, line_offset=line_offset)
    diagnostic = describe(error)
    assert diagnostic is not None, "it is an error of the input"
    return InputError(diagnostic.message, diagnostic.position)
