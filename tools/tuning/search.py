"""How a search goes: the mappings by hand, then sweeps of single knobs, then the explorer's own choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ...explore.history import History
from ...explore.outcome import Trial, promises_little
from ...explore.parameters import Real
from ...explore.space import Point, Space
from ...explore.studies.study import Study
from ..study_options import StudyOptions
from .session import Session
from .sweeps import Sweeps

SWEPT_OF_ONE, SWEPT_OF_SEVERAL = 0.8, 0.4
"""Assumed: up to these shares of the evaluations are sweeps, and what comes before them, where there is one
objective or several: a careful hand finds a best value so, but no front."""

Ended = Literal["budget", "patience", "gain", "space"]
"""Why a search ends: the budget is spent, nothing worth the name has come for long, models expect next to
nothing of another evaluation, no point is left."""

MOST_TURNS = 25
"""Assumed: so many evaluations for each knob are enough for its tests and sweeps, whatever the budget is;
planning a sweep takes time in proportion to the evaluations."""


@dataclass
class Search:
    """A search while it goes on; what it tries next follows from the trials that have ended."""

    session: Session
    study: Study
    options: StudyOptions
    trials: list[Trial] = field(default_factory=list[Trial], init=False)
    """Those that have ended, in order."""
    history: History = field(init=False)
    ended: Ended = field(default="budget", init=False)
    """Why it has ended, once it has."""
    _given: dict[object, None] = field(default_factory=dict[object, None])
    """The keys of points that have been given to the study and have not ended."""

    @cached_property
    def _jobs(self) -> int:
        return self.options.at_a_time

    @property
    def _space(self) -> Space:
        return self.session.plan.space

    def run(self, on_trial: Callable[[Trial], None], patience: int | None = None) -> None:
        """Search until the budget is spent, or nothing worth the name has come for so many evaluations."""
        assert self.options.budget is not None, "the command line has a default"
        self.trials = self.study.trials()
        self.history = History(self._space, self.session.plan.objectives)
        for trial in self.trials:
            self.history.add(trial.outcome.evaluation(trial.point))
        for point in self.session.defaults.values():
            self._give(point)

        def take(trial: Trial) -> None:
            self.trials.append(trial)
            self.history.add(trial.outcome.evaluation(trial.point))
            self._given.pop(self._space.key(trial.point), None)
            self._sweep()
            on_trial(trial)

        self._sweep()
        self.study.run(
            self.session.evaluation,
            self.options.budget,
            jobs=self._jobs,
            cluster=self.options.cluster,
            timeout=self.options.timeout,
            on_trial=take,
            stop=lambda: self._has_waited(patience) or self._promises_little,
        )
        if len(self.trials) < self.options.budget:
            reason = "gain" if self._promises_little else "space"
            self.ended = "patience" if self._has_waited(patience) else reason

    def _has_waited(self, patience: int | None) -> bool:
        return patience is not None and self.unchanged >= patience

    @property
    def _promises_little(self) -> bool:
        return promises_little(self.trials, self.options.stop_gain)

    @property
    def unchanged(self) -> int:
        """How many evaluations have come since the front grew by more than a sliver."""
        return len(self.history) - self.history.progress.grown

    def sweeps(self) -> list[Sweeps]:
        """What sweeps have shown, of each objective."""
        plan, explored = self.session.plan, self.session.evaluation.machine
        known = [p.name for p in plan.space.parameters if not isinstance(p, Real)]
        names = sorted(known, key=lambda name: name in explored)  # the knobs of mappings first
        trials = sorted(self.trials, key=lambda trial: trial.number)
        return [
            Sweeps(plan.space, plan.objectives, goal, names, trials) for goal in range(len(plan.objectives))
        ]

    @property
    def inert(self) -> list[str]:
        """The knobs that sweeps have tested, around the best of each objective, and that changed nothing."""
        known = [set(sweeps.inert) for sweeps in self.sweeps()]
        return [p.name for p in self._space.parameters if all(p.name in names for names in known)]

    def _sweep(self) -> None:
        """Give points of sweeps to the study, as many as are evaluated at a time."""
        assert self.options.budget is not None, "the command line has a default"
        several = len(self.session.plan.objectives) > 1
        share = (SWEPT_OF_SEVERAL if several else SWEPT_OF_ONE) * self.options.budget
        most = min(share, MOST_TURNS * len(self._space.parameters))
        turn = len(self.trials)
        while len(self._given) < self._jobs and len(self.trials) + len(self._given) < most:
            sweeps = self.sweeps()
            order: Sequence[Sweeps] = sweeps[turn % len(sweeps) :] + sweeps[: turn % len(sweeps)]
            found = (sweep.next(self._given) for sweep in order)
            point = next((point for point in found if point is not None), None)
            if point is None:
                return
            self._give(point)
            turn += 1

    def _give(self, point: Point) -> None:
        key = self._space.key(point)
        if all(self._space.key(trial.point) != key for trial in self.trials):
            self._given[key] = None
            self.study.enqueue(point)
