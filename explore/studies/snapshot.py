"""The state of a study at one moment, read from its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from ..history import Evaluation, Objective
from ..outcome import Trial
from ..space import Point, Space
from .distributions import to_point
from .owners import is_other
from .records import OUTCOME, outcome_of

OWNER = "owner"
"""The user attribute of a trial that names the process evaluating it."""

CLOSED = "closed"
"""The user attribute of a trial that ended without an outcome; it says why. Its point is evaluated again."""


@dataclass(frozen=True)
class Snapshot:
    """The trials of a study, sorted by what became of them. Trials that are no points of the space count as
    closed.
    """

    ended: tuple[Trial, ...]
    history: tuple[Evaluation, ...]
    """What ended, in the order of ending: later snapshots of the study begin with it."""

    running: tuple[FrozenTrial, ...]
    pending: Mapping[int, Point]
    """The points under evaluation, by the number of the trial."""

    wanted: tuple[Point, ...]
    """Points in the queue, and points of closed trials; all that still have to be evaluated."""

    closed: tuple[int, ...]

    @property
    def counted(self) -> list[int]:
        """The numbers of the trials that count for a budget: ended, or running for a process of ours."""
        running = [trial.number for trial in self.running if OWNER in trial.user_attrs]
        return [*(trial.number for trial in self.ended), *running]

    @property
    def awaits_others(self) -> bool:
        """Whether other processes are evaluating points."""
        owners = (trial.user_attrs.get(OWNER) for trial in self.running)
        return any(owner is not None and is_other(owner) for owner in owners)

    def covers(self, space: Space) -> bool:
        """Whether every point of a space has been evaluated, or is being."""
        count = space.count() if space.is_discrete else None
        if count is None or len(self.ended) + len(self.pending) < count:
            return False
        points = [*(trial.point for trial in self.ended), *self.pending.values()]
        return len({space.key(point) for point in points}) >= count

    def ordinal(self, number: int) -> int:
        """The place of a trial among those not closed: its number, had nothing been interrupted."""
        return number - sum(other < number for other in self.closed)


class Reader:
    """Reads snapshots; remembers the trials that have ended, since they do not change."""

    def __init__(self, space: Space, objectives: Sequence[Objective]):
        self._space = space
        self._objectives = objectives
        self._known: dict[int, tuple[FrozenTrial, Trial | None]] = {}

    def read(self, trials: Sequence[FrozenTrial]) -> Snapshot:
        """The state that some trials, all of a study, are in."""
        finished = [trial for trial in trials if trial.state.is_finished()]
        records = [(frozen, self._record(frozen)) for frozen in finished]
        ended = [(frozen, record) for frozen, record in records if record is not None]
        in_order = sorted(ended, key=lambda pair: (_moment(pair[0].datetime_complete), pair[0].number))
        running = tuple(trial for trial in trials if trial.state == TrialState.RUNNING)
        points = {trial.number: self._point(trial) for trial in running}
        pending = {number: point for number, point in points.items() if point is not None}
        taken = [record.point for _, record in ended] + list(pending.values())
        return Snapshot(
            ended=tuple(record for _, record in ended),
            history=tuple(record.outcome.evaluation(record.point) for _, record in in_order),
            running=running,
            pending=pending,
            wanted=self._wanted(trials, taken),
            closed=tuple(
                trial.number
                for trial in trials
                if trial.state == TrialState.WAITING
                or (trial.state.is_finished() and self._record(trial) is None)
            ),
        )

    def _wanted(self, trials: Sequence[FrozenTrial], taken: Sequence[Point]) -> tuple[Point, ...]:
        """The points of waiting and closed trials that are not under evaluation or evaluated."""
        seen = {self._space.key(point) for point in taken}
        wanted: list[Point] = []
        for trial in trials:
            if trial.state == TrialState.WAITING or CLOSED in trial.user_attrs:
                point = self._point(trial)
                if point is not None and self._space.key(point) not in seen:
                    seen.add(self._space.key(point))
                    wanted.append(point)
        return tuple(wanted)

    def _point(self, trial: FrozenTrial) -> Point | None:
        queued: Mapping[str, Any] = trial.system_attrs.get("fixed_params", {})
        return to_point(self._space, {**queued, **trial.params})

    def _record(self, frozen: FrozenTrial) -> Trial | None:
        """What we keep of a trial that has ended; None where it is closed or no point."""
        known = self._known.get(frozen.number)
        if known is None or known[0] is not frozen:
            known = self._known[frozen.number] = (frozen, self._make_record(frozen))
        return known[1]

    def _make_record(self, frozen: FrozenTrial) -> Trial | None:
        point = self._point(frozen)
        if point is None or CLOSED in frozen.user_attrs:
            return None
        outcome = outcome_of(frozen, self._objectives)
        kept = frozen.user_attrs.get(OUTCOME)
        if isinstance(kept, dict):
            return Trial(frozen.number, point, outcome, kept["start"], kept["seconds"])
        start, end = _moment(frozen.datetime_start), _moment(frozen.datetime_complete)
        return Trial(frozen.number, point, outcome, start, max(end - start, 0.0))


def _moment(when: datetime | None) -> float:
    return when.timestamp() if when is not None else 0.0
