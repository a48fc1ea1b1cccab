"""The SN40L as a target: what the tools do with it, each part imported on first use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ModuleOp

from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of, set_machine
from ...dialects.vocabulary import IrLevel
from ..lazily import late
from ..targets import Choice, Target
from ..verification import StaticCheck, Verification

if TYPE_CHECKING:
    from .program import Program

_late = partial(late, __package__)
DOCUMENT = re.compile(r'\s*\{\s*"format"\s*:\s*"kl-program"')
"""How a saved program begins."""


def pipeline(level: IrLevel, choice: Choice) -> str:
    """The passes that lead to a level from the one before it: which, in which order, and why."""
    match level:
        case "kernel":
            return ",".join(_kernel_passes(choice))
        case "dataflow":
            return ",".join(_dataflow_passes(choice))
        case "rdu":
            # Hops depend on places, the loop's interval on hops, rates on links on that interval, argument
            # addresses on the memory plan; the conversion writes all of it down.
            plan = "plan-memory{spill=true}" if choice.spill else "plan-memory"
            return f"place-units,schedule-loop,route-channels,{plan},convert-dataflow-to-rdu"
        case "nn":
            raise AssertionError("nothing leads to level nn")


def _kernel_passes(choice: Choice) -> list[str]:
    passes = [
        # Before there are kernels, while a layer's body stands once; one socket needs nothing.
        _sharding(choice),
        # It decides what one launch does; all that follows works on kernels.
        f"outline-kernels{{granularity={choice.fusion}}}",
        # A run of calls can only be seen once equal layers call one and the same kernel.
        "merge-identical-kernels",
    ]
    # While calls are still a plain list and kernels still whole operations.
    if choice.loop:
        excluded = ",".join(f'"{name}"' for name in choice.unlooped)
        passes.append(f"loop-kernels{{exclude={excluded}}}" if excluded else "loop-kernels")
    # Last: the loop over layers is its body, all of a step fits one kernel only as such.
    if choice.steps_per_call > 1:
        stop = "" if choice.stop_token is None else f" stop={choice.stop_token}"
        passes.append(f"loop-steps{{steps={choice.steps_per_call}{stop}}}")
    elif choice.single_call:
        passes.append("join-calls")
    return passes


def _dataflow_passes(choice: Choice) -> list[str]:
    return [
        "convert-kernel-to-dataflow",
        # Tiles first: how much work and SRAM a stage needs depends on them.
        "tile-stages",
        # Once tiles are known: an all-reduce may start with the first of them.
        "overlap-collectives",
        # Before the units are shared out: what it takes, no kernel gets.
        *([_retention(choice)] if choice.resident else []),
        "allocate-units",
        # Intervals and latencies follow from the units that a stage has got.
        "schedule-stages",
        # Last: it fills the SRAM that all others have left.
        "prefetch-weights",
    ]


def _sharding(choice: Choice) -> str:
    experts = choice.expert_sharding
    return "shard-tensors" if experts == "ffn" else f"shard-tensors{{experts={experts}}}"


def _retention(choice: Choice) -> str:
    return "retain-weights" if choice.retained is None else f"retain-weights{{pmus={choice.retained}}}"


def _compile(module: ModuleOp, name: str) -> Program:
    return _checked(_late("emit", "emit_program")(module, name))


def _checked(program: Program) -> Program:
    from .check import check_program
    from .errors import target_errors

    with target_errors():
        check_program(program)
    return program


def _static_checks() -> Sequence[StaticCheck[Program]]:
    from .check import CHECKS
    from .errors import target_errors

    def run(check: Callable[[Program], None], program: Program) -> None:
        with target_errors():
            check(program)

    return [StaticCheck(one.name, one.proves, partial(run, one.run)) for one in CHECKS]


def _recognises(text: str) -> bool:
    return DOCUMENT.match(text) is not None


def _load(data: bytes) -> Program:
    return _checked(_load_unchecked(data))


def _load_unchecked(data: bytes) -> Program:
    from .errors import target_errors
    from .serialize import decode_program

    with target_errors():
        return decode_program(data)


def _terms(machine: Machine) -> Mapping[str, int]:
    return {**dict(machine.items()), "sram_bytes": machine.sram_bytes}


SN40L_TARGET = Target["Machine", "Program"](
    name="sn40l",
    level="rdu",
    pipeline=pipeline,
    machine=machine_of,
    set_machine=set_machine,
    compile=_compile,
    time=_late("timing", "time_program"),
    dump=_late("serialize", "dump_program"),
    recognises=_recognises,
    load=_load,
    tied=_late("digests", "TIES.tied"),
    provenance=_late("digests", "TIES.provenance"),
    verification=Verification(
        _static_checks, _late("emit", "emit_program"), _load_unchecked, _late("digests", "TIES.of_other_ir")
    ),
    run=_late("execution", "start_run"),
    context=_late("positions", "context_length"),
    memory=_late("usage", "memory_map"),
    floorplan=_late("floorplan", "floorplan_of"),
    has_details=True,
    has_experts=True,
    measures=_late("usage", "measures"),
    slacks=_late("usage", "memory_slacks"),
    terms=_terms,
)
