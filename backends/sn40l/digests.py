"""What ties a program for the machine to the IR that it came from (`backends/digests.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from .. import digests as shared
from ..digests import Content, Digests
from ..verification import Provenance
from .documents import encode
from .names import told_apart
from .program import Program

REST = "all but its kernels (machine, regions, commands, inputs, outputs, tokens)"
LEFT_OUT = ("kernels", "digests")


def digests_of(program: Program, ir: Mapping[str, str] | None = None) -> Digests:
    """The digests of a program as it is; `ir` is the text of the IR of each kernel, by its name."""
    return shared.digests_of(_content(program), ir)


def tied(program: Program, ir: Mapping[str, str]) -> Program:
    """A program that was just emitted, with its digests."""
    return replace(program, digests=digests_of(program, ir))


def provenance(program: Program) -> Provenance:
    """What of a program was edited since it was emitted, and what is not known of where it came from."""
    return shared.provenance_of(_content(program), program.digests)


def of_other_ir(program: Program, ir: Mapping[str, str]) -> list[str]:
    """The kernels that were made of other IR than this, the text of each symbol, or for all that is known."""
    return shared.kernels_of_other_ir(_content(program), program.digests, ir)


def _content(program: Program) -> Content:
    kernels = tuple((kernel.name, encode(told_apart(kernel))) for kernel in program.kernels)
    names = (one.name for one in fields(Program) if one.name not in LEFT_OUT)
    return Content(kernels, {name: encode(getattr(program, name)) for name in names}, REST)
