"""What a scenario says, in the words of the explorer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ..history import Objective
from ..optimizer import Settings
from ..space import Point, Space

Mode = Literal["default", "client-server", "exhaustive"]
DesignKind = Literal["random sampling", "standard latin hypercube", "k latin hypercube", "grid_search"]


@dataclass(frozen=True)
class Flag:
    """The output that says whether a point is feasible, and its two texts."""

    name: str
    true: str
    false: str


@dataclass(frozen=True)
class Files:
    """Where results go; `resume` is the table to begin with."""

    samples: Path
    front: Path
    log: Path
    resume: Path | None

    @property
    def written(self) -> dict[str, Path]:
        """What a run writes, by the key that names it."""
        return {"output_data_file": self.samples, "output_pareto_file": self.front, "log_file": self.log}


@dataclass(frozen=True)
class Scenario:
    """All that a scenario says."""

    name: str
    space: Space
    defaults: Point
    """Values to evaluate first, of those parameters that have a default."""

    objectives: tuple[Objective, ...]
    flag: Flag | None
    timestamp: str
    """The name of the column with milliseconds since the start."""

    design: DesignKind
    samples: int
    """Evaluations before any model."""

    iterations: int
    batch: int
    """Evaluations in each iteration."""

    mode: Mode
    table: Path | None
    """In the exhaustive mode, the table of all answers."""

    seconds: float | None
    """How long evaluations may begin; None is without limit."""

    settings: Settings
    files: Files
    print_best: bool
    print_importances: bool
    """Whether the end says how much each parameter matters."""

    remarks: tuple[str, ...]
    """What whoever wrote the scenario should know."""

    @property
    def budget(self) -> int:
        """Evaluations in all, where nothing was evaluated before."""
        return self.samples + self.iterations * self.batch

    @property
    def outputs(self) -> tuple[str, ...]:
        """What an evaluation gives: the objectives, then the flag."""
        names = tuple(objective.name for objective in self.objectives)
        return names if self.flag is None else (*names, self.flag.name)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table of evaluations."""
        inputs = (parameter.name for parameter in self.space.parameters)
        return (*inputs, *self.outputs, self.timestamp)


def within(scenario: Scenario, budget: int | None) -> Scenario:
    """The scenario with a design of half the budget, where its own would leave no evaluation to the search.

    A remark says so. A grid stays as it is: it is all that its scenario evaluates. A study that is kept in a
    storage can go on with more, and is not to be asked: its design is part of its plan.
    """
    if budget is None or scenario.design == "grid_search" or scenario.samples < max(budget, 2):
        return scenario
    samples = max(budget // 2, 1)
    remark = f"the design of experiments has {samples}, not {scenario.samples} points: the budget is {budget}"
    settings = replace(scenario.settings, warm_up=samples)
    return replace(scenario, samples=samples, settings=settings, remarks=(*scenario.remarks, remark))
