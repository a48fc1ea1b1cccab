"""The text of a module, each line with the place in the model that its operation comes from."""

from __future__ import annotations

from io import StringIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ...frontends.exact_printer import ExactPrinter
from ..diagnostics import position_of
from .folding import Line


def located_lines(module: ModuleOp) -> tuple[Line, ...]:
    """The lines of a module as `kl compile` prints it; a line has the place of the first operation in it."""
    stream = _Counted()
    printer = _Noting(stream)
    printer.print_op(module)
    texts, nearest, found = stream.getvalue().split("\n"), "", list[Line]()
    for number, text in enumerate(texts):
        nearest = printer.places.get(number, nearest)
        found.append(Line(text, nearest))
    return tuple(found)


class _Counted(StringIO):
    """Counts the lines that are written."""

    lines = 0

    def write(self, text: str, /) -> int:
        """Write a text."""
        self.lines += text.count("\n")
        return super().write(text)


class _Noting(ExactPrinter):
    """Notes the place of the first operation that begins in a line."""

    def __init__(self, stream: _Counted):
        super().__init__(stream)
        self._counted = stream
        self.places = dict[int, str]()
        """By the number of the line."""

    def print_op(self, op: Operation) -> None:
        place = position_of(op)
        if place is not None:
            self.places.setdefault(self._counted.lines, f"{place.file}:{place.line}:{place.column}")
        super().print_op(op)
