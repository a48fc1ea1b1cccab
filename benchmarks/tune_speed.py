"""How many points a minute the inner loop of `kl tune` evaluates, compared with another checkout.

Run from the repository root: `.venv/bin/python benchmarks/tune_speed.py --before DIR`, where DIR is a
checkout with its own `.venv`. A search with a seed finds the points; then fresh processes of both checkouts,
in turn, evaluate the same distinct pipelines in the same order. Printed are points a minute of processor
time, by the least time of each point in all rounds, for all points and for the feasible ones, and the ratio.
Outcomes have to be equal; else the exit code is 1. Feasible points count in bars: the others end early.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kl.explore.studies.study import open_study
from kl.tools.command_line import filled
from kl.tools.commands.tune import Command
from kl.tools.kl import make_parser
from kl.tools.tuning.session import Session, make_session

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "examples/llama3_8b.kl"
BAR = 2.0
"""So many times as many feasible points a minute as before are to be evaluated."""


@dataclass(frozen=True)
class Evaluated:
    """A pipeline's outcome, and the processor time that it took."""

    outcome: dict[str, Any]
    seconds: float


def session_of(sockets: int) -> Session:
    """The study that `kl tune` would make."""
    arguments = make_parser().parse_args(["tune", str(MODEL), "--sockets", str(sockets)])
    command = filled(Command, arguments)
    return make_session(command.model, command.tuning, command.study)


def search(sockets: int, budget: int) -> list[str]:
    """The distinct pipelines of a search, in its order."""
    session = session_of(sockets)
    study = open_study(session.plan, None)
    for point in session.defaults.values():
        study.enqueue(point)
    study.run(session.evaluation, budget, isolate=False)
    return list(dict.fromkeys(str(trial.outcome.details["pipeline"]) for trial in study.trials()))


def evaluate(sockets: int, pipelines: Sequence[str]) -> list[Evaluated]:
    """Evaluate pipelines in this process, as a worker of `kl tune` does."""
    gc.set_threshold(100_000)
    evaluation = session_of(sockets).evaluation
    results: list[Evaluated] = []
    for pipeline in pipelines:
        start = time.process_time()
        outcome = evaluation.outcome(evaluation.source, pipeline)
        results.append(Evaluated(asdict(outcome), time.process_time() - start))
    return results


def evaluate_in(checkout: Path, sockets: int, pipelines: Sequence[str]) -> list[Evaluated]:
    """The same in a fresh process of a checkout."""
    command = [str(checkout / ".venv/bin/python"), __file__, "--worker", "--sockets", str(sockets)]
    given = json.dumps(pipelines)
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, cwd=ROOT)
    return [Evaluated(**one) for one in json.loads(done.stdout)]


def fastest(rounds: Sequence[Sequence[Evaluated]]) -> list[Evaluated]:
    """Of each point the round that took least."""
    return [min(of_point, key=lambda one: one.seconds) for of_point in zip(*rounds, strict=True)]


def per_minute(results: Sequence[Evaluated]) -> float:
    """Points a minute of processor time."""
    return 60 * len(results) / sum(one.seconds for one in results) if results else 0.0


def compare(before: Sequence[Evaluated], now: Sequence[Evaluated]) -> int:
    """Print the table; 1 where outcomes differ."""
    table = Table(
        "points", "number", "before, a minute", "now, a minute", "ratio", title="inner loop of kl tune"
    )
    for name in ("all", "feasible", "infeasible"):
        chosen = [n for n, one in enumerate(now) if name in ("all", one.outcome["status"])]
        old, new = (per_minute([results[n] for n in chosen]) for results in (before, now))
        table.add_row(name, f"{len(chosen)}", f"{old:.0f}", f"{new:.0f}", f"{new / old:.2f}x" if old else "")
    console = Console()
    console.print(table)
    different = [n for n, (a, b) in enumerate(zip(before, now, strict=True)) if a.outcome != b.outcome]
    console.print(f"{len(different)} outcomes differ; bar: feasible ones {BAR:.1f}x")
    for n in different[:3]:
        console.print(f"{before[n].outcome}\n{now[n].outcome}")
    return int(bool(different))


def main() -> int:
    """Measure and print, or be one of the processes that measure."""
    parser = argparse.ArgumentParser(description="Compare the speed of kl tune of two checkouts.")
    parser.add_argument("--before", type=Path, default=ROOT, help="a checkout with .venv")
    parser.add_argument("--sockets", type=int, default=8)
    parser.add_argument("--budget", type=int, default=60, help="evaluations of the search (default: 60)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of both (default: 2)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        results = evaluate(options.sockets, json.load(sys.stdin))
        json.dump([asdict(one) for one in results], sys.stdout)
        return 0
    pipelines = search(options.sockets, options.budget)
    rounds: dict[Path, list[list[Evaluated]]] = {options.before: [], ROOT: []}
    for _ in range(options.rounds):
        for checkout, results in rounds.items():
            results.append(evaluate_in(checkout, options.sockets, pipelines))
    return compare(fastest(rounds[options.before]), fastest(rounds[ROOT]))


if __name__ == "__main__":
    sys.exit(main())
