"""Digests of a program: what ties it to the IR that it came from, and tells whether it was edited since.

They find what was changed by hand or by accident, not by intent: who edits a program can edit its digests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from hashlib import sha256
from typing import Any

from ..verification import Provenance
from .documents import encode
from .kernel import Kernel
from .names import told_apart
from .program import Digests, KernelDigests, Program

LENGTH = 32
"""Hexadecimal digits of a digest: 128 bits of SHA-256."""
REST = "all but its kernels (machine, regions, commands, inputs, outputs, tokens)"


def digests_of(program: Program, ir: Mapping[str, str] | None = None) -> Digests:
    """The digests of a program as it is; `ir` is the text of the IR of each kernel, by its name."""
    ir = ir or {}
    kernels = {
        one.name: KernelDigests(_of_kernel(one), _digest(ir[one.name]) if one.name in ir else None)
        for one in program.kernels
    }
    return Digests(kernels, _of_rest(program))


def tied(program: Program, ir: Mapping[str, str]) -> Program:
    """A program that was just emitted, with its digests."""
    return replace(program, digests=digests_of(program, ir))


def provenance(program: Program) -> Provenance:
    """What of a program was edited since it was emitted, and what is not known of where it came from."""
    if program.digests is None:
        return Provenance(untied="it has no digests: nothing ties it to the IR that it came from")
    without = [name for name, one in program.digests.kernels.items() if one.ir is None]
    untied = f"no IR is known of kernel {_few(without)}" if without else ""
    return Provenance((*_edited(program, program.digests),), untied)


def of_other_ir(program: Program, ir: Mapping[str, str]) -> list[str]:
    """The kernels that were made of other IR than this, the text of each symbol, or for all that is known."""
    known = {} if program.digests is None else program.digests.kernels
    texts = {name: _digest(text) for name, text in ir.items()}
    mine = {one.name: known[one.name].ir if one.name in known else None for one in program.kernels}
    return [f"kernel '{name}'" for name, one in mine.items() if one is None or one != texts.get(name)]


def _edited(program: Program, saved: Digests) -> Iterator[str]:
    kernels = {one.name: one for one in program.kernels}
    for name, one in kernels.items():
        if name not in saved.kernels:
            yield f"kernel '{name}' (it is new)"
        elif _of_kernel(one) != saved.kernels[name].program:
            yield f"kernel '{name}'"
    yield from (f"kernel '{name}' (it is gone)" for name in saved.kernels if name not in kernels)
    if _of_rest(program) != saved.rest:
        yield REST


def _few(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _of_kernel(kernel: Kernel) -> str:
    return _digest(_canonical(encode(told_apart(kernel))))


def _of_rest(program: Program) -> str:
    left_out = ("kernels", "digests")
    rest = {
        one.name: encode(getattr(program, one.name)) for one in fields(Program) if one.name not in left_out
    }
    return _digest(_canonical(rest | {"kernels": [kernel.name for kernel in program.kernels]}))


def _canonical(document: Any) -> str:
    """A document as JSON whose layout, and order of keys, nobody chooses."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
