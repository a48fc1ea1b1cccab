"""IR after every pass, with the line of the model that each line of it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ...frontends.lined_printer import lined_text_of
from ..diagnostics import position_of
from ..observer import Observer

INPUT = "input"
"""Stands for a pass where there was none yet."""


@dataclass(frozen=True)
class Snapshot:
    """A module as a pass has left it."""

    name: str
    """That of the pass."""
    options: str
    """Those of the pass that are not the usual ones, in the notation of a pipeline, without braces."""
    operations: Mapping[str, int]
    """How many there are, by name."""
    text: str | None
    """None where the pass has not changed it."""
    lines: tuple[str | None, ...] | None
    """For each line of the text the one of the model that it comes from, `file:line`, where one is known."""

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        text = {"text": self.text, "lines": self.lines} if self.text is not None else {}
        return {
            "pass": self.name,
            "options": self.options,
            "operations": self.operations,
            "unchanged": self.text is None,
            **text,
        }


class Snapshots(Observer):
    """Keeps the IR of the last pipeline that it has seen: before the first pass and after each."""

    def __init__(self) -> None:
        self.taken: list[Snapshot] = []
        self._text = ""

    def begin(self, module: ModuleOp) -> None:
        """A pipeline that is tried again begins anew."""
        self.taken, self._text = [], ""
        self._take(INPUT, "", module)

    def after(self, module_pass: ModulePass, module: ModuleOp) -> None:
        options = str(module_pass).removeprefix(module_pass.name)
        self._take(module_pass.name, options.removeprefix("{").removesuffix("}"), module)

    def _take(self, name: str, options: str, module: ModuleOp) -> None:
        lined = lined_text_of(module)
        text, before = f"{lined.text}\n", self._text
        counts = dict(sorted(Counter(_names(module)).items()))
        if text == before:
            self.taken.append(Snapshot(name, options, counts, None, None))
        else:
            self.taken.append(Snapshot(name, options, counts, text, tuple(map(_line_of, lined.operations))))
        self._text = text


def _names(module: ModuleOp) -> Iterator[str]:
    return (op.name for op in module.walk())


def _line_of(op: Operation) -> str | None:
    place = position_of(op)
    return None if place is None else f"{place.file}:{place.line}"
