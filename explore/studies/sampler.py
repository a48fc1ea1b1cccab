"""The explorer's method as an Optuna sampler."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from ..errors import StudyError
from ..history import Objective
from ..optimizer import Optimizer, Settings
from ..outcome import Trial
from ..space import Point, Space
from .distributions import distributions, to_params
from .plan import directions
from .snapshot import Reader, Snapshot

DEFAULTS = Settings()


EXHAUSTED = "all points of the space have been evaluated; the study ends here"


class ExhaustedError(StudyError):
    """A space has no new points."""


class Suggester:
    """Chooses the points of one study, with an optimizer that is told what is new since the last choice.

    What is chosen depends on what the study holds, the seed, and the place of the trial in the study: a study
    that was interrupted goes on as if it had not been.
    """

    def __init__(self, space: Space, objectives: Sequence[Objective], settings: Settings, seed: int):
        self._begin = partial(Optimizer, space, objectives, np.random.default_rng(), settings)
        self._seed = seed
        self._optimizer = self._begin()
        self._told: tuple[Trial, ...] = ()
        self.expected: float | None = None
        """The share by which the point chosen last is expected to improve the front, where models say so."""

    def choose(self, ended: tuple[Trial, ...], pending: Iterable[Point], ordinal: int) -> Point:
        """The point of the trial at a place among those not closed.

        Raises: ExhaustedError where the space has no more points.
        """
        if ended[: len(self._told)] != self._told:  # another process's clock is wrong
            self._told, self._optimizer = (), self._begin()
        for trial in ended[len(self._told) :]:
            known = trial.outcome.evaluation(trial.point)
            self._optimizer.tell(known.point, known.values, known.slacks, feasible=known.feasible, again=True)
        self._told = ended
        self._optimizer.go_on(np.random.default_rng([self._seed, ordinal]), pending)
        points = self._optimizer.ask()
        self.expected = self._optimizer.expected_gain
        if not points:
            raise ExhaustedError(EXHAUSTED)
        return points[0]


class ExplorerSampler(BaseSampler):
    """Chooses the points of a space for the trials of an Optuna study.

    Parameters outside the space are drawn at random.
    """

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        settings: Settings = DEFAULTS,
        seed: int = 0,
    ):
        """Raises: StudyError where Optuna cannot hold the points of the space."""
        self.space = space
        self.objectives = tuple(objectives)
        self.settings = settings
        self.seed = seed
        self._distributions = distributions(space)
        self._lock = threading.Lock()
        self._given: dict[tuple[str, int], Point] = {}
        self._studies: dict[str, tuple[Reader, Suggester]] = {}

    def __reduce__(self) -> tuple[object, ...]:
        return ExplorerSampler, (self.space, self.objectives, self.settings, self.seed)

    def of(self, study: str) -> tuple[Reader, Suggester]:
        """What reads a study, and what chooses for it."""
        if study not in self._studies:
            suggester = Suggester(self.space, self.objectives, self.settings, self.seed)
            self._studies[study] = Reader(self.space, self.objectives), suggester
        return self._studies[study]

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return dict(self._distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        self._check_directions(study)
        with self._lock:  # threads of `Study.optimize` must not choose the same point
            reader, suggester = self.of(study.study_name)
            snapshot = reader.read(study.get_trials(deepcopy=False))
            pending = self._pending(snapshot, study.study_name, trial.number)
            point = suggester.choose(snapshot.ended, pending, snapshot.ordinal(trial.number))
            self._given[study.study_name, trial.number] = point
        return to_params(self.space, point)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        seed = np.random.SeedSequence([self.seed, trial.number, *param_name.encode()]).generate_state(1)
        other = RandomSampler(int(seed[0]))
        return other.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """End `Study.optimize` where no point is left."""
        with self._lock:
            self._given.pop((study.study_name, trial.number), None)
            snapshot = self.of(study.study_name)[0].read(study.get_trials(deepcopy=False))
        if snapshot.covers(self.space):
            with suppress(RuntimeError):  # raised outside of `Study.optimize`
                study.stop()

    def _check_directions(self, study: optuna.Study) -> None:
        wanted = directions(self.objectives)
        if study.directions != wanted:
            names = ", ".join(direction.name.lower() for direction in wanted)
            raise StudyError(f"the study {study.study_name!r} needs the directions {names} of the objectives")

    def _pending(self, snapshot: Snapshot, study: str, number: int) -> list[Point]:
        """The points that others have or will have under evaluation."""
        running = [trial.number for trial in snapshot.running if trial.number != number]
        given = (snapshot.pending.get(other) or self._given.get((study, other)) for other in running)
        return [*(point for point in given if point is not None), *snapshot.wanted]
