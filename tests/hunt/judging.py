"""What becomes of a changed program: who refuses it, or what it gives, beside what its model says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from edits import Mutant
from normal import declared, same
from originals import SEED, Given, Original

from kl.backends.runs import RunOptions
from kl.backends.safetensors import CheckpointError
from kl.backends.sn40l import check
from kl.backends.sn40l.digests import TIES
from kl.backends.sn40l.errors import ExecutionError, ProgramError
from kl.backends.sn40l.execution import Executor, read_weights
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import position_inputs
from kl.backends.sn40l.program import VERSION, Program
from kl.backends.sn40l.selections import selections_of
from kl.backends.sn40l.serialize import FORMAT, parse_program
from kl.backends.sn40l.timing import time_program
from kl.backends.targets import TargetError, TimeOptions, Timing
from kl.backends.tensors import Array
from kl.tools.reference import differing

STATIC, WEIGHTS, TIMING = "static", "weights", "timing"
SAME, SLOWER, CHOSEN = "same", "slower", "faster by choice"
MODEL, UNPROVEN = "model", "unproven"
FASTER, REPORTED, LATE, TIMES = "faster", "reported", "data alone", "other times"
UNNOTICED = "unnoticed by its digests"
FINDINGS = (FASTER, REPORTED, LATE, TIMES, UNNOTICED)
"""Verdicts that no mutant may have."""


@dataclass(frozen=True)
class Verdict:
    """What becomes of a mutant."""

    name: str
    """One of those above."""
    by: str = ""
    """The check that refuses it, or what differs."""
    detail: str = ""
    """The message, or both numbers."""


def judge(original: Original, mutant: Mutant) -> Verdict:
    """Check, time and run a mutant of a program, and compare what it gives with what the model says."""
    try:
        program = _loaded(original, mutant.program)
    except ProgramError as error:
        return Verdict(STATIC, "load", str(error))
    if program == original.program:
        return Verdict(SAME, "as it was read")
    if not TIES.provenance(program).edited:
        return Verdict(UNNOTICED)
    return _judged(original, replace(program, digests=TIES.digests(program)))


def judge_trusted(original: Original, mutant: Mutant) -> Verdict:
    """The same of a program with the digests that it had, as `--trust` lets it pass."""
    try:
        return _judged(original, _loaded(original, mutant.program))
    except ProgramError as error:
        return Verdict(STATIC, "load", str(error))


def _judged(original: Original, program: Program) -> Verdict:
    for one in check.CHECKS:
        try:
            one.run(program)
        except ProgramError as error:
            return Verdict(STATIC, one.name, str(error))
    try:
        timing = _timed(program, None)
    except (TargetError, ExecutionError, ProgramError) as error:
        return Verdict(TIMING, type(error.__cause__ or error).__name__, str(error))
    try:
        weights = read_weights(program, RunOptions(weights=original.checkpoint, seed=SEED)).arrays
    except (CheckpointError, ProgramError) as error:
        return Verdict(WEIGHTS, type(error).__name__, str(error))
    found, cycles = _run(original, program, weights)
    return found or _accepted(original, program, timing, cycles)


def _loaded(original: Original, program: Any) -> Program:
    """A program that was edited in its file: it has the digests that it had.

    Raises: ProgramError.
    """
    whole = {"format": FORMAT, "version": VERSION, "program": program, "digests": original.digests}
    return parse_program(json.dumps(whole))


def _timed(program: Program, position: int | None) -> Timing:
    return time_program(program, TimeOptions(position), lambda *_: None)


def _run(original: Original, program: Program, weights: Any) -> tuple[Verdict | None, int]:
    """Run the calls of the original; no verdict if all is as its model says. And the cycles of the last."""
    position, cycles = 0, 0
    try:
        executor = Executor(program, weights)
        for call in original.calls:
            position = call.position
            difference, cycles = _call(executor, call)
            if difference:
                return Verdict(MODEL, difference), cycles
    except (ExecutionError, ProgramError) as error:
        return _refused(program, position, error), cycles
    return None, cycles


def _refused(program: Program, position: int, error: ExecutionError | ProgramError) -> Verdict:
    """A run with data ends in an error: timing at the same position must end in one, too."""
    try:
        time_step(program, position_inputs(program, position))
    except (ExecutionError, ProgramError) as timed:
        return Verdict(TIMING, f"{type(timed).__name__} at its position", str(timed))
    return Verdict(LATE, type(error).__name__, str(error))


def _call(executor: Executor, call: Given) -> tuple[str, int]:
    """What differs from what the model says after a call, nothing if it is empty; and its cycles."""
    program = executor.program
    specs = {region.name: region.tensor for region in program.regions}
    if len(program.inputs) != len(call.inputs):
        return "the number of inputs", 0
    inputs = dict(zip(program.inputs, call.inputs, strict=True))
    if len(inputs) != len(call.inputs) or not all(specs[name].fits(one) for name, one in inputs.items()):
        return "an input", 0
    result = executor.step(inputs)
    cycles = result.report.cycles
    if not _same([result.outputs[name] for name in program.outputs], call.outputs):
        return "outputs", cycles
    labels = [[label for label, _ in one] for one in (result.observed, call.observed)]
    values = [[value for _, value in one] for one in (result.observed, call.observed)]
    if labels[0] != labels[1] or not _same(*values):
        return "what the host reads", cycles
    for (name, socket), value in call.states.items():
        if name not in specs or socket >= program.machine.sockets:
            return "the states", cycles
        if not _equal(executor.read(name, socket), value):
            return "a state", cycles
    return "", cycles


def _accepted(original: Original, program: Program, timing: Timing, cycles: int) -> Verdict:
    """What is said of a program that nobody refuses, and that gives what its model says."""
    usual, mine, known = original.timing, timing.report, original.timing.report
    if _declared(program) != _declared(original.program):
        return Verdict(MODEL, "a weight's declaration")
    has_experts = selections_of(program) is not None  # without data, others are chosen
    alike = original.calls[-1].cycles == usual.cycles and not has_experts
    if alike and cycles != timing.cycles:
        return Verdict(TIMES, detail=f"with data {cycles}, without {timing.cycles}")
    if not same(program, original.program):
        speed = (
            "faster" if mine.cycles < known.cycles else "slower" if mine.cycles > known.cycles else "as fast"
        )
        return Verdict(UNPROVEN, speed)
    if (mine.tokens, mine.steps, mine.flops, mine.wide_flops) != (
        known.tokens,
        known.steps,
        known.flops,
        known.wide_flops,
    ):
        return Verdict(REPORTED, detail=f"{mine.tokens} tokens, {mine.flops} FLOPs")
    if mine.cycles < known.cycles:
        return Verdict(CHOSEN, detail=f"{known.cycles} cycles, now {mine.cycles}")
    return Verdict(SLOWER if mine.cycles > known.cycles else SAME)


def _declared(program: Program) -> dict[str, Any]:
    """What is said of the weights."""
    return {region.name: declared(region) for region in program.regions if region.kind == "weight"}


def _same(mine: Sequence[Array], wanted: Sequence[Array]) -> bool:
    return len(mine) == len(wanted) and all(map(_equal, mine, wanted))


def _equal(mine: Array, wanted: Array) -> bool:
    if (mine.dtype, mine.shape) != (wanted.dtype, wanted.shape):
        return False
    return mine.tobytes() == wanted.tobytes() or not np.any(differing(mine, wanted))
