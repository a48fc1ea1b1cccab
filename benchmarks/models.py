"""What the benchmarks share: an example model, compiled and timed on some sockets."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.report import Report
from kl.dialects.machine import SN40L, Machine
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context
from kl.tools.variants import VARIANTS

EXAMPLES = Path(__file__).parent.parent / "examples"


@cache
def program(model: str, variant: str, context: int, machine: Machine) -> Program:
    """The program of an example model.

    Raises: DiagnosticException where it does not fit the machine.
    """
    path = EXAMPLES / f"{model}.kl"
    module = load_model(path.read_text(encoding="utf-8"), path.name, {"context": context})
    set_machine(module, machine)
    lower(make_context(), module, "rdu", VARIANTS[variant].choice)
    return emit_program(module, model)


@cache
def timed(
    model: str,
    sockets: int,
    variant: str,
    *,
    orchestration: str = "hardware",
    context: int = 4096,
    machine: Machine = SN40L,
) -> Report:
    """One decode step with a full context."""
    machine = machine.with_values({"sockets": sockets})
    built = program(model, variant, context, machine)
    return time_step(built, {"position": context - 1}, orchestration)
