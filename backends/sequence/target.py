"""Machines that run kernel after kernel as a target: what the tools do with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ModuleOp

from ...dialects.sequence import sequence_machine_of, set_sequence_machine
from ...dialects.sequence_machine import SequenceMachine
from ...dialects.vocabulary import IrLevel
from ..lazily import late
from ..targets import Choice, Target, TargetError
from ..verification import StaticCheck, Verification

if TYPE_CHECKING:
    from .program import Program

_late = partial(late, __package__)
REASONS = {
    "resident": ("no weight stays in SRAM: a kernel's registers and caches are gone with it", "--resident"),
    "spill": ("there is one memory, and nothing to spill to", "--spill"),
    "steps_per_call": ("a call makes one step; the next one is another graph", "--steps-per-call"),
}
"""What of a choice has no meaning here: why, and the option to leave out."""


def pipeline(level: IrLevel, choice: Choice) -> str:
    """The passes that lead to the kernel level."""
    assert level == "kernel", "nothing leads further"
    experts = "" if choice.expert_sharding == "ffn" else f"{{experts={choice.expert_sharding}}}"
    passes = [
        f"shard-tensors{experts}",
        f"outline-kernels{{granularity={choice.fusion}}}",
        "merge-identical-kernels",
    ]
    if choice.loop:
        excluded = ",".join(f'"{name}"' for name in choice.unlooped)
        # A persistent kernel has no units that would have to suffice.
        passes.append(f"loop-kernels{{{f'exclude={excluded} ' if excluded else ''}unbounded=true}}")
    if choice.single_call:
        passes.append("join-calls{unbounded=true}")
    return ",".join(passes)


def objection(choice: Choice) -> TargetError | None:
    """What of a choice has no meaning on such machines."""
    asked = {"resident": choice.resident, "spill": choice.spill, "steps_per_call": choice.steps_per_call > 1}
    for name, is_asked in asked.items():
        if is_asked:
            reason, option = REASONS[name]
            return TargetError(f"on a sequence of kernels {reason}", way_out=f"leave out {option}")
    return None


def _compile(module: ModuleOp, name: str) -> Program:
    from .program import check_program

    return check_program(_compile_unchecked(module, name))


def _compile_unchecked(module: ModuleOp, name: str) -> Program:
    from .facts import step_work
    from .program import Program

    return Program(step_work(module, name), sequence_machine_of(module))


def _static_checks() -> Sequence[StaticCheck[Program]]:
    from .program import CHECKS

    return CHECKS


def _recognises(text: str) -> bool:
    from .program import DOCUMENT

    return DOCUMENT.match(text) is not None


SEQUENCE_TARGET = Target[SequenceMachine, "Program"](
    name="sequence",
    level="kernel",
    pipeline=pipeline,
    machine=sequence_machine_of,
    set_machine=set_sequence_machine,
    compile=_compile,
    time=_late("timing", "time_program"),
    dump=_late("program", "dump_program"),
    recognises=_recognises,
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
    has_trace=True,
    whole_machines=True,
    default_level=0,
    calibrate=_late("calibration", "calibrate"),
    objection=objection,
)
