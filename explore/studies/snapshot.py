"""The state of a study at one moment, read from its trials."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from ..history import Objective
from ..outcome import Trial
from ..space import Point, Space
from .distributions import to_point
from .owners import is_other
from .records import OUTCOME, outcome_of

OWNER = "owner"
"""The user attribute of a trial that names the process evaluating it."""

CLOSED = "closed"
"""The user attribute of a trial that ended without an outcome; it says why. Its point is evaluated again."""


EXPECTED = "expected"
"""The user attribute of a trial that holds by which share models expected its point to improve the front."""


@dataclass(frozen=True)
class Snapshot:
    """The trials of a study, sorted by what became of them. Trials that are no points of the space count as
    closed.
    """

    count: int
    """How many trials there are: the next one gets this number, unless another process is faster."""

    ended: tuple[Trial, ...]
    """In the order of ending: later snapshots of the study begin with it."""

    waiting: tuple[FrozenTrial, ...]
    running: tuple[FrozenTrial, ...]
    pending: Mapping[int, Point]
    """The points under evaluation, by the number of the trial."""

    wanted: tuple[Point, ...]
    """Points in the queue, and points of closed trials; all that still have to be evaluated."""

    closed: tuple[int, ...]
    """The numbers of trials that count for nothing, in order."""

    different: int
    """How many different points have ended or are pending."""

    @property
    def awaits_others(self) -> bool:
        """Whether other processes are evaluating points."""
        owners = (trial.user_attrs.get(OWNER) for trial in self.running)
        return any(owner is not None and is_other(owner) for owner in owners)

    def counted(self, before: int | None = None) -> int:
        """How many trials count for a budget, of those with a lower number: ended, or running for a process
        of ours.
        """
        owned = [trial for trial in self.running if OWNER in trial.user_attrs]
        if before is None:
            return len(self.ended) + len(owned)
        return sum(trial.number < before for trial in (*self.ended, *owned))

    def covers(self, space: Space) -> bool:
        """Whether every point of a space has been evaluated, or is being."""
        count = space.count() if space.is_discrete else None
        return count is not None and self.different >= count

    def ordinal(self, number: int) -> int:
        """The place of a trial among those not closed: its number, had nothing been interrupted."""
        return number - bisect_left(self.closed, number)


class Reader:
    """Reads snapshots of one study; what has ended does not change and is read once."""

    def __init__(self, space: Space, objectives: Sequence[Objective]):
        self._space = space
        self._objectives = objectives
        self._forget(None)

    def _forget(self, first: datetime | None) -> None:
        self._first = first
        self._count = 0
        self._open: set[int] = set()
        """The numbers of trials that have not ended."""
        self._ended: list[Trial] = []
        self._ends: list[tuple[float, int]] = []
        """When each has ended, and its number: these are in order."""
        self._keys: set[object] = set()
        """Of points that have ended."""
        self._closed: list[int] = []
        self._given_back: dict[int, Point] = {}
        """The points of closed trials, by their numbers, that had not ended when last looked at."""

    def read(self, trials: Sequence[FrozenTrial]) -> Snapshot:
        """The state that some trials, all of a study and in order, are in."""
        first = trials[0].datetime_start if trials else None
        if len(trials) < self._count or first != self._first:
            self._forget(first)
        open_ = [trials[number] for number in sorted({*self._open, *range(self._count, len(trials))})]
        for trial in open_:
            if trial.state.is_finished():
                self._take(trial)
        self._count = len(trials)
        self._open = {trial.number for trial in open_ if not trial.state.is_finished()}
        running = tuple(trial for trial in open_ if trial.state == TrialState.RUNNING)
        waiting = tuple(trial for trial in open_ if trial.state == TrialState.WAITING)
        points = {trial.number: self._point(trial) for trial in running}
        pending = {number: point for number, point in points.items() if point is not None}
        taken: set[object] = {self._space.key(point) for point in pending.values()}
        return Snapshot(
            count=len(trials),
            ended=tuple(self._ended),
            waiting=waiting,
            running=running,
            pending=pending,
            wanted=tuple(self._wanted(waiting, taken)),
            closed=tuple(sorted([*self._closed, *(trial.number for trial in waiting)])),
            different=len(self._keys) + len(taken - self._keys),
        )

    def has_ended(self, point: Point) -> bool:
        """Whether a point had ended when last looked at."""
        return self._space.key(point) in self._keys

    def _take(self, frozen: FrozenTrial) -> None:
        """Keep a trial that has ended."""
        record = self._make_record(frozen)
        if record is None:
            insort(self._closed, frozen.number)
            point = self._point(frozen) if CLOSED in frozen.user_attrs else None
            if point is not None:
                self._given_back[frozen.number] = point
            return
        place = bisect_left(self._ends, end := (_moment(frozen.datetime_complete), frozen.number))
        self._ends.insert(place, end)
        self._ended.insert(place, record)
        self._keys.add(self._space.key(record.point))

    def _wanted(self, waiting: Sequence[FrozenTrial], taken: set[object]) -> Iterator[Point]:
        """The points of waiting and closed trials that are not under evaluation or evaluated."""
        self._given_back = {n: point for n, point in self._given_back.items() if not self.has_ended(point)}
        queued = {trial.number: self._point(trial) for trial in waiting}
        seen = self._keys | taken if queued or self._given_back else taken
        for _, point in sorted({**queued, **self._given_back}.items()):
            if point is not None and (key := self._space.key(point)) not in seen:
                seen.add(key)
                yield point

    def _point(self, trial: FrozenTrial) -> Point | None:
        queued: Mapping[str, Any] = trial.system_attrs.get("fixed_params", {})
        return to_point(self._space, {**queued, **trial.params})

    def _make_record(self, frozen: FrozenTrial) -> Trial | None:
        """What we keep of a trial that has ended; None where it is closed or no point."""
        point = self._point(frozen)
        if point is None or CLOSED in frozen.user_attrs:
            return None
        outcome = outcome_of(frozen, self._objectives)
        kept = frozen.user_attrs.get(OUTCOME)
        expected = frozen.user_attrs.get(EXPECTED)
        if isinstance(kept, dict):
            return Trial(frozen.number, point, outcome, kept["start"], kept["seconds"], expected)
        start, end = _moment(frozen.datetime_start), _moment(frozen.datetime_complete)
        return Trial(frozen.number, point, outcome, start, max(end - start, 0.0), expected)


def _moment(when: datetime | None) -> float:
    return when.timestamp() if when is not None else 0.0
