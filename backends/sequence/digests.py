"""What ties a program of a sequence of kernels to the IR that it came from (`backends/digests.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

from .. import digests as shared
from ..digests import Content
from ..verification import Provenance
from .program import Program

REST = "all but its kernels (machine, calls, context, tokens, memory)"


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
    work = asdict(program.work)
    kernels = tuple((kernel["name"], kernel) for kernel in work.pop("kernels"))
    return Content(kernels, {"machine": dict(program.machine.items()), "work": work}, REST)
