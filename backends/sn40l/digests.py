"""What ties a program for the machine to the IR that it came from (`backends/digests.py`)."""

from __future__ import annotations

from dataclasses import fields

from ..digests import Content, Ties
from .documents import encode
from .names import told_apart
from .program import Program

REST = "all but its kernels (machine, regions, commands, inputs, outputs, tokens)"
LEFT_OUT = ("kernels", "digests")


def _content(program: Program) -> Content:
    kernels = tuple((kernel.name, encode(told_apart(kernel))) for kernel in program.kernels)
    names = (one.name for one in fields(Program) if one.name not in LEFT_OUT)
    return Content(kernels, {name: encode(getattr(program, name)) for name in names}, REST)


TIES = Ties(_content)
