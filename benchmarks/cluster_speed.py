"""How many evaluations a Dask cluster of this machine does in a time, against one worker.

Run from the repository root: `.venv/bin/python benchmarks/cluster_speed.py [WORKERS ...]` (default: 1 and 2).
Evaluations sleep or compute for a tenth of a second each, and points are random. The time is from the first
evaluation's beginning to the last one's end, without what clusters and processes take to begin.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kl.explore.extras import load
from kl.explore.history import Objective
from kl.explore.optimizer import Settings
from kl.explore.outcome import Outcome
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space
from kl.explore.studies.study import StudyPlan, open_study

EVALUATIONS = 100
SECONDS = 0.1
"""How long an evaluation takes."""

ROUNDS = 1_000_000
"""Of the evaluations that compute."""

SPACE = Space((Integer("x", 0, 10**6),))


def sleeping(point: Point) -> Outcome:
    """An evaluation that waits, as for a measurement."""
    time.sleep(SECONDS)
    return _outcome(point, 0)


def computing(point: Point) -> Outcome:
    """An evaluation that needs a core."""
    total = 0
    for step in range(ROUNDS):
        total = (total * 31 + step) % 1_000_003
    return _outcome(point, total)


def per_second(evaluate: Callable[[Point], Outcome], workers: int) -> float:
    """Evaluations in a second on so many workers of one thread each."""
    plan = StudyPlan("speed", SPACE, (Objective("f"),), Settings(method="random"), seed=1)
    study = open_study(plan, None)
    with load("distributed").LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        study.run(evaluate, EVALUATIONS, jobs=workers, cluster=cluster.scheduler_address)
    trials = [trial for trial in study.trials() if trial.outcome.status == "feasible"]
    assert len({trial.point["x"] for trial in trials}) == EVALUATIONS, "each point once, and none failed"
    begun = sorted(trial.start for trial in trials)[workers]  # processes begin with the first ones
    ended = max(trial.start + trial.seconds for trial in trials)
    return (EVALUATIONS - workers) / (ended - begun)


def _outcome(point: Point, noise: int) -> Outcome:
    x = point["x"]
    assert isinstance(x, int)
    return Outcome((float(x + noise % 2),))


def main() -> None:
    """Print a table."""
    numbers = [int(argument) for argument in sys.argv[1:]] or [1, 2]
    table = Table("evaluations", "workers", "in a second", "against one worker")
    functions = import_module(
        Path(__file__).stem
    )  # workers know them by this module, not as those of a script
    for name, evaluate in {"sleep": functions.sleeping, "compute": functions.computing}.items():
        one = per_second(evaluate, 1)
        for workers in numbers:
            rate = one if workers == 1 else per_second(evaluate, workers)
            table.add_row(name, str(workers), f"{rate:.1f}", f"{rate / one:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
