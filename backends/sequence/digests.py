"""What ties a program of a sequence of kernels to the IR that it came from (`backends/digests.py`)."""

from __future__ import annotations

from dataclasses import asdict

from ..digests import Content, Ties
from .program import Program

REST = "all but its kernels (machine, calls, context, tokens, memory)"


def _content(program: Program) -> Content:
    work = asdict(program.work)
    kernels = tuple((kernel["name"], kernel) for kernel in work.pop("kernels"))
    return Content(kernels, {"machine": dict(program.machine.items()), "work": work}, REST)


TIES = Ties(_content)
