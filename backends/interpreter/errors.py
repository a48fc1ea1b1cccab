"""Errors of the interpreter, each about an operation of the module."""

from __future__ import annotations

from typing import NoReturn

from xdsl.ir import Operation
from xdsl.utils.exceptions import DiagnosticException


class InterpretationError(DiagnosticException):
    """An operation that has no meaning here, or data that it cannot work on."""


def fail(op: Operation, message: str) -> NoReturn:
    """Raises: InterpretationError about an operation."""
    op.emit_error(message, InterpretationError(message))
