"""This computer as a target: what the tools do with it, each part imported on first use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ModuleOp

from ...dialects.cpu import cpu_machine_of, set_cpu_machine
from ...dialects.cpu_machine import CpuMachine
from ...dialects.vocabulary import IrLevel
from ..lazily import late
from ..targets import Choice, Target, TargetError
from ..verification import StaticCheck, Verification

if TYPE_CHECKING:
    from .program import Program

_late = partial(late, __package__)


def pipeline(level: IrLevel, choice: Choice) -> str:
    """The passes that lead to the kernel level."""
    assert level == "kernel", "nothing leads further"
    passes = [f"outline-kernels{{granularity={choice.fusion}}}", "merge-identical-kernels"]
    if choice.loop:
        excluded = ",".join(f'"{name}"' for name in choice.unlooped)
        # C has no units that would have to suffice.
        passes.append(f"loop-kernels{{{f'exclude={excluded} ' if excluded else ''}unbounded=true}}")
    if choice.steps_per_call > 1:
        stop = "" if choice.stop_token is None else f" stop={choice.stop_token}"
        passes.append(f"loop-steps{{steps={choice.steps_per_call}{stop} unbounded=true}}")
    elif choice.single_call:
        passes.append("join-calls{unbounded=true}")
    return ",".join(passes)


def objection(choice: Choice) -> TargetError | None:
    """What of a choice has no meaning on this computer."""
    if choice.resident:
        return TargetError("a processor chooses itself what its caches hold", way_out="leave out --resident")
    if choice.spill:
        return TargetError("there is one memory, and nothing to spill to", way_out="leave out --spill")
    return None


def _machine(module: ModuleOp) -> CpuMachine:
    try:
        return cpu_machine_of(module)
    except ValueError as error:
        raise TargetError(str(error), way_out="leave out --sockets") from None


def _compile(module: ModuleOp, name: str) -> Program:
    return _late("program", "compile_program")(module, name)


def _compile_unchecked(module: ModuleOp, name: str) -> Program:
    from .program import Program

    return Program(name, module)


def _static_checks() -> Sequence[StaticCheck[Program]]:
    from .program import CHECKS

    return CHECKS


def _recognises(text: str) -> bool:
    from .program import DOCUMENT

    return DOCUMENT.match(text) is not None


CPU_TARGET = Target[CpuMachine, "Program"](
    name="cpu",
    level="kernel",
    pipeline=pipeline,
    machine=_machine,
    set_machine=set_cpu_machine,
    compile=_compile,
    time=_late("timing", "time_program"),
    dump=_late("program", "dump_program"),
    recognises=_recognises,
    time_together=_late("timing", "time_together"),
    measure=_late("calibration_machine", "measured_machine"),
    load=_late("program", "load_program"),
    tied=_late("digests", "TIES.tied"),
    provenance=_late("digests", "TIES.provenance"),
    verification=Verification(
        _static_checks,
        _compile_unchecked,
        _late("program", "load_unchecked"),
        _late("digests", "TIES.of_other_ir"),
        _late("digests", "TIES.differences"),
    ),
    run=_late("running", "start_run"),
    objection=objection,
    context=_late("running", "context_of"),
    precision=("sum_bits", 64, 32),
)
