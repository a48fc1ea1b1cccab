"""Programs as texts to save, with what ties them to the IR that they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Operation

from ..backends.targets import AnyTarget


def program_text(target: AnyTarget, program: Any, module: ModuleOp) -> str:
    """The text of a program that was just made of a module."""
    return target.dump(program if target.tied is None else target.tied(program, symbol_texts(module)))


def symbol_texts(module: ModuleOp) -> Mapping[str, str]:
    """The generic text of each symbol of a module, the same for modules that mean the same to emission.

    It is without locations, and attributes stand in the order of their names, as a text that is read back has
    them in another order.
    """
    named = ((op.properties.get("sym_name"), op) for op in module.ops)
    return {name.data: _text(op) for name, op in named if isinstance(name, StringAttr)}


def _text(op: Operation) -> str:
    from ..frontends.exact_printer import text_of

    copy = op.clone()
    for one in copy.walk():
        one.properties = dict(sorted(one.properties.items()))
        one.attributes = dict(sorted(one.attributes.items()))
    return text_of(copy, print_generic_format=True)
