"""What a run leaves behind: its table, its log, and what may be known at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..history import signed_values
from ..outcome import Trial, without_repeats
from ..pareto import non_dominated
from ..reports.importance import Importances, find_importances
from ..reports.record import StudyRecord
from ..reports.targets import find_targets
from .errors import ScenarioError
from .functions import MISFIT
from .scenario import Scenario
from .table import Row, Table, row_texts

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


class Recorder:
    """Takes in evaluations as they end."""

    def __init__(self, scenario: Scenario, rows: Sequence[Row], log: Log, on_trial: Callable[[Trial], None]):
        """`rows` are those of an earlier run; time goes on from its end.

        Raises: OSError where the table cannot be written.
        """
        self.rows = list(rows)
        self._scenario = scenario
        self._table = Table(scenario, scenario.files.samples, rows)
        self._log = log
        self._on_trial = on_trial
        last = max((row.milliseconds for row in rows), default=0)
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
        self._table.add(row)
        if row.has_failed:
            self._log.note(f"{trial.outcome.status} at {trial.point}: {trial.outcome.message}")
        elif self._scenario.mode != "client-server":  # its lines are in the log already
            self._log.note(",".join(row_texts(self._scenario, row) or ()))
        self._on_trial(trial)
        is_function = self._scenario.mode == "default"
        if is_function and len(self.rows) == FIRST_FAILURES and all(row.has_failed for row in self.rows):
            raise ScenarioError(
                f"the first {FIRST_FAILURES} evaluations have failed, the last with {trial.outcome.message}"
            )


@dataclass(frozen=True)
class Result:
    """What a run has found."""

    scenario: Scenario
    rows: tuple[Row, ...]
    """All evaluations, in the order of their ends."""

    gain: float | None = None
    """The share that models expected of another one, where that has ended the run."""

    @property
    def counted(self) -> tuple[Row, ...]:
        """The evaluations with each point once, however often it was evaluated."""
        return tuple(self.rows[trial.number] for trial in without_repeats(self.scenario.space, self._trials))

    @property
    def _trials(self) -> tuple[Trial, ...]:
        return tuple(Trial(k, row.point, row.outcome, 0.0, 0.0) for k, row in enumerate(self.rows))

    @property
    def front(self) -> list[Row]:
        """The feasible evaluations that no other dominates; for one objective, those with the best value."""
        feasible = [row for row in self.counted if row.outcome.status == "feasible"]
        evaluations = [row.outcome.evaluation(row.point) for row in feasible]
        mask = non_dominated(signed_values(evaluations, self.scenario.objectives))
        return [row for row, is_best in zip(feasible, mask, strict=True) if is_best]

    def importances(self, seed: int) -> tuple[Importances, ...]:
        """How much each parameter matters for each objective, and for feasibility where there is a flag.

        Raises: MissingExtraError without scikit-learn.
        """
        scenario = self.scenario
        record = StudyRecord(scenario.name, scenario.space, scenario.objectives, self._trials).counted()
        targets = find_targets(record, seed)
        wanted = targets if scenario.flag is not None else targets[: len(scenario.objectives)]
        return tuple(find_importances(scenario.space, target, seed) for target in wanted)
