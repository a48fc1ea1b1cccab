"""Two mapping spaces of the compiler itself, small enough to compile and time every point once.

The results are in `data/`, in the order of the points of the space, so that the benchmark looks them up. They
are of the compiler as it was then; made by `.venv/bin/python benchmarks/mapping_spaces.py NAME` from the root
of the repository, some ten minutes each.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from problems import Answer, Problem

from kl.explore.parameters import Categorical, Condition, Ordinal, Value
from kl.explore.space import Space

ROOT = Path(__file__).parent.parent
DATA = Path(__file__).parent / "data"
OBJECTIVES = ("latency", "units")

SLACKS = ("pcus", "pmus", "links", "hbm")
"""What a pipeline says of its resources; those that it did not reach are missing."""


@dataclass(frozen=True)
class MappingCase:
    """A model on a machine, and the values of the knobs."""

    name: str
    machine: tuple[tuple[str, int], ...]
    tile_bytes: tuple[int, ...]
    percents: tuple[int, ...]
    """Of the units that a kernel may have, for PMUs and PCUs each."""
    retained: tuple[int, ...]
    """Per cent of the memory that weights may stay in."""
    reference: tuple[float, float]

    @cached_property
    def space(self) -> Space:
        """The knobs; the last ones are of the last passes, so that neighbours share most of a pipeline."""
        return Space(
            (
                Ordinal("outline-kernels.granularity", ("op", "layer")),
                Categorical("loop-kernels", (True, False)),
                Ordinal("tile-stages.tile-bytes", self.tile_bytes, prior="exponential"),
                Categorical("retain-weights", (False, True)),
                Ordinal(
                    "retain-weights.percent",
                    self.retained,
                    prior="exponential",
                    when=Condition("retain-weights", (True,)),
                ),
                Ordinal("allocate-units.percent", self.percents),
                Ordinal("allocate-units.pcu-percent", self.percents),
            )
        )

    @property
    def file(self) -> Path:
        """Where the results are."""
        return DATA / f"mapping_{self.name}.npz"


ROOMY = MappingCase(
    "roomy",
    (("sockets", 8),),
    (65536, 262144, 1048576),
    (5, 7, 10, 14, 20, 28, 40, 60, 90),
    (60, 90),
    (4e-4, 1400.0),
)
"""Llama 3.2 1B with two layers on eight sockets: most mappings fit."""

TIGHT = MappingCase(
    "tight",
    (("pmus", 96), ("pcus", 96), ("grid_columns", 6), ("rdn_bytes_per_cycle", 56)),
    (1048576, 2097152, 4194304),
    (5, 8, 12, 16, 20, 30, 50, 75),
    (30, 60, 90),
    (5e-3, 100.0),
)
"""The same model on a small machine with narrow links: hardly a mapping fits."""

CASES = (ROOMY, TIGHT)


@dataclass(frozen=True)
class Results:
    """What came of all points of a space: NaN where a point has no objectives or lacks a slack."""

    values: np.ndarray
    slacks: np.ndarray
    feasible: np.ndarray


def load(case: MappingCase) -> Results:
    """The kept results."""
    with np.load(case.file) as file:
        return Results(file["values"], file["slacks"], file["feasible"])


@cache
def mapping_problem(case: MappingCase) -> Problem:
    """The problem that looks points up."""
    results = load(case)
    places = {case.space.key(point): place for place, point in enumerate(case.space.points())}

    def evaluate(point: Mapping[str, Value]) -> Answer:
        place = places[case.space.key(point)]
        values, slacks = results.values[place], results.slacks[place]
        named = {name: float(slack) for name, slack in zip(SLACKS, slacks, strict=True) if np.isfinite(slack)}
        known = tuple(map(float, values)) if np.isfinite(values).all() else None
        return Answer(known, named, bool(results.feasible[place]))

    def everything() -> tuple[np.ndarray, np.ndarray]:
        return results.values, results.feasible

    return Problem(f"mapping-{case.name}", case.space, evaluate, everything, case.reference)


def measure(case: MappingCase) -> Results:
    """Compile and time every point."""
    from kl.tools.tuning.evaluation import MappingEvaluation, Source, workbench
    from kl.tools.tuning.space import default_template, mapping_space

    source = Source(str(ROOT / "examples" / "llama3_2_1b.kl"), (("layers", 2),), case.machine)
    template = default_template(sockets=dict(case.machine).get("sockets", 1))
    evaluate = MappingEvaluation(source, mapping_space(template, workbench(source).module), OBJECTIVES)
    outcomes = [evaluate(point) for point in case.space.points()]
    nothing = (np.nan,) * len(OBJECTIVES)
    return Results(
        np.array([outcome.values or nothing for outcome in outcomes]),
        np.array([[outcome.slacks.get(name, np.nan) for name in SLACKS] for outcome in outcomes]),
        np.array([outcome.status == "feasible" for outcome in outcomes]),
    )


def main() -> None:
    """Measure the case that the command names and keep its results."""
    (case,) = [case for case in CASES if case.name == sys.argv[1]]
    results = measure(case)
    np.savez_compressed(case.file, values=results.values, slacks=results.slacks, feasible=results.feasible)
    print(f"{case.file}: {len(results.feasible)} points, {results.feasible.mean():.1%} feasible")


if __name__ == "__main__":
    main()
