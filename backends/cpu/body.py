"""The C of one kernel while it is written: buffers for values, lines, and barriers where threads meet.

All threads run a kernel. Most operations share out the columns of their result: a thread makes the same ones
of every result of as many columns, so that elementwise work needs no barrier. An operation that reads what
other threads have made is preceded by one.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod

from xdsl.ir import SSAValue
from xdsl.utils.exceptions import DiagnosticException

from ..tensors import TensorSpec

UNIT = 32
"""Columns that a thread takes at least: those of a vector register of products, and whole cache lines."""
_OF_C = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long"
    " register restrict return short signed sizeof static struct switch typedef union unsigned void volatile"
    " while asm typeof main memset memcpy sqrt"
)
_OF_OPERATIONS = (
    "thread arguments u drawn from to at i j k m n o unit group count slot last mask head weights columns"
    " is_left taken group_left own id place named number score gate sum weight cosine sine one other root"
    " all_done row row_1 row_2 row_3 row_4 i0 i1 i2 i3"
)
"""Names in the code of an operation, which would hide a value of the same name."""


class UnsupportedError(DiagnosticException):
    """An operation or a type that has no C form."""


@dataclass(frozen=True)
class Buffer:
    """What stands for a value in C: a pointer to its elements, or to each slice of a stack."""

    name: str
    spec: TensorSpec
    stacked: bool = False
    transposed: bool = False
    """Whether its last two axes are swapped in memory."""

    @property
    def rows(self) -> int:
        """How many rows there are, the product of all extents but the last."""
        return prod(self.spec.shape[:-1])

    @property
    def columns(self) -> int:
        """The last extent; 1 for a scalar."""
        return self.spec.shape[-1] if self.spec.shape else 1

    @property
    def type(self) -> str:
        """The C type of its elements."""
        return f"kl_{self.spec.dtype}"

    def at(self, index: str) -> str:
        """An element as f64."""
        return f"kl_of_{self.spec.dtype}({self.name}[{index}])"

    def set(self, index: str, number: str) -> str:
        """The statement that writes an element of f64."""
        if self.spec.is_integer:
            return f"{self.name}[{index}] = ({self.type})({number});"
        return f"{self.name}[{index}] = kl_to_{self.spec.dtype}({number});"


@dataclass
class Program:
    """What all kernels of a module share while they are written."""

    messages: list[str] = field(default_factory=list[str])
    names: set[str] = field(default_factory=lambda: {*_OF_C.split(), *_OF_OPERATIONS.split()})
    scratch: int = 1
    """Numbers of 8 bytes that a thread needs beside the values."""
    tables: dict[str, str] = field(default_factory=dict[str, str])
    """Constant arrays by their names."""

    def message(self, text: str) -> int:
        """The code of a message with `{}` for the value at fault."""
        if text not in self.messages:
            self.messages.append(text)
        return self.messages.index(text) + 1

    def name(self, wanted: str) -> str:
        """An identifier that nothing else has."""
        plain = re.sub(r"\W", "_", wanted)
        plain = f"v{plain}" if not plain or plain[0].isdigit() or plain.startswith("_") else plain
        name, number = plain, 0
        while name in self.names or name.startswith("kl_"):
            number += 1
            name = f"{plain}_{number}" if not plain.startswith("kl_") else f"v_{plain}_{number}"
        self.names.add(name)
        return name


class Body:
    """The body of a kernel while it is written."""

    def __init__(self, program: Program):
        self.program = program
        self.lines: list[str] = []
        self.buffers: dict[SSAValue, Buffer] = {}
        self.done: str | None = None
        """The array that says which rows of the batch have ended, where rows can."""
        self._indent = 1
        self._fresh: dict[str, int | None] = {}
        """What threads have made since the last barrier: the columns by which it was shared out, if so."""
        self._read: set[str] = set()
        """Buffers of which threads have read more than they write, since the last barrier."""
        self._memory_read = False
        self._memory_written = False

    def line(self, text: str) -> None:
        """Write one line."""
        self.lines.append("  " * self._indent + text)

    @contextmanager
    def block(self, head: str = "") -> Generator[None]:
        """Braces behind a head around what is written within."""
        self.line(f"{head} {{".lstrip())
        self._indent += 1
        yield
        self._indent -= 1
        self.line("}")

    @contextmanager
    def loop(self, name: str, first: object, end: object) -> Generator[None]:
        """A loop over whole numbers."""
        with self.block(f"for (long {name} = {first}; {name} < {end}; {name}++)"):
            yield

    @contextmanager
    def shared(self, extent: int, unit: int = UNIT) -> Generator[None]:
        """A block in which this thread's part of an extent goes from `from` to `to`."""
        with self.block():
            self.line("long from, to;")
            self.line(f"kl_share(thread, {extent}, {unit}, &from, &to);")
            yield

    @contextmanager
    def alone(self) -> Generator[None]:
        """A block that the first thread runs."""
        with self.block("if (thread->index == 0)"):
            yield

    def barrier(self) -> None:
        """All threads meet."""
        self.line("kl_barrier(thread);")
        self._fresh.clear()
        self._read.clear()
        self._memory_read = self._memory_written = False

    def reads(self, *buffers: Buffer) -> None:
        """What follows reads all of these, whoever made them."""
        if any(buffer.name in self._fresh for buffer in buffers):
            self.barrier()
        self._read.update(buffer.name for buffer in buffers)

    def writes(self, *buffers: Buffer) -> None:
        """What follows writes these again: nobody may read them any more."""
        if any(buffer.name in self._read for buffer in buffers):
            self.barrier()

    def reads_own(self, columns: int, buffers: Iterable[Buffer]) -> None:
        """What follows reads of these the columns alone that a thread has of so many."""
        for buffer in buffers:
            if buffer.columns != columns or self._fresh.get(buffer.name, columns) != columns:
                self.reads(buffer)

    def made(self, buffer: Buffer, columns: int | None = None) -> None:
        """A buffer was written, each thread its part of so many columns, or in another way."""
        self._fresh[buffer.name] = columns

    def reads_memory(self) -> None:
        """What follows reads a cache."""
        if self._memory_written:
            self.barrier()
        self._memory_read = True

    def writes_memory(self) -> None:
        """What follows writes a cache."""
        if self._memory_read:
            self.barrier()
        self._memory_written = True

    def scratch(self, name: str, *counts: int, kind: str = "double") -> None:
        """Declare arrays of this thread alone, `name`, `name_1`, …, of so many numbers."""
        start = 0
        for number, count in enumerate(counts):
            own = f"{name}_{number}" if number else name
            where = "kl_scratch[thread->index]"
            self.line(f"{kind} *{own} = ({kind} *)({where}{f' + {start}' if start else ''});")
            start += count + -count % 8
        self.program.scratch = max(self.program.scratch, start)

    def widened(
        self, buffer: Buffer, target: str, kind: str = "double", rows: str = "0", count: int = 0
    ) -> None:
        """Copy the rows of a buffer from one on into scratch."""
        count = count or buffer.spec.elements
        with self.loop("i", 0, count):
            index = "i" if rows == "0" else f"{rows} * {count} + i"
            self.line(f"{target}[i] = ({kind}){buffer.at(index)};")


def listed(names: Sequence[str]) -> str:
    """Names with commas."""
    return ", ".join(names)
