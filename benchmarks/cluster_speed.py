"""What a second worker of a Dask cluster is worth: evaluations a second with one and with two, in one run.

Run from the repository root: `.venv/bin/python benchmarks/cluster_speed.py`. The workers are processes of
this machine. Evaluations sleep, as those that wait for another program, or compute; points are random, so
that next to nothing is spent on choosing them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import dask
from distributed import LocalCluster
from rich.console import Console
from rich.table import Table

from kl.explore.history import Objective
from kl.explore.optimizer import Settings
from kl.explore.outcome import Outcome
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space
from kl.explore.studies.study import StudyPlan, open_study

SECONDS = 0.2
EVALUATIONS = 60


def sleeping(point: Point) -> Outcome:
    """Waits."""
    time.sleep(SECONDS)
    return Outcome((float(str(point["x"])),))


def computing(point: Point) -> Outcome:
    """Computes for as long."""
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        pass
    return Outcome((float(str(point["x"])),))


def per_second(workers: int, evaluate: Callable[[Point], Outcome]) -> float:
    """Evaluations a second of a study at so many workers."""
    space = Space((Integer("x", 0, 10**6),))
    plan = StudyPlan("speed", space, (Objective("f"),), Settings(method="random"), seed=1)
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0") as cluster:
        study, start = open_study(plan, None), time.monotonic()
        study.run(evaluate, EVALUATIONS, jobs=workers, cluster=cluster.scheduler_address)
        assert len(study.trials()) == EVALUATIONS, "nothing is lost"
        return EVALUATIONS / (time.monotonic() - start)


def main() -> None:
    """Print the table."""
    dask.config.set({"distributed.nanny.pre-spawn-environ": {"PYTHONPATH": str(Path(__file__).parent)}})
    table = Table("evaluations", "1 worker, a second", "2 workers, a second", "ratio", title="a Dask cluster")
    import cluster_speed  # the workers import it under this name

    for evaluate in (cluster_speed.sleeping, cluster_speed.computing):
        one, two = (per_second(workers, evaluate) for workers in (1, 2))
        table.add_row(evaluate.__name__, f"{one:.2f}", f"{two:.2f}", f"{two / one:.2f}x")
    Console().print(table)
    print(f"{EVALUATIONS} evaluations of {SECONDS} s each, {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
