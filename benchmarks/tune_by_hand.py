"""What a careful hand finds: each knob of `kl tune` swept alone, around each mapping that one tries first.

Run from the repository root: `.venv/bin/python benchmarks/tune_by_hand.py [MODEL] [OPTION …]`, where the
options are those of `kl tune`. For each knob and each beginning, the others as they are there, all its values
are evaluated, or 40 spread over its range. Printed are the best of each sweep, how many values are
infeasible, and the best of all. With `--seeds N`, `kl tune` searches with the same options and each of N
seeds, and its best is printed beside. All is about the first objective.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from math import inf
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kl.explore.errors import SpaceError
from kl.explore.outcome import Outcome
from kl.explore.parameters import Parameter, Real
from kl.explore.space import Point
from kl.explore.studies.study import open_study
from kl.tools.command_line import filled
from kl.tools.commands.tune import Command
from kl.tools.kl import make_parser
from kl.tools.tuning.search import Search
from kl.tools.tuning.session import Session, make_session

ROOT = Path(__file__).resolve().parent.parent
MOST_VALUES = 40
USUAL = [str(ROOT / "examples/llama3_8b.kl"), "--sockets", "8", "--objectives", "latency", "--budget", "100"]


def session_of(arguments: list[str]) -> Session:
    """What a command line of `kl tune` searches."""
    command = filled(Command, make_parser().parse_args(["tune", *arguments]))
    return make_session(command.model, command.tuning, command.study)


def best(outcome: Outcome) -> float:
    """The first objective; infinity where it is infeasible."""
    feasible = outcome.evaluation({}).feasible and outcome.values is not None
    return outcome.values[0] if feasible and outcome.values else inf


def sweep(session: Session, parameter: Parameter, start: Point) -> Iterator[tuple[Point, Outcome]]:
    """The points that differ from one in a single knob."""
    assert not isinstance(parameter, Real), "knobs have values that can be counted"
    count = min(parameter.size, MOST_VALUES)
    for place in range(count):
        value = parameter.value(place * (parameter.size - 1) // max(count - 1, 1))
        point = {**start, parameter.name: value}
        try:
            session.plan.space.check(point)
        except SpaceError:
            continue  # the knob brings or takes others, or does not go with them
        yield point, session.evaluation(point)


def by_hand(session: Session, console: Console) -> float:
    """Print the sweeps; the best of all."""
    table = Table("around", "knob", "values", "infeasible", "best", "of the beginning", "at")
    found = inf
    for name, start in session.defaults.items():
        first = best(session.evaluation(start))
        for parameter in session.plan.space.parameters:
            if parameter.name not in start:
                continue
            done = [(best(outcome), point) for point, outcome in sweep(session, parameter, start)]
            least, point = min(done, key=lambda one: one[0], default=(inf, start))
            found = min(found, least)
            bad = sum(value == inf for value, _ in done)
            cells = (name, parameter.name, str(len(done)), str(bad), f"{least:.6g}", f"{least / first:.4f}")
            table.add_row(*cells, str(point[parameter.name]))
    console.print(table)
    return found


def searched(arguments: list[str], seed: int) -> tuple[float, int]:
    """The best that `kl tune` finds, and after how many evaluations."""
    session = session_of([*arguments, "--seed", str(seed)])
    command = filled(Command, make_parser().parse_args(["tune", *arguments]))
    study = open_study(session.plan, None)
    Search(session, study, command.study).run(lambda trial: None)
    return min((best(trial.outcome), number) for number, trial in enumerate(study.trials(), 1))


def main() -> None:
    """Sweep, and search."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--no-sweep", action="store_true")
    options, arguments = parser.parse_known_args()
    arguments, console = arguments or USUAL, Console(width=150)
    if not options.no_sweep:
        console.print(f"by hand: {by_hand(session_of(arguments), console):.6g}")
    for seed in range(options.seeds):
        value, number = searched(arguments, seed)
        console.print(f"seed {seed}: {value:.6g}, found by evaluation {number}")


if __name__ == "__main__":
    main()
