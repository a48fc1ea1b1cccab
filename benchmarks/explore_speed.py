"""How long the explorer takes to suggest a point, and a study to keep what came of it.

Run from the repository root: `.venv/bin/python benchmarks/explore_speed.py [suggest|keep|profile] [N]`.
All times are user time, in milliseconds.

- `suggest`: a suggestion of the default method on wide spaces, around N (default: 200 and 1,000).
- `keep`: what a study adds to an evaluation, around 100, 1,000 and up to N (default: 10,000), in an
  SQLite file with random points of ten parameters; and how much of it is Optuna's storage.
- `profile`: where the time of suggestions goes.
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from kl.explore.encoding import column_names, encode
from kl.explore.history import Objective
from kl.explore.optimizer import Optimizer, Settings
from kl.explore.outcome import Outcome, Trial
from kl.explore.parameters import Categorical, Integer, Ordinal, Parameter, Real, Value
from kl.explore.space import Point, Space
from kl.explore.studies.study import StudyPlan, open_study

SUGGESTIONS = (200, 1000)
KEPT = (100, 1000, 10_000)
LAST = 50
"""Figures are of so many evaluations, the last up to a number."""

GOALS = (Objective("f0"), Objective("f1"))


def ten_integers() -> Space:
    """Ten dimensions."""
    return Space(tuple(Integer(f"x{index}", 0, 100) for index in range(10)))


def fifty_mixed() -> Space:
    """Fifty parameters of five kinds, with constraints across some of them."""
    parameters: list[Parameter] = []
    for index in range(10):
        parameters += [
            Real(f"real{index}", 0.1, 10, "log"),
            Integer(f"integer{index}", 1, 1000),
            Integer(f"power{index}", 1, 1024, "pow2"),
            Categorical(f"kind{index}", ("a", "b", "c", "d")),
            Ordinal(f"level{index}", tuple(range(8))),
        ]
    return Space(tuple(parameters), ("power0 % power1 == 0", "integer0 + integer1 <= 1500"))


def twenty_categories() -> Space:
    """Twenty categoricals of 64 values each."""
    return Space(tuple(Categorical(f"kind{index}", tuple(range(64))) for index in range(20)))


SPACES = {"10 integers": ten_integers, "50 mixed": fifty_mixed, "20 x 64 values": twenty_categories}


def user_seconds() -> float:
    """The user time of this process, finer than the ticks of `os.times`."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def evaluate(
    space: Space, point: Mapping[str, Value], weights: np.ndarray
) -> tuple[tuple[float, float], float]:
    """Two objectives at odds that depend on all parameters, and a slack."""
    row = encode(space, [point])[0]
    mixed = np.tanh(weights @ row / np.sqrt(len(row) / 12 + 1))
    return (1 + float(((mixed - 0.2) ** 2).sum()), 1 + float(((mixed + 0.2) ** 2).sum())), float(mixed[0])


def suggest(space: Space, evaluations: int, tell_slacks: bool) -> tuple[list[float], int]:
    """Seconds of each suggestion, and the size of the front at the end."""
    optimizer = Optimizer(space, GOALS, np.random.default_rng(1))
    weights = np.random.default_rng(0).standard_normal((5, len(column_names(space))))
    seconds: list[float] = []
    for _ in range(evaluations):
        start = user_seconds()
        (point,) = optimizer.ask()
        seconds.append(user_seconds() - start)
        values, slack = evaluate(space, point, weights)
        optimizer.tell(point, values, {"slack": slack} if tell_slacks else None, feasible=slack <= 0)
    return seconds, len(optimizer.front())


def show_suggestions(counts: Sequence[int]) -> None:
    """Median and 95th percentile of the suggestions before each of some numbers of evaluations."""
    table = Table("space", "told", "evaluations", "median", "95 %", "slowest", "front")
    for name, make in SPACES.items():
        for told in ("slacks", "flags"):
            seconds, front = suggest(make(), max(counts), told == "slacks")
            for count in counts:
                last = np.array(seconds[max(count - LAST, 0) : count]) * 1000
                figures = [np.median(last), np.percentile(last, 95), last.max()]
                shown = [f"{figure:.0f}" for figure in figures]
                table.add_row(name, told, f"{count}", *shown, f"{front}" if count == max(counts) else "")
    Console(width=100).print(table)


class Clock:
    """Adds up the user time and the time that pass within calls of some methods of objects."""

    def __init__(self, *watched: tuple[object, Sequence[str]]):
        self.user = self.all = 0.0
        self._depth = 0
        for owner, names in watched:
            for name in names:
                setattr(owner, name, self._timed(getattr(owner, name)))

    def _timed(self, method: Callable[..., object]) -> Callable[..., object]:
        def timed(*arguments: object, **named: object) -> object:
            self._depth += 1
            user, start = user_seconds(), time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.user += user_seconds() - user
                    self.all += time.perf_counter() - start

        return timed


READS = ("get_all_trials", "get_trial_id_from_study_id_trial_number", "get_study_id_from_name")
WRITES = ("create_new_trial", "set_trial_user_attr")


def keep(evaluations: int) -> list[tuple[float, ...]]:
    """After each evaluation: user time, of it in reads and writes of the storage; the same of all time."""

    def measure(point: Point) -> Outcome:
        first, second = (float(value) for value in (point["x0"], point["x1"]) if isinstance(value, int))
        return Outcome((first, second - first))

    def note(trial: Trial) -> None:
        times.append((user_seconds(), reads.user, writes.user, time.perf_counter(), reads.all, writes.all))

    times: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        plan = StudyPlan("speed", ten_integers(), GOALS, Settings(method="random"), 1)
        study = open_study(plan, str(Path(folder) / "speed.db"))
        storage: Any = study.optuna._storage  # pyright: ignore[reportPrivateUsage]
        reads, writes = Clock((storage, READS)), Clock((storage, WRITES), (storage._backend, ("end",)))
        study.run(measure, evaluations, isolate=False, on_trial=note)
    return times


def show_keeping(counts: Sequence[int]) -> None:
    """The average around each of some numbers of evaluations."""
    times = np.array(keep(max(counts))) * 1000
    table = Table("evaluations", "user", "reads", "writes", "ours", "all time", "reads", "writes", "ours")
    for count in counts:
        mean = (times[count - 1] - times[count - LAST]) / (LAST - 1)
        parts = [part for whole, *of in (mean[:3], mean[3:]) for part in (whole, *of, whole - sum(of))]
        table.add_row(f"{count}", *(f"{part:.1f}" for part in parts))
    Console(width=100).print(table)


def main() -> None:
    """Measure and print."""
    what = sys.argv[1] if len(sys.argv) > 1 else "suggest"
    given = int(sys.argv[2]) if len(sys.argv) > 2 else None
    match what:
        case "suggest":
            show_suggestions(SUGGESTIONS if given is None else [given])
        case "keep":
            show_keeping(KEPT if given is None else [*(n for n in KEPT if n < given), given])
        case "profile":
            with cProfile.Profile() as profile:
                suggest(ten_integers(), given or max(SUGGESTIONS), tell_slacks=True)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        case _:
            sys.exit(f"{what!r} is none of suggest, keep, profile")


if __name__ == "__main__":
    main()
