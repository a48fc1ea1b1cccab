"""A program of a machine that runs kernel after kernel: the facts of its step, and the machine."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ...dialects.sequence_machine import H100, SequenceMachine
from ...dialects.sizes import exact_bytes_text
from ..digests import Digests
from ..json_text import json_text
from ..targets import TargetError
from ..verification import StaticCheck
from .work import Phase, StepWork

T = TypeVar("T")
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
        machine = H100.with_values(_decoded(body.get("machine"), dict[str, int], "machine"))
        work = _decoded(body.get("work"), StepWork, "work")
        digests = _decoded(body["digests"], Digests, "digests") if "digests" in body else None
    except (ValueError, RecursionError) as error:
        raise TargetError(f"it is no program of this form: {error}") from None
    return Program(work, machine, digests=digests)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decoded(value: Any, kind: Any, what: str) -> Any:
    """A value of JSON as one of a type: a dataclass, tuple, dictionary, text, word or number from 0 on.

    Raises: ValueError, which names the place.
    """
    if is_dataclass(kind):
        assert isinstance(kind, type), "a class is asked for"
        if not isinstance(value, dict) or {*value} != {one.name for one in fields(kind)}:
            raise ValueError(f"{what} has to have {', '.join(one.name for one in fields(kind))}")
        hints = _hints(kind)
        return kind(**{name: _decoded(one, hints[name], f"{what}.{name}") for name, one in value.items()})
    if get_origin(kind) is tuple:
        return _decoded_row(value, get_args(kind), what)
    if get_origin(kind) in (dict, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"{what} is no table")
        return {name: _decoded(one, get_args(kind)[1], f"{what}.{name}") for name, one in value.items()}
    if get_origin(kind) is types.UnionType:
        return None if value is None else _decoded(value, get_args(kind)[0], what)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{what} is {value!r}; known are {', '.join(get_args(kind))}")
        return value
    wanted = (int, float) if kind is float else kind
    if type(value) is bool or not isinstance(value, wanted):
        raise ValueError(f"{what} is {value!r}, not of the type {kind.__name__}")
    if not isinstance(value, str) and not 0 <= value < 2**63:
        raise ValueError(f"{what} is {value}; it must be 0 or more, and below 2^63")
    return value


def _decoded_row(value: Any, kinds: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{what} is no list")
    if kinds[1:] == (types.EllipsisType,) or kinds[1:] == (...,):
        kinds = (kinds[0],) * len(value)
    if len(value) != len(kinds):
        raise ValueError(f"{what} has {len(value)} entries, not {len(kinds)}")
    pairs = enumerate(zip(value, kinds, strict=True))
    return tuple(_decoded(one, kind, f"{what}[{number}]") for number, (one, kind) in pairs)
