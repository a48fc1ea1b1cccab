"""Evaluations for the tests of studies, in a file of their own: other processes import them."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kl.explore.history import Objective
from kl.explore.optimizer import Settings
from kl.explore.outcome import Outcome
from kl.explore.parameters import Categorical, Condition, Integer, Permutation
from kl.explore.space import Point, Space

if TYPE_CHECKING:
    from kl.explore.studies.plan import StudyPlan

SPACE = Space(
    (
        Integer("extent", 16, 256, "pow2"),
        Integer("tile", 1, 64),
        Permutation("order", 3),
        Categorical("memory", ("sram", "hbm")),
        Integer("banks", 1, 8, when=Condition("memory", ("sram",))),
    ),
    ("extent % tile == 0",),
)
OBJECTIVES = (Objective("time"), Objective("speed", "maximise"))
LINE = Space((Integer("x", 0, 9),))
TWO = (Objective("a"), Objective("b"))


def plan(method: str = "random", seed: int = 5) -> StudyPlan:
    """The plan of a small study."""
    from kl.explore.studies.plan import StudyPlan  # not needed by those who evaluate

    settings = Settings(method=method, warm_up=8)  # pyright: ignore[reportArgumentType]
    return StudyPlan("small", SPACE, OBJECTIVES, settings, seed)


def line_plan(name: str = "line", **changes: object) -> StudyPlan:
    """The plan of a study of a line of ten points."""
    from kl.explore.studies.plan import StudyPlan  # not needed by those who evaluate

    return replace(StudyPlan(name, LINE, TWO), **changes)  # pyright: ignore[reportArgumentType]


def line(point: Point) -> Outcome:
    """One objective rises along the line, the other falls; the end is infeasible."""
    x = point["x"]
    assert isinstance(x, int)
    return Outcome((float(x), float(9 - x)), {"room": x - 6.0})


def measure(point: Point) -> Outcome:
    """Quick; a third of the points is infeasible, with a slack."""
    extent, tile, order = point["extent"], point["tile"], point["order"]
    assert isinstance(extent, int)
    assert isinstance(tile, int)
    assert isinstance(order, tuple)
    banks = point.get("banks", 0)
    assert isinstance(banks, int)
    time = extent / tile + order[0] / 8
    status = "feasible" if tile + 4 * banks <= 40 else "infeasible"
    return Outcome((time, tile / (1.0 + order[2]) + banks), {"area": tile + 4.0 * banks - 40}, status)


def misbehave(point: Point) -> Outcome:
    """Every tile has its own way to go wrong."""
    match point["tile"]:
        case 1:
            raise ValueError("tile 1 is broken")
        case 2:
            os._exit(3)
        case 4:
            time.sleep(60)
        case 8:
            return Outcome(None, {}, "infeasible", "does not fit", {"need": 9.0})
        case 16:
            return Outcome((float("nan"), 1.0))
        case 32:
            os.kill(os.getpid(), 11)
        case 64:
            return 3.5  # pyright: ignore[reportReturnType]
        case _:
            pass
    print("evaluations may print")
    return measure(point)


@dataclass(frozen=True)
class Starting:
    """Starts a process, writes its number into a file, and waits for it."""

    path: Path

    def __call__(self, point: Point) -> Outcome:
        """Takes a minute."""
        child = subprocess.Popen(["sleep", "60"])
        append(self.path, str(child.pid))
        child.wait()
        return measure(point)


@dataclass(frozen=True)
class Logged:
    """Measures, and writes each point into a file once that is done."""

    path: Path
    seconds: float = 0.004

    def __call__(self, point: Point) -> Outcome:
        """The outcome at a point."""
        time.sleep(self.seconds)
        outcome = measure(point)
        append(self.path, repr(SPACE.key(point)))
        return outcome


def append(path: Path, line: str) -> None:
    """Add a line to a file; when this is done, it is there whatever happens next."""
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
