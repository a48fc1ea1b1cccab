"""What ties a program on this computer to the IR that it came from (`backends/digests.py`)."""

from __future__ import annotations

from xdsl.ir import Operation

from ...dialects.kernel import FuncOp
from ..digests import Content, Ties
from .program import Program, generic_text

REST = "all but its kernels (machine, weights, states, calls)"


def _content(program: Program) -> Content:
    kernels = [op for op in program.module.ops if isinstance(op, FuncOp)]
    others = [_text(op) for op in program.module.ops if not isinstance(op, FuncOp)]
    rest = {"name": program.name, "machine": dict(program.machine.items()), "others": others}
    return Content(tuple((op.sym_name.data, _text(op)) for op in kernels), rest, REST)


def _text(op: Operation) -> str:
    """The generic text of an operation, with attributes in the order of their names."""
    copy = op.clone()
    for one in copy.walk():
        one.properties = dict(sorted(one.properties.items()))
        one.attributes = dict(sorted(one.attributes.items()))
    return generic_text(copy)


TIES = Ties(_content)
