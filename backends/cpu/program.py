"""A program for this computer: the kernel level of a model, of which C is made when it runs."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from io import StringIO
from typing import TYPE_CHECKING

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.universe import Universe
from xdsl.utils.exceptions import DiagnosticException, ParseError, VerifyException

from ...dialects.cpu import cpu_machine_of
from ...dialects.cpu_machine import CpuMachine
from ...dialects.kernel import ScheduleOp
from ...dialects.kernel_loops import StepsOp
from ..decoding import decoded
from ..digests import Digests
from ..json_text import json_text
from ..targets import TargetError
from ..verification import StaticCheck
from .emit import emit_source

if TYPE_CHECKING:
    from .source import Source

FORMAT = "kl-cpu"
VERSION = 1
DOCUMENT = re.compile(r'\s*\{\s*"format"\s*:\s*"kl-cpu"')
"""How a saved program begins."""


@dataclass(frozen=True, eq=False)
class Program:
    """What runs."""

    name: str
    module: ModuleOp
    """At the kernel level; nobody changes it any more."""
    digests: Digests | None = None
    """What ties it to the IR that it came from; None of one that was just made."""

    @cached_property
    def machine(self) -> CpuMachine:
        """The threads, and how products are added up."""
        return cpu_machine_of(self.module)

    @property
    def steps(self) -> int:
        """Decode steps of a call."""
        counts = [op.count.value.data for op in self.module.walk() if isinstance(op, StepsOp)]
        return max(counts, default=1)

    @cached_property
    def stop_token(self) -> int | None:
        """Rows end at this token, if at any."""
        stops = [
            op.stop.value.data for op in self.module.walk() if isinstance(op, StepsOp) and op.stop is not None
        ]
        return stops[0] if stops else None

    @cached_property
    def schedule(self) -> ScheduleOp:
        """The calls of a step."""
        return next(op for op in self.module.ops if isinstance(op, ScheduleOp))

    @cached_property
    def source(self) -> Source:
        """Its C."""
        return emit_source(self.module)

    @property
    def threads(self) -> int:
        """That it runs with: the machine's, or one for each core that the process may use."""
        return self.machine.threads or available_cores()

    @property
    def is_exact(self) -> bool:
        """Whether it gives the reference's bits."""
        return self.machine.sum_bits == 64


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_program(module: ModuleOp, name: str) -> Program:
    """The program of a module at the kernel level.

    Raises: TargetError for a module without a schedule, or for several sockets; DiagnosticException for an
        operation that has no C form.
    """
    return check_program(Program(name, module))


def check_program(program: Program) -> Program:
    """A program that can run.

    Raises: as `compile_program` does.
    """
    for check in CHECKS:
        check.run(program)
    return program


def _check_step(program: Program) -> None:
    schedules = [op for op in program.module.ops if isinstance(op, ScheduleOp)]
    if len(schedules) != 1:
        raise TargetError(f"{program.name} has {len(schedules)} steps (kernel.schedule), not one")


def _check_machine(program: Program) -> None:
    try:
        _ = program.machine
    except ValueError as error:
        raise TargetError(str(error), way_out="leave out --sockets") from None


def _check_code(program: Program) -> None:
    _ = program.source


CHECKS: tuple[StaticCheck[Program], ...] = (
    StaticCheck("step", "it has one step, a list of calls of its kernels", _check_step),
    StaticCheck("machine", "it is for one socket", _check_machine),
    StaticCheck("code", "each operation has a C form", _check_code),
)
"""What is certain of a program before it is compiled; that its IR is valid is seen when it is read."""


def dump_program(program: Program) -> str:
    """A program as JSON, with its IR in the generic form.

    Raises: TargetError for IR that its text does not give back.
    """
    text = generic_text(program.module)
    if generic_text(_module(text)) != text:
        raise TargetError(f"the IR of {program.name} cannot be saved: its text reads back as another one")
    body = {"format": FORMAT, "version": VERSION, "name": program.name, "ir": text.split("\n")}
    ties = {} if program.digests is None else {"digests": asdict(program.digests)}
    return json_text(body | ties) + "\n"


def load_program(data: bytes) -> Program:
    """The program that was saved.

    Raises: TargetError for what is none, and for one that cannot run.
    """
    try:
        return check_program(load_unchecked(data))
    except DiagnosticException as error:
        raise TargetError(f"its ir is wrong: {error}") from error


def load_unchecked(data: bytes) -> Program:
    """The program that was saved, of which nothing is known but that its IR is valid.

    Raises: TargetError for what is none.
    """
    try:
        body = json.loads(data)
        if body.get("version") != VERSION:
            raise TargetError(f"it is of version {body.get('version')!r}, known is {VERSION}")
        if more := {*body} - {"format", "version", "name", "ir", "digests"}:
            raise ValueError(f"it has '{min(more)}', which no program has")
        digests = decoded(body["digests"], Digests, "digests") if "digests" in body else None
        name, lines = decoded(body.get("name"), str, "name"), decoded(body.get("ir"), tuple[str, ...], "ir")
    except (ValueError, AttributeError, RecursionError) as error:
        raise TargetError(f"it is no program of this form: {error}") from None
    try:
        return Program(name, _module("\n".join(lines)), digests)
    except ParseError as error:
        raise TargetError(f"its ir is no IR: {error.args[0]}") from error
    except VerifyException as error:
        raise TargetError(f"its ir is wrong: {error}") from error


def generic_text(op: Operation) -> str:
    """The text of an operation in the generic form."""
    stream = StringIO()
    Printer(stream, print_generic_format=True).print_op(op)
    return stream.getvalue()


def _module(text: str) -> ModuleOp:
    """Raises: ParseError, VerifyException."""
    context = Context()
    for name, dialect in Universe.get_multiverse().all_dialects.items():
        context.register_dialect(name, dialect)
    module = Parser(context, text, "ir").parse_module()
    module.verify()
    return module
