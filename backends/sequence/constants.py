"""What is fitted to measurements: a few constants, each with what is known of it before.

The form of the model is in `costs.py`; nothing here changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...dialects.sequence_machine import SequenceMachine
from .costs import Conditions, step_seconds
from .work import StepWork

Values = Mapping[str, float]
"""What constants are, by their names."""


@dataclass(frozen=True)
class Constant:
    """A number of machines that is fitted, with its prior."""

    name: str
    parameter: str
    """The parameter of the machine that it is, or is a part of."""
    prior: float
    """In the unit of the parameter, or as a share of another one."""
    factor: float
    """From prior / factor to prior · factor is one standard deviation, of its logarithm."""
    source: str
    of: str = ""
    """The parameter that it is a share of; empty for one that is a number itself."""
    tag: str = ""
    """It holds for observations that have this tag; empty for all."""
    needs: str = ""
    """What a step must have for the constant to matter, see `features`; empty for every step."""


@dataclass(frozen=True)
class Observation:
    """A measured decode step: what it does, where, and how long it took."""

    name: str
    work: StepWork
    machine: SequenceMachine
    """With its sockets, before it is calibrated."""
    position: int
    """Of the token, the mean one of what was measured."""
    seconds: float
    group: str
    """What is held out together."""
    tags: frozenset[str] = frozenset()


def features(work: StepWork) -> frozenset[str]:
    """What a step has: `caches`, `exchanges`, `quantised` rows."""
    phases = [phase for kernel in work.kernels for phase, _ in kernel.phases]
    found = {
        "caches": any(phase.cache_reads for phase in phases),
        "exchanges": work.sockets > 1 and any(phase.exchanges for phase in phases),
        "quantised": any(phase.quantised for phase in phases),
    }
    return frozenset(name for name, is_there in found.items() if is_there)


def applies(constant: Constant, observation: Observation) -> bool:
    """Whether the time of a step depends on a constant."""
    tagged = not constant.tag or constant.tag in observation.tags
    return tagged and (not constant.needs or constant.needs in features(observation.work))


def calibrated(machine: SequenceMachine, constants: Iterable[Constant], values: Values) -> SequenceMachine:
    """A machine with its constants, rounded to whole numbers; shares are those of the new values.

    Raises: ValueError for values that no machine has.
    """
    ordered = sorted(constants, key=lambda one: bool(one.of))
    for one in ordered:
        whole = getattr(machine, one.of) if one.of else 1
        machine = machine.with_values({one.parameter: round(values[one.name] * whole)})
    return machine


def predicted(observation: Observation, constants: Iterable[Constant], values: Values) -> float:
    """Seconds of a step with those of the constants that apply to it."""
    return timed(observation, [one for one in constants if applies(one, observation)], values)


def timed(observation: Observation, its: Sequence[Constant], values: Values) -> float:
    """Seconds of a step with its constants, all of which apply to it."""
    machine = calibrated(observation.machine, its, values)
    return step_seconds(machine, observation.work, Conditions(observation.position))


def rebased(constants: Iterable[Constant], machine: SequenceMachine) -> Iterator[Constant]:
    """Constants whose priors are what a machine has, where it has anything."""
    for one in constants:
        has = getattr(machine, one.parameter) / (getattr(machine, one.of) if one.of else 1)
        yield replace(one, prior=has or one.prior)


OF_A_MACHINE: Sequence[Constant] = (
    Constant(
        "gap of a kernel", "launch_ns", 2_100, 2.0,
        "H100: a launch takes 2.1 us on a stream, 1.3 us in a graph, a kernel stalls 4 to 5 us in all",
    ),
    Constant(
        "stream efficiency", "memory_permille", 900, 1.05,
        "H100, H200: copies reach 0.90 to 0.93 of the bandwidth",
    ),
    Constant(
        "KV reads, share of that", "cache_permille", 0.6, 1.25,
        "Assumed: short runs, few rows at a time", of="memory_permille", needs="caches",
    ),
    Constant(
        "quantise kernel, permille of a gap", "quantise_permille", 750, 1.4,
        "Assumed: 0.5 to 1 gap each, 4 a layer", needs="quantised",
    ),
    Constant(
        "start of a collective", "collective_ns", 6_000, 1.5,
        "the smallest all-reduce takes 8 us in all on a switch; NCCL on 4 H100 takes 22.7 us",
        needs="exchanges",
    ),
    Constant(
        "serving stack, a step", "serving_ns", 300_000, 1.5,
        "TensorRT-LLM 0.3 ms, vLLM 0.9 to 1.0 ms, SGLang 1.0 ms",
    ),
)  # fmt: skip
"""Of one machine and one serving stack, for `kl calibrate`. Which these are is fixed before any error is
looked at."""
