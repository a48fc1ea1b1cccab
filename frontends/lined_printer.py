"""The text of a module, and the operation that each of its lines belongs to."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from io import StringIO

from xdsl.ir import Operation

from .exact_printer import ExactPrinter

_LINE = re.compile(r"^ *", re.MULTILINE)


@dataclass(frozen=True)
class LinedText:
    """A text as `text_of` gives it."""

    text: str
    operations: tuple[Operation, ...]
    """For each line the operation whose text its first sign belongs to; a closing brace belongs to the
    operation that it closes."""


class _LinedPrinter(ExactPrinter):
    """Notes where in the text operations begin, and where the one around them goes on."""

    def __init__(self, stream: StringIO):
        super().__init__(stream)
        self.text = stream
        self.offsets, self.operations = list[int](), list[Operation]()

    def print_op(self, op: Operation) -> None:
        """An operation; within its parent, what follows is the parent's."""
        self._note(op)
        super().print_op(op)
        if (parent := op.parent_op()) is not None:
            self._note(parent)

    def _note(self, op: Operation) -> None:
        self.offsets.append(self.text.tell())
        self.operations.append(op)


def lined_text_of(op: Operation) -> LinedText:
    """The text of an operation, with what each line belongs to."""
    stream = StringIO()
    printer = _LinedPrinter(stream)
    printer.print_op(op)
    text = stream.getvalue()
    starts = (match.end() for match in _LINE.finditer(text))
    numbers = (bisect_right(printer.offsets, start) - 1 for start in starts)
    return LinedText(text, tuple(printer.operations[number] for number in numbers))
