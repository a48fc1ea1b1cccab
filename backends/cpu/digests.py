"""What ties a program on this computer to the IR that it came from (`backends/digests.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from xdsl.ir import Operation

from ...dialects.kernel import FuncOp
from .. import digests as shared
from ..digests import Content
from ..verification import Provenance
from .program import Program, generic_text

REST = "all but its kernels (machine, weights, states, calls)"


def tied(program: Program, ir: Mapping[str, str]) -> Program:
    """A program that was just made, with its digests."""
    return replace(program, digests=shared.digests_of(_content(program), ir))


def provenance(program: Program) -> Provenance:
    """What of a program was edited since it was made, and what is not known of where it came from."""
    return shared.provenance_of(_content(program), program.digests)


def of_other_ir(program: Program, ir: Mapping[str, str]) -> list[str]:
    """The kernels that were made of other IR than this, the text of each symbol, or for all that is known."""
    return shared.kernels_of_other_ir(_content(program), program.digests, ir)


def differences(program: Program, other: Program) -> list[str]:
    """What of a program another one has otherwise: kernels by their names, and the rest."""
    return [*shared.differences(_content(program), shared.digests_of(_content(other)))]


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
