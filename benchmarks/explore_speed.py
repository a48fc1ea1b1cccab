"""How long the explorer takes to suggest a point, up to 200 evaluations, on wide spaces.

Run from the repository root: `.venv/bin/python benchmarks/explore_speed.py [EVALUATIONS]`. Prints the
processor time of a suggestion: the average, that of the last twenty, and the slowest, which may load the
libraries.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.table import Table

from kl.explore.encoding import column_names, encode
from kl.explore.history import Objective
from kl.explore.optimizer import Optimizer
from kl.explore.parameters import Categorical, Integer, Ordinal, Parameter, Real, Value
from kl.explore.space import Space

EVALUATIONS = 200
LAST = 20


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


def evaluate(
    space: Space, point: Mapping[str, Value], weights: np.ndarray
) -> tuple[tuple[float, float], float]:
    """Two objectives at odds that depend on all parameters, and a slack."""
    row = encode(space, [point])[0]
    mixed = np.tanh(weights @ row / np.sqrt(len(row) / 12 + 1))
    return (1 + float(((mixed - 0.2) ** 2).sum()), 1 + float(((mixed + 0.2) ** 2).sum())), float(mixed[0])


def suggest(space: Space, evaluations: int, tell_slacks: bool) -> tuple[list[float], int]:
    """Seconds of each suggestion, and the size of the front at the end."""
    optimizer = Optimizer(space, [Objective("f0"), Objective("f1")], np.random.default_rng(1))
    weights = np.random.default_rng(0).standard_normal((5, len(column_names(space))))
    seconds: list[float] = []
    for _ in range(evaluations):
        start = time.process_time()
        (point,) = optimizer.ask()
        seconds.append(time.process_time() - start)
        values, slack = evaluate(space, point, weights)
        optimizer.tell(point, values, {"slack": slack} if tell_slacks else None, feasible=slack <= 0)
    return seconds, len(optimizer.front())


def main() -> None:
    """Measure and print."""
    evaluations = int(sys.argv[1]) if len(sys.argv) > 1 else EVALUATIONS
    table = Table(
        "space", "told", "mean", f"last {LAST}", "slowest", "front", title=f"{evaluations} evaluations"
    )
    for name, make in SPACES.items():
        for told in ("slacks", "flags"):
            seconds, front = suggest(make(), evaluations, told == "slacks")
            times = [np.mean(seconds), np.mean(seconds[-LAST:]), np.max(seconds)]
            table.add_row(name, told, *(f"{value * 1000:.0f} ms" for value in times), f"{front}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
