"""What a run leaves behind: its table, its log, and what may be known at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from pathlib import Path

from ..history import signed_values
from ..outcome import Trial
from ..pareto import non_dominated
from ..reports.importance import Importances, find_importances
from ..reports.record import StudyRecord
from ..reports.targets import find_targets
from .errors import ScenarioError
from .functions import MISFIT
from .scenario import Scenario
from .table import Row, append_row, begin_table, row_texts

FIRST_FAILURES = 3
"""If so many evaluations fail before any other, the function is broken rather than a point."""


class Log:
    """A file that lines are added to, as they come."""

    def __init__(self, path: Path):
        """Raises: OSError where it cannot be written."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self.note(f"{time.strftime('%Y-%m-%d %H:%M:%S')} a run begins")

    def note(self, line: str) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line + "\n")


@dataclass
class Recorder:
    """Takes in evaluations as they end.

    `rows` are those of an earlier run; time goes on from its end.

    Raises: OSError where the table cannot be written.
    """

    scenario: Scenario
    rows: list[Row]
    log: Log
    on_trial: Callable[[Trial], None]

    def __post_init__(self) -> None:
        kept = begin_table(self.scenario, self.scenario.files.samples, self.rows)
        if kept is not None:
            self.log.note(f"the table that was there before is now {kept}")
        last = max((row.milliseconds for row in self.rows), default=0)
        self._origin = time.time() - last / 1000

    def record(self, trial: Trial) -> None:
        """Write an evaluation that has just ended.

        Raises: ScenarioError where what evaluates is broken.
        """
        misfit = trial.outcome.details.get(MISFIT)
        if misfit is not None:
            raise ScenarioError(str(misfit))
        milliseconds = round((trial.start + trial.seconds - self._origin) * 1000)
        row = Row(trial.point, trial.outcome, max(milliseconds, 0))
        self.rows.append(row)
        append_row(self.scenario, self.scenario.files.samples, row)
        if row.outcome.has_failed:
            self.log.note(f"{trial.outcome.status} at {trial.point}: {trial.outcome.message}")
        elif self.scenario.mode != "client-server":  # its lines are in the log already
            self.log.note(",".join(row_texts(self.scenario, row)))
        self.on_trial(trial)
        have_failed = all(row.outcome.has_failed for row in self.rows)
        if self.scenario.mode == "default" and have_failed and len(self.rows) == FIRST_FAILURES:
            raise ScenarioError(
                f"the first {FIRST_FAILURES} evaluations have failed, the last with {trial.outcome.message}"
            )


@dataclass(frozen=True)
class Result:
    """What a run has found."""

    scenario: Scenario
    rows: tuple[Row, ...]
    """All evaluations, in the order of their ends."""

    known: int = 0
    """How many of them were there before the run."""

    gain: float | None = None
    """The share that models expected of another one, where that has ended the run."""

    @cached_property
    def record(self) -> StudyRecord:
        """The evaluations as a study of which reports are made, each point once."""
        trials = (Trial(number, row.point, row.outcome, 0.0, 0.0) for number, row in enumerate(self.rows))
        scenario = self.scenario
        return StudyRecord(scenario.name, scenario.space, scenario.objectives, tuple(trials)).counted()

    @property
    def counted(self) -> tuple[Row, ...]:
        """The evaluations with each point once, however often it was evaluated."""
        return tuple(self.rows[trial.number] for trial in self.record.trials)

    @property
    def front(self) -> list[Row]:
        """The feasible evaluations that no other dominates; for one objective, those with the best value."""
        feasible = [row for row in self.counted if row.outcome.status == "feasible"]
        evaluations = [row.outcome.evaluation(row.point) for row in feasible]
        mask = non_dominated(signed_values(evaluations, self.scenario.objectives))
        return list(compress(feasible, mask))

    def importances(self, seed: int) -> tuple[Importances, ...]:
        """How much each parameter matters for each objective, and for feasibility where there is a flag.

        Raises: MissingExtraError without scikit-learn.
        """
        scenario = self.scenario
        targets = find_targets(self.record, seed)
        wanted = targets if scenario.flag is not None else targets[: len(scenario.objectives)]
        return tuple(find_importances(scenario.space, target, seed) for target in wanted)
