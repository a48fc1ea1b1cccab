"""Measured decode on GPUs beside ours: the form fixed, the constants fitted with each generation held out.

`data/gpu_decode.csv` has the points, `accuracy_extract.py` says where from. What a step does is compiled by
`kl` from the model's config, kernel by kernel, and kept in `data/gpu_steps.json`; a point is timed at the
mean position of what was measured, input + output / 2. Assumed: caches are f8e4m3 where matrices are fp8 or
fp4.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

from kl.backends.sequence.constants import OF_A_MACHINE, Constant, Observation, Values, predicted
from kl.backends.sequence.fitting import fitted, groups_of, held_out, priors, with_one_point
from kl.backends.sequence.program import load_program
from kl.backends.sequence.work import StepWork
from kl.dialects.sequence_machine import H100, SequenceMachine
from kl.tools.calibration.steps import program_of
from kl.tools.calibration.tables import Model
from kl.tools.machine_files import find_machine
from kl.tools.universe import find_target

DATA = Path(__file__).parent / "data"
STEPS, FITS = DATA / "gpu_steps.json", DATA / "gpu_constants.json"
COMMAND = ".venv/bin/python benchmarks/accuracy.py --compile --fit"
LOW_BATCH = "low batch"
TYPES = {"bf16": ("", ""), "fp8": ("f8e4m3", "f8e4m3"), "nvfp4": ("nvfp4", "f8e4m3")}
"""How matrices and caches are stored."""
GENERATIONS = {"h100": "Hopper", "h200": "Hopper", "b200": "Blackwell", "gb200": "Blackwell"}
MACHINES = {"gb200": "b200"}
"""Machines without a file of their own: a GB200 has the GPUs of a B200."""
CONTEXT = 16_384
"""Positions that caches have room for; a step reads those up to its own."""


def constants() -> tuple[Constant, ...]:
    """What is fitted to the points: that of one machine, but an efficiency for each generation and a constant
    for each serving stack."""
    by_name = {one.parameter: one for one in OF_A_MACHINE}
    stream, serving = by_name.pop("memory_permille"), by_name.pop("serving_ns")
    blackwell = replace(stream, name="stream efficiency, Blackwell", prior=750, factor=1.1, tag="Blackwell")
    return (
        *by_name.values(),
        replace(stream, name="stream efficiency, Hopper", tag="Hopper"),
        replace(blackwell, source="Assumed: 0.75, as published decode on B200 suggests"),
        replace(serving, name="TensorRT-LLM, a step", prior=300_000, tag="trtllm", source="0.3 ms"),
        replace(serving, name="vLLM, a step", prior=950_000, tag="vllm", source="0.9 to 1.0 ms"),
    )  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A measured point."""

    id: str
    set: str
    group: str
    machine: str
    backend: str
    model: str
    type: str
    batch: int
    input: int
    output: int
    tp: int
    milliseconds: float

    @property
    def asked(self) -> Model:
        """What is compiled for it."""
        stored, caches = TYPES[self.type]
        config = DATA / f"configs/{self.model}.json"
        return Model(str(config), (), self.batch, self.tp, stored, caches)

    @property
    def key(self) -> str:
        """Of its step."""
        return f"{self.model} {self.type} batch={self.batch} tp={self.tp}"

    @property
    def label(self) -> str:
        """As readers see it."""
        where = f"{self.machine} x {self.tp}, {self.backend}"
        return f"{self.model} {self.type}, {where}, batch {self.batch}, {self.input}/{self.output}"


@cache
def machine(name: str) -> SequenceMachine:
    """A machine of ours, one processor of it."""
    return H100.with_values({**find_machine(MACHINES.get(name, name)).values})


@cache
def rows() -> tuple[Row, ...]:
    """All points."""
    numbers = ("batch", "input", "output", "tp")
    with (DATA / "gpu_decode.csv").open(encoding="utf-8") as file:
        return tuple(
            Row(**{**row, **{n: int(row[n]) for n in numbers}, "milliseconds": float(row["milliseconds"])})
            for row in csv.DictReader(file)
        )


def compile_steps() -> None:
    """Compile the steps of all points anew, and keep them: a program a line."""
    target, largest = find_target("sequence"), dict(machine("b200").items())
    lines: dict[str, str] = {}
    for row in rows():
        if row.key not in lines:
            text = target.dump(program_of(target, largest, row.asked, CONTEXT))
            lines[row.key] = json.dumps(json.loads(text), separators=(",", ":"))
            print(row.key, flush=True)
    body = ",\n".join(f"{json.dumps(key)}:{text}" for key, text in lines.items())
    STEPS.write_text(f"{{\n{body}\n}}\n", encoding="utf-8")


@cache
def steps() -> Mapping[str, StepWork]:
    """What each step does."""
    kept = json.loads(STEPS.read_bytes())
    return {key: load_program(json.dumps(program).encode()).work for key, program in kept.items()}


@cache
def observed(row: Row) -> Observation:
    """A point for the fit."""
    its = machine(row.machine).with_values({"sockets": row.tp})
    tags = frozenset((GENERATIONS[row.machine], row.backend))
    position = row.input + row.output // 2
    return Observation(row.id, steps()[row.key], its, position, row.milliseconds / 1e3, row.group, tags)


def low_batch() -> tuple[Observation, ...]:
    """The 31 points that have a bar."""
    return tuple(observed(row) for row in rows() if row.set == LOW_BATCH)


@dataclass(frozen=True)
class Fits:
    """Constants as they were fitted, kept in `data/gpu_constants.json` with the command that made them."""

    command: str
    in_sample: Values
    held_out: Mapping[str, Values]
    """By the generation that had no part in them."""
    one_point: Mapping[str, tuple[float, ...]]
    """Relative errors of the other points of a generation by the constants of the others and one point of it,
    which is each in turn."""

    def errors(self, *, held_out: bool) -> dict[str, float]:
        """Relative errors of the 31 points by their ids, with today's solver."""
        return {one.name: self.error(one, held_out=held_out) for one in low_batch()}

    def error(self, one: Observation, *, held_out: bool = True) -> float:
        """Of a point; of a generation that had a part in all fits by those to all."""
        values = self.held_out.get(one.group, self.in_sample) if held_out else self.in_sample
        return predicted(one, constants(), values) / one.seconds - 1


def fit() -> Fits:
    """All fits."""
    points, its = low_batch(), constants()
    by_group = {one.observation.group: one.values for one in held_out(points, its)}
    one_point: dict[str, list[float]] = {group: [] for group in groups_of(points)}
    for known, rest in with_one_point(points, its):
        one_point[known.group] += [one.error for one in rest]
    errors = {group: tuple(found) for group, found in one_point.items()}
    return Fits(COMMAND, fitted(points, its, priors(its)), by_group, errors)


def by_point(errors: Sequence[float]) -> list[float]:
    """The mean size of each point's errors, of those of `Fits.one_point`: all but the known one, n times."""
    count = math.isqrt(len(errors)) + 1
    found: list[list[float]] = [[] for _ in range(count)]
    for number, error in enumerate(errors):
        known, place = divmod(number, count - 1)
        found[place + (place >= known)].append(abs(error))
    return [statistics.mean(its) for its in found]


def keep(fits: Fits) -> None:
    """Write the constants."""
    FITS.write_text(json.dumps(asdict(fits), indent=1) + "\n", encoding="utf-8")


@cache
def kept() -> Fits:
    """The constants that were kept."""
    return Fits(**json.loads(FITS.read_bytes()))


@cache
def peer(name: str) -> Mapping[str, float]:
    """What another estimator says of the 31 points: relative errors by their ids."""
    measured = {row.id: row.milliseconds for row in rows()}
    with (DATA / f"peers_{name}.csv").open(encoding="utf-8") as file:
        return {
            row["id"]: float(row["milliseconds"]) / measured[row["id"]] - 1 for row in csv.DictReader(file)
        }
