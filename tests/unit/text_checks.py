"""What must hold of the text of a module: it reads back as the same module, which prints the same text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from io import StringIO
from itertools import product

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from kl.frontends.exact_printer import ExactTarget
from kl.frontends.located_parser import LocatedParser
from kl.tools.universe import make_context

FORMS = tuple(
    {"print_generic_format": generic, "print_debuginfo": located}
    for generic, located in product((False, True), repeat=2)
)


def open_context() -> Context:
    """A context that takes operations, types and attributes of dialects that nobody knows."""
    context = make_context()
    context.allow_unregistered = True
    return context


def printed(context: Context, module: ModuleOp, **form: bool) -> str:
    """A module as `kl-opt` prints it, with its resources."""
    stream = StringIO()
    ExactTarget(**form).emit(context, module, stream)
    return stream.getvalue()


def text_findings(
    context: Context, module: ModuleOp, forms: Sequence[dict[str, bool]] = FORMS
) -> Iterator[str]:
    """What of a module does not read back, in each form of its text."""
    for form in forms:
        text = printed(context, module, **form)
        try:
            again = LocatedParser(context, text, "again.mlir").parse_module()
        except Exception as error:  # whatever it is, it is what is looked for
            yield f"{form} is not read: {type(error).__name__}: {error}"
            continue
        if not module.is_structurally_equivalent(again):
            changes = _changes(*(printed(context, one, print_generic_format=True) for one in (module, again)))
            if changes or _is_comparable(module):
                yield f"{form} is another module:\n{changes}"
        elif printed(context, again, **form) != text:
            yield f"{form} prints another text:\n{_changes(text, printed(context, again, **form))}"


def _is_comparable(module: ModuleOp) -> bool:
    """Whether xDSL can compare it: it cannot where a value is used before it is defined."""
    return module.is_structurally_equivalent(module.clone())


def _changes(before: str, after: str) -> str:
    """The lines in which two texts differ."""
    return "\n".join(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))
