"""A program of a machine that runs kernel after kernel: the facts of its step, and the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from ...dialects.sequence_machine import H100, SequenceMachine
from ...dialects.sizes import exact_bytes_text
from ..decoding import decoded
from ..digests import Digests
from ..json_text import json_text
from ..targets import TargetError
from ..verification import StaticCheck
from .work import Phase, StepWork

FORMAT = "kl-sequence"
VERSION = 1
DOCUMENT = re.compile(r'\s*\{\s*"format"\s*:\s*"kl-sequence"')
"""How a saved program begins."""


@dataclass(frozen=True)
class Program:
    """What is timed."""

    work: StepWork
    machine: SequenceMachine
    steps: int = 1
    digests: Digests | None = field(default=None, compare=False, repr=False)
    """Of the program as it was made, whatever has been done to it since."""

    @property
    def name(self) -> str:
        """Of the model."""
        return self.work.name


def check_program(program: Program) -> Program:
    """A program that its machine can run.

    Raises: TargetError for one made for other sockets, for a type that the machine does not multiply, and for
        weights and caches that its memory does not hold.
    """
    for check in CHECKS:
        check.run(program)
    return program


def _check_form(program: Program) -> None:
    work = program.work
    if not all(0 <= number < len(work.kernels) for number in work.calls):
        raise TargetError(f"a call of one of {len(work.kernels)} kernels that is not there")
    for kernel in work.kernels:
        if not kernel.phases or any(times < 1 for _, times in kernel.phases):
            raise TargetError(f"@{kernel.name} has phases that do not run")


def _check_sockets(program: Program) -> None:
    work, machine = program.work, program.machine
    if work.sockets != machine.sockets:
        raise TargetError(f"{work.name} is for {work.sockets} sockets, the machine has {machine.sockets}")


def _check_memory(program: Program) -> None:
    work, machine = program.work, program.machine
    if work.memory_bytes > machine.memory_bytes:
        needed, there = exact_bytes_text(work.memory_bytes), exact_bytes_text(machine.memory_bytes)
        raise TargetError(
            f"{work.name} has {needed} of weights and caches on each socket, its memory holds {there}",
            way_out="give more sockets, or a smaller context",
        )


def _check_types(program: Program) -> None:
    machine = program.machine
    for phase in _phases(program.work):
        for product in (*phase.products, *(read.product for read in phase.cache_reads)):
            if not machine.peak(product.element_type):
                has = ", ".join(name for name in ("bf16", "f32", "fp8", "fp4") if machine.peak(name))
                raise TargetError(
                    f"@{phase.name} multiplies {product.element_type}, the machine multiplies {has}",
                    way_out=f"give a machine with {product.element_type}_flops, or other weights",
                )


CHECKS = (
    StaticCheck("form", "each call is of a kernel that is there, each phase runs", _check_form),
    StaticCheck("sockets", "it is for as many sockets as the machine has", _check_sockets),
    StaticCheck("memory", "the weights and caches of a socket fit its memory", _check_memory),
    StaticCheck("types", "the machine multiplies each type that a kernel multiplies", _check_types),
)
"""What is certain of a program before it is timed."""


def _phases(work: StepWork) -> Iterator[Phase]:
    return (phase for kernel in work.kernels for phase, _ in kernel.phases)


def dump_program(program: Program) -> str:
    """A program as JSON; of the machine what differs from one H100."""
    machine = dict(program.machine.items() - dict(H100.items()).items())
    body = {"format": FORMAT, "version": VERSION, "machine": machine, "work": asdict(program.work)}
    ties = {} if program.digests is None else {"digests": asdict(program.digests)}
    return json_text(body | ties) + "\n"


def load_program(data: bytes) -> Program:
    """The program that was saved.

    Raises: TargetError for what is none, and for one that its machine cannot run.
    """
    return check_program(load_unchecked(data))


def load_unchecked(data: bytes) -> Program:
    """The program that was saved, of which nothing is known but its form.

    Raises: TargetError for what is none.
    """
    try:
        body = json.loads(data)
        if body.get("version") != VERSION:
            raise TargetError(f"it is of version {body.get('version')!r}, known is {VERSION}")
        machine = H100.with_values(decoded(body.get("machine"), dict[str, int], "machine"))
        work = decoded(body.get("work"), StepWork, "work")
        digests = decoded(body["digests"], Digests, "digests") if "digests" in body else None
    except (ValueError, RecursionError) as error:
        raise TargetError(f"it is no program of this form: {error}") from None
    return Program(work, machine, digests=digests)
