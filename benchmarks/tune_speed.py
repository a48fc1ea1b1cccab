"""How many points a minute the inner loop of `kl tune` evaluates, compared with another checkout.

Run from the repository root: `.venv/bin/python benchmarks/tune_speed.py --before DIR`, where DIR is a
checkout with its own `.venv`. A search with a seed finds the points; then fresh processes of both checkouts,
in turn, evaluate the same distinct pipelines in the same order. Printed are points a minute of processor
time, by the least time of each point in all rounds, and the ratio: for all points, for those feasible in both
checkouts, which count in bars, and for those feasible in this one alone: what is refused ends early. Then is
said in what outcomes differ; with `--same` the exit code is 1 where some do.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections import Counter
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


def kind(before: Evaluated, now: Evaluated) -> str:
    """The group of points in which one counts."""
    feasible = [one.outcome["status"] == "feasible" for one in (before, now)]
    return {(True, True): "feasible", (False, True): "feasible now"}.get((*feasible,), "infeasible now")


def rates(before: Sequence[Evaluated], now: Sequence[Evaluated]) -> Table:
    """Points a minute of both, by group."""
    table = Table(
        "points", "number", "before, a minute", "now, a minute", "ratio", title="inner loop of kl tune"
    )
    pairs = [*zip(before, now, strict=True)]
    for name in ("all", "feasible", "feasible now", "infeasible now"):
        chosen = [pair for pair in pairs if name in ("all", kind(*pair))]
        old, new = (per_minute([pair[side] for pair in chosen]) for side in (0, 1))
        table.add_row(name, f"{len(chosen)}", f"{old:.0f}", f"{new:.0f}", f"{new / old:.2f}x" if old else "")
    return table


def differences(before: Sequence[Evaluated], now: Sequence[Evaluated]) -> Counter[str]:
    """In how many outcomes the two checkouts differ, by what is different."""
    pairs = [(a.outcome, b.outcome) for a, b in zip(before, now, strict=True)]
    return Counter(part for a, b in pairs for part in {*a, *b} if a.get(part) != b.get(part))


def compare(before: Sequence[Evaluated], now: Sequence[Evaluated]) -> bool:
    """Print what both have done; whether all outcomes are equal."""
    console = Console()
    console.print(rates(before, now))
    found = differences(before, now)
    different = sum(a.outcome != b.outcome for a, b in zip(before, now, strict=True))
    parts = "; ".join(f"{part} of {count}" for part, count in sorted(found.items()))
    told = f" ({parts})" if different else ""
    console.print(f"{different} of {len(now)} outcomes differ{told}; bar: feasible ones {BAR:.1f}x")
    return not different


def main() -> int:
    """Measure and print, or be one of the processes that measure."""
    parser = argparse.ArgumentParser(description="Compare the speed of kl tune of two checkouts.")
    parser.add_argument("--before", type=Path, default=ROOT, help="a checkout with .venv")
    parser.add_argument("--sockets", type=int, default=8)
    parser.add_argument("--budget", type=int, default=60, help="evaluations of the search (default: 60)")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of both (default: 2)")
    parser.add_argument("--same", action="store_true", help="fail where outcomes differ")
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
    equal = compare(fastest(rounds[options.before]), fastest(rounds[ROOT]))
    return int(options.same and not equal)


if __name__ == "__main__":
    sys.exit(main())
