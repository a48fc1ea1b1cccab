"""The time of a step on this computer: measured, never modelled.

A program gets seeded random weights and caches that are full of random numbers, so that nothing is read that
the system has never written. Several programs are measured in turn, round by round: what else the computer
does then meets all of them alike.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from time import perf_counter
from typing import Any

import numpy as np

from ...dialects.kernel import CallOp
from ..measured import Measured
from ..runs import CallLoop, Progress
from ..sequence.facts import step_work
from ..signatures import Signature, first_inputs
from ..specs import weight_specs
from ..tables import bytes_text, time_text
from ..targets import TargetError, TimeOptions, Timing
from ..tensors import Array
from ..weight_specs import WeightSpec
from ..weights import Weights, seeded_weights
from .execution import Executor
from .program import Program
from .running import check_position, context_of, signature_of

FEWEST_CALLS = 5
"""That are measured of a program, however long they take."""
FEWEST_ROUNDS = 9
"""Of programs that are measured in turn: a median's interval then leaves out the extremes."""
MOST_CALLS = 2_000
"""More say nothing new."""
WARM_SECONDS = 0.2
"""Calls run so long before any is measured: memory is touched, threads are awake, clocks are up."""
SECONDS = 1.0
"""Calls of a program are measured at least so long, if there are not `MOST_CALLS`."""
LONGEST_SECONDS = 20.0
"""After so long no more calls of a program are made, be they fewer than wanted."""
SEED = 0
"""Of weights, caches and inputs."""
LEGEND = (
    "times are measured on this computer, variants in turn, round by round; a speedup is the median over "
    "rounds, and behind it the interval that holds this median with 95 % confidence"
)
"""What the numbers of `kl compare` are."""


@dataclass(frozen=True)
class Measurement:
    """A program in memory at a position, ready to be called again and again."""

    program: Program
    position: int
    """Of the first step of a call."""

    @cached_property
    def signature(self) -> Signature:
        """What the program takes and keeps."""
        return signature_of(self.program)

    @cached_property
    def inputs(self) -> list[Array]:
        """Of each call: all calls are at the same position."""
        own, program = self.signature, self.program
        loop = CallLoop(own.inputs, own.rows, program.steps, program.stop_token)
        inputs = first_inputs(own.inputs, own.rows, SEED)
        for name, value in loop.position_inputs(self.position).items():
            inputs[name] = np.asarray(value, own.inputs[name].numpy_dtype)
        return [inputs[name] for name in own.inputs]

    @cached_property
    def executor(self) -> Executor:
        """The program in memory, its caches full."""
        executor = Executor(self.program, _weights(tuple(weight_specs(self.program.module))))
        block = np.random.default_rng(SEED).normal(size=1 << 16)
        for state in executor.states.values():
            if state.dtype.kind not in "iub":
                state[...] = np.resize(block, state.shape).astype(state.dtype)
        return executor

    @property
    def kernel_calls(self) -> int:
        """Calls of kernels in one of the program."""
        return sum(isinstance(op, CallOp) for op in self.program.schedule.body.block.ops)

    def prepare(self) -> None:
        """Load the program, and call it until it runs as it will go on to.

        Raises: TargetError where it cannot run.
        """
        self.executor.step(self.inputs)
        start = perf_counter()
        while perf_counter() - start < WARM_SECONDS:
            self.executor.run_calls()

    def call(self) -> float:
        """Seconds of one call of the program."""
        self.executor.open()
        start = perf_counter()
        self.executor.run_calls()
        return perf_counter() - start

    def whole_step(self) -> float:
        """Seconds of one call with what Python does for it: inputs, tables of rotations, outputs."""
        start = perf_counter()
        self.executor.step(self.inputs)
        return perf_counter() - start


@lru_cache(maxsize=1)
def _weights(specs: tuple[WeightSpec, ...]) -> Weights:
    """Random weights; variants of a model share them."""
    return seeded_weights(specs, SEED)


def time_program(program: Program, options: TimeOptions, progress: Progress) -> Timing:
    """Measure one call of a program, again and again.

    Raises: TargetError for a position outside the caches, an option that means nothing here, or a program
        that cannot run.
    """
    (timing,) = time_together([program], [options], progress)
    return timing


def time_together(
    programs: Sequence[Program], options: Sequence[TimeOptions], progress: Progress
) -> list[Timing]:
    """Measure one call of each program, in turn, round by round.

    Raises: TargetError as `time_program` does.
    """
    measurements = [
        Measurement(*pair) for pair in zip(programs, map(_position, programs, options), strict=True)
    ]
    for one in measurements:
        one.prepare()
    is_alone = len(measurements) == 1
    rounds = FEWEST_CALLS if is_alone else FEWEST_ROUNDS
    samples = measured_in_turn([one.call for one in measurements], rounds, progress)
    return [_timing(*pair) for pair in zip(measurements, samples, strict=True)]


def measured_in_turn(
    calls: Sequence[Callable[[], float]], rounds: int, progress: Progress = lambda done, whole: None
) -> list[Measured]:
    """Make all calls, round by round, each first in turn; every call tells how many seconds it took.

    There are so many `rounds` at least, and as many as last `SECONDS` for each call; none begins after
    `LONGEST_SECONDS` for each.
    """
    samples = [list[float]() for _ in calls]
    start, count = perf_counter(), len(calls)
    is_on = gc.isenabled()
    gc.disable()
    try:
        for done in range(MOST_CALLS):
            passed = (perf_counter() - start) / count
            if done and (passed >= LONGEST_SECONDS or (passed >= SECONDS and done >= rounds)):
                break
            progress(min(done, rounds), rounds + 1)
            for number in (*range(done % count, count), *range(done % count)):
                samples[number].append(calls[number]())
    finally:
        if is_on:
            gc.enable()
    progress(1, 1)
    return [Measured(tuple(one)) for one in samples]


def _position(program: Program, options: TimeOptions) -> int:
    """The position of a call's first step: if nothing is said the last one that there is room for.

    Raises: TargetError for one outside the caches, and for options that mean nothing here.
    """
    if options.orchestration != "hardware":
        raise TargetError(
            "on this computer the program's own threads go from kernel to kernel; nobody else launches them",
            way_out="leave out --orchestration",
        )
    room, position = context_of(program), options.position
    if position is None:
        return max((room or 0) - program.steps, 0)
    check_position(program, position + program.steps - 1)
    return position


def _timing(one: Measurement, measured: Measured) -> Timing:
    program, seconds = one.program, measured.median
    tokens = next((spec.shape[0] for spec in one.signature.inputs.values() if spec.shape), 1) * program.steps
    whole = Measured(tuple(one.whole_step() for _ in range(FEWEST_CALLS)))
    low, high = measured.percentile(0.1), measured.percentile(0.9)
    read = _weight_bytes(program)
    rows = [
        ("measured", f"median of {len(measured.samples)} calls; 10th to 90th percentile {_range(low, high)}"),
        ("with Python", f"{time_text(whole.median)}: inputs, tables of rotations, outputs"),
    ]
    if read:
        rows.append(("weights", f"{bytes_text(read)} a step, read at {bytes_text(read / seconds)}/s"))
    return Timing(
        program.name,
        one.position,
        seconds,
        steps=program.steps,
        tokens=tokens,
        kernel_calls=one.kernel_calls,
        conditions=_conditions(program),
        legend=LEGEND,
        rows=tuple(rows),
        measured=measured,
        document=_document(program, measured, whole, read),
    )


def _conditions(program: Program) -> str:
    threads = f"{program.threads} thread{'s' if program.threads > 1 else ''}"
    return f"{threads}, {'exact' if program.is_exact else 'fast'}, measured on this computer"


def _range(low: float, high: float) -> str:
    return f"{time_text(low)} to {time_text(high)}"


def _weight_bytes(program: Program) -> float:
    """Bytes of weights that a step reads; 0 where it is not known, as for several steps a call."""
    if program.steps > 1:
        return 0.0
    try:
        work = step_work(program.module, program.name)
    except TargetError:
        return 0.0
    return sum(
        calls * times * one.weight_bytes for kernel, calls in work.counts for one, times in kernel.phases
    )


def _document(program: Program, measured: Measured, whole: Measured, read: float) -> dict[str, Any]:
    """What `kl time --json` has besides what all targets have."""
    return {
        "threads": program.threads,
        "is_exact": program.is_exact,
        "weight_bytes": read or None,
        "measured": {
            "calls": len(measured.samples),
            "median_seconds": measured.median,
            "percentile_10_seconds": measured.percentile(0.1),
            "percentile_90_seconds": measured.percentile(0.9),
            "with_python_seconds": whole.median,
        },
    }
