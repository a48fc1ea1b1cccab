"""IR around passes: before, after, after those that change it, and what they change as a diff."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import unified_diff
from io import StringIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...frontends.exact_printer import ExactPrinter
from ..diagnostics import in_color
from ..observer import Observer

RESET, BOLD, CYAN, GREEN, RED = "\033[0m", "\033[1m", "\033[36m", "\033[32m", "\033[31m"
COLORS = {"@": CYAN, "+": GREEN, "-": RED}
"""Colors of a diff's lines by how they begin."""


@dataclass(frozen=True)
class Selection:
    """At which passes IR is printed."""

    before: frozenset[str]
    after: frozenset[str]
    after_all: bool
    only_changed: bool
    """After a pass only if the IR has changed; after all passes if none is named."""
    diff: bool

    def after_pass(self, name: str, *, changed: bool) -> bool:
        """Whether the IR is printed after a pass."""
        if self.only_changed:
            return changed and (self.after_all or not self.after or name in self.after)
        return self.after_all or name in self.after


class IrPrints(Observer):
    """Prints IR on stderr."""

    def __init__(self, selection: Selection):
        self.selection = selection
        self.text = ""
        """Of the module, before the next pass; kept where passes are compared."""

    @property
    def compares(self) -> bool:
        """Whether it matters what a pass changes."""
        return self.selection.only_changed or self.selection.diff

    def begin(self, module: ModuleOp) -> None:
        if self.compares:
            self.text = text_of(module)

    def before(self, module_pass: ModulePass, module: ModuleOp) -> None:
        if module_pass.name in self.selection.before:
            show(f"before {module_pass.name}", text_of(module))

    def after(self, module_pass: ModulePass, module: ModuleOp) -> None:
        name, old = module_pass.name, self.text
        if self.compares:
            self.text = text_of(module)
        if self.selection.diff and self.text != old:
            show(f"diff of {name}", "\n".join(diff_of(name, old, self.text, color=in_color(sys.stderr))))
        if self.selection.after_pass(name, changed=self.text != old):
            show(f"after {name}", self.text if self.compares else text_of(module))


def text_of(module: ModuleOp) -> str:
    """A module as it is printed."""
    stream = StringIO()
    ExactPrinter(stream).print_op(module)
    return stream.getvalue()


def show(what: str, text: str) -> None:
    """Print a text on stderr below its heading."""
    print(f"// -----// IR {what} //----- //\n{text}", file=sys.stderr)


def diff_of(name: str, old: str, new: str, *, color: bool) -> Iterator[str]:
    """The lines of a unified diff of what a pass has changed."""
    lines = unified_diff(
        old.splitlines(), new.splitlines(), f"before {name}", f"after {name}", lineterm="", n=3
    )
    for number, line in enumerate(lines):
        start = BOLD if number < 2 else COLORS.get(line[:1], "")
        yield f"{start}{line}{RESET}" if color and start else line
