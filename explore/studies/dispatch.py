"""Hands out the points of a study and takes in outcomes, for any number of processes on one storage.

All that must not be done twice rests on one thing that every storage does: it gives each number to one trial.
Who wants a point first makes a trial, which names its owner, and so has a ticket. Tickets choose points in
the order of their numbers, each seeing those before it; a ticket beyond the budget, or with a point that a
lower number has, is closed. So no point is evaluated twice, and no evaluation exceeds the budget.
"""

from __future__ import annotations

import time
from collections.abc import Container
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from ..outcome import Outcome
from ..space import Point, Space
from .database import end_trial
from .distributions import distributions, suggest, to_params, to_point
from .executors import Asked
from .owners import is_gone, is_other, this_process
from .records import OUTCOME, ended, outcome_to_json
from .sampler import EXHAUSTED, ExhaustedError, ExplorerSampler
from .snapshot import CLOSED, EXPECTED, OWNER, Snapshot

TURN_SECONDS = 0.02
"""How often a ticket looks whether it is its turn."""

PATIENCE_SECONDS = 30.0
"""How long a ticket waits for its turn; one that chooses too early may meet the point of another."""


class Dispatcher:
    """The trials of one study."""

    def __init__(self, space: Space, study: optuna.Study, storage: BaseStorage, sampler: ExplorerSampler):
        self._space = space
        self._study = study
        self._storage = storage
        self._reader, self._suggester = sampler.of(study.study_name)
        self._id = storage.get_study_id_from_name(study.study_name)
        self._distributions = distributions(space)

    def snapshot(self) -> Snapshot:
        """The state of the study now."""
        return self._reader.read(self._study.get_trials(deepcopy=False))

    def ask(self, budget: int | None, known: Snapshot | None = None) -> Asked | None:
        """A point to evaluate, unless as many as the budget have ended or are running.

        `known` is the state of just now, which is read where it is not given.

        Raises: ExhaustedError where the space has no more points.
        """
        while True:
            snapshot, known = known or self.snapshot(), None
            if budget is not None and snapshot.counted() >= budget:
                return None
            point = snapshot.wanted[0] if snapshot.wanted else self._chosen_alone(snapshot)
            identity = self._make_ticket(point, None if snapshot.wanted else self._suggester.expected)
            if point is not None and self._trial_id(snapshot.count) == identity:
                return Asked(snapshot.count, point, time.time())  # nobody has come between
            number = self._storage.get_trial_number_from_id(identity)
            try:
                snapshot = self._wait_for_turn(number)
                if budget is not None and snapshot.counted(number) >= budget:
                    self.close(number, "others had reached the budget")
                    return None
                if point is None and snapshot.covers(self._space):
                    raise ExhaustedError(EXHAUSTED)  # Optuna asks no sampler about a single point
                if point is None:
                    trial = optuna.trial.Trial(self._study, identity)
                    point = suggest(self._space, trial)
                    trial.set_user_attr(EXPECTED, self._suggester.expected)
                    return Asked(number, point, time.time())
                if not self._is_taken(point, number, snapshot):
                    return Asked(number, point, time.time())
            except BaseException as error:  # also Ctrl-C: nobody must wait for this ticket
                self.close(number, f"{type(error).__name__}: {error}")
                raise
            self.close(number, "another process evaluates its point")

    def _chosen_alone(self, snapshot: Snapshot) -> Point | None:
        """A point for the next trial, before it is made; None where others choose points, too.

        Raises: ExhaustedError where the space has no more points.
        """
        if snapshot.awaits_others or len(snapshot.pending) < len(snapshot.running):
            return None
        if snapshot.covers(self._space):
            raise ExhaustedError(EXHAUSTED)
        ordinal = snapshot.ordinal(snapshot.count)
        return self._suggester.choose(snapshot.ended, snapshot.pending.values(), ordinal)

    def keep(self, asked: Asked, outcome: Outcome, seconds: float) -> None:
        """Write an outcome, and how long it took; what was closed meanwhile stays closed."""
        with suppress(UpdateFinishedTrialError):
            self.keep_open(asked, outcome, seconds)

    def keep_open(self, asked: Asked, outcome: Outcome, seconds: float) -> None:
        """The same for a trial that must not have ended.

        Raises: UpdateFinishedTrialError where it has.
        """
        self._end(asked.number, ended(outcome_to_json(outcome, asked.start, seconds)))

    def ending(self, number: int) -> str:
        """What is known of how a trial ended."""
        closed = self._storage.get_trial(self._trial_id(number)).user_attrs.get(CLOSED)
        return "has been told already" if closed is None else f"is closed: {closed}"

    def close(self, number: int, reason: str) -> None:
        """End a trial without an outcome; its point is evaluated again, unless another trial has it."""
        with suppress(UpdateFinishedTrialError):
            self._end(number, create_trial(state=TrialState.FAIL, user_attrs={CLOSED: reason}))

    def close_own(self, first: int) -> None:
        """Close what this process has begun from a number on and not told: Ctrl-C may come at any moment."""
        for trial in self.snapshot().running:
            owner = trial.user_attrs.get(OWNER)
            if trial.number >= first and owner is not None and not is_other(owner):
                self.close(trial.number, "interrupted")

    def tidy(self) -> Snapshot:
        """Close what processes have left behind, and what the queue need not hold any more.

        Gives the state after that.
        """
        snapshot = self.snapshot()
        wanted = {self._space.key(point) for point in snapshot.wanted}
        changes = [self._tidy_running(trial) for trial in snapshot.running]
        changes += [self._tidy_waiting(trial, wanted) for trial in snapshot.waiting]
        return self.snapshot() if any(changes) else snapshot

    def _tidy_running(self, trial: FrozenTrial) -> bool:
        """End a trial whose process is gone; one that has its outcome keeps it."""
        owner = trial.user_attrs.get(OWNER)
        if owner is None or not is_gone(owner):
            return False
        if OUTCOME in trial.user_attrs:
            with suppress(UpdateFinishedTrialError):
                self._end(trial.number, ended(trial.user_attrs[OUTCOME]))
        else:
            self.close(trial.number, "its process has ended")
        return True

    def _tidy_waiting(self, trial: FrozenTrial, wanted: Container[object]) -> bool:
        """Close a trial of the queue whose point is evaluated elsewhere, or that has none."""
        point = to_point(self._space, trial.system_attrs.get("fixed_params", {}))
        if point is not None and self._space.key(point) in wanted:
            return False
        self.close(trial.number, "taken from the queue" if point else "queued without a point of the space")
        return True

    def heartbeat(self, number: int) -> None:
        """Say that the process of a trial is still there."""
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(self._trial_id(number), OWNER, this_process().record())

    def _end(self, number: int, ending: FrozenTrial) -> None:
        end_trial(self._storage, self._trial_id(number), ending)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _make_ticket(self, point: Point | None, expected: float | None) -> int:
        """The identity of a new trial, whose point is expected to improve the front by a share."""
        params = {} if point is None else to_params(self._space, point)
        template = create_trial(
            state=TrialState.RUNNING,
            params=params,
            distributions={name: self._distributions[name] for name in params},
            user_attrs={OWNER: this_process().record(), **({} if expected is None else {EXPECTED: expected})},
        )
        return self._storage.create_new_trial(self._id, template)

    def _wait_for_turn(self, number: int) -> Snapshot:
        """The state once all lower tickets have their points, or nothing has been heard of them for long."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            snapshot = self.snapshot()
            choosing = [t for t in snapshot.running if t.number < number and t.number not in snapshot.pending]
            if not choosing or time.monotonic() > end:
                return snapshot
            self.tidy()
            time.sleep(TURN_SECONDS)

    def _is_taken(self, point: Point, number: int, snapshot: Snapshot) -> bool:
        """Whether a trial with a lower number has a point, or it has ended."""
        key = self._space.key(point)
        before = (other for other_number, other in snapshot.pending.items() if other_number < number)
        return self._reader.has_ended(point) or any(self._space.key(other) == key for other in before)
