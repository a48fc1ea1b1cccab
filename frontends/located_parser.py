"""xDSL's parser, made to say where: every operation gets its source location, every error a
position and a way out."""

from __future__ import annotations

import re
import struct
from bisect import bisect_right

from xdsl.context import Context
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr, UnknownLoc
from xdsl.ir import AttributeInvT, Operation, SSAValue
from xdsl.parser import UnresolvedOperand
from xdsl.utils.exceptions import (
    ParseError,
    UnregisteredConstructException,
    VerifyException,
)
from xdsl.utils.lexer import Span
from xdsl.utils.mlir_lexer import MLIRTokenKind

from ..dialects.vocabulary import HELP_MARK
from .exact_parser import ExactParser

SAID = (ValueError, VerifyException, UnregisteredConstructException, NotImplementedError)
"""What of the errors that xDSL's parser lets through on malformed text has a message for users."""
UNSAID = (LookupError, TypeError, AttributeError, AssertionError, ArithmeticError)
"""What has none."""


class LocatedParser(ExactParser):
    """Parses a text that begins `line_offset` lines below the top of its file."""

    def __init__(self, ctx: Context, text: str, name: str, line_offset: int = 0):
        self._line_starts = [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]
        self._line_offset = line_offset
        self._filename = StringAttr(name)
        self._first_uses: dict[str, Span] = {}
        super().__init__(ctx, text, name)

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        """Raises: ParseError, whatever is wrong with the text; its cause is the error of xDSL's parser."""
        try:
            return super().parse_module(allow_implicit_module)
        except RecursionError as error:
            raise self._error("regions or types are nested too deeply") from error
        except (OverflowError, struct.error) as error:
            raise self._error("a number before this place is too large for its type") from error
        except SAID as error:
            raise self._error(str(error)) from error
        except ParseError as error:
            raise self._improved(error) from error
        except UNSAID as error:
            raise self._error(f"the text cannot be read here ({type(error).__name__}: {error})") from error

    def parse_operation(self) -> Operation:
        """An operation with the location of its first token, unless the text states another."""
        start = self.pos
        op = super().parse_operation()
        if isinstance(op.location, UnknownLoc) and self.end_of_location != self.pos:
            op.location = self._location(start)
        return op

    def resolve_operand(self, operand: UnresolvedOperand, type: AttributeInvT) -> SSAValue[AttributeInvT]:
        """As xDSL does; remembers where each value is first used."""
        self._first_uses.setdefault(operand.operand_name, operand.span)
        return super().resolve_operand(operand, type)

    def _location(self, start: int) -> FileLineColLoc:
        line = bisect_right(self._line_starts, start)
        column = start - self._line_starts[line - 1] + 1
        return FileLineColLoc(self._filename, IntAttr(line + self._line_offset), IntAttr(column))

    def _error(self, message: str) -> ParseError:
        return ParseError(self._current_token.span, message)

    def _improved(self, original: ParseError) -> ParseError:
        """Says more where xDSL's message says little or points behind what is wrong."""
        error = ParseError(original.span, original.msg)
        at_end = self._current_token.kind is MLIRTokenKind.EOF
        undefined = next(iter(self.forward_ssa_references), None)
        match error.msg.strip():
            case message if message.startswith("values used but not defined") and undefined:
                error.span = self._first_uses.get(undefined, error.span)
                error.msg = f"value %{undefined} is used but never defined"
            case "Could not parse entire input!" | "in block definition" if at_end:
                error.msg = "the text ends where an operation or '}' is expected"
            case "End of file reached before closing string literal.":
                error.msg = "this string is not closed in its line"
            case "Could not parse entire input!" | "in block definition":
                error.msg = "expected an operation"
            case message if match := re.fullmatch(r"Operation ([\w.$-]+) is not registered", message):
                name = match[1]
                error.span = self._span_before(name) or error.span
                error.msg = f"unknown operation '{name}'{HELP_MARK}{self._way_out(name)}"
            case message if match := re.fullmatch(r"'([\w.]+)' is not registered", message):
                name = match[1]
                error.span = self._span_before(name) or error.span
                error.msg = f"unknown type or attribute '{name}'{HELP_MARK}{self._way_out(name)}"
            case message:
                error.msg = message[:1].lower() + message[1:] if message[1:2].islower() else message
        return error

    def _span_before(self, name: str) -> Span | None:
        """Where a name that was just read stands."""
        start = self.lexer.input.content.rfind(name, 0, self.pos)
        return Span(start, start + len(name), self.lexer.input) if start >= 0 else None

    def _way_out(self, name: str) -> str:
        from difflib import get_close_matches  # only for an error

        dialect = name.partition(".")[0]
        if self.ctx.get_optional_dialect(dialect) is not None:
            loaded = (*self.ctx.loaded_ops, *self.ctx.loaded_types, *self.ctx.loaded_attrs)
            names = sorted(entry.name for entry in loaded if entry.name.startswith(f"{dialect}."))
            close = ", ".join(get_close_matches(name, names, 3) or names)
            return f"the dialect '{dialect}' has {close}"
        known = list(self.ctx.registered_dialect_names)
        close = get_close_matches(dialect, known, 1)
        guess = f"did you mean the dialect '{close[0]}'? " if close else ""
        return f"{guess}--allow-unregistered-dialect parses operations of unknown dialects"
