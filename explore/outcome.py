"""What an evaluation gave, and the record that a study keeps of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .history import Evaluation
from .space import Point, Space

SUGGESTIONS = 10
"""So many points in a row must promise little before a search is told to end: some are random, or chosen in
doubt, and promise little anyway."""

Status = Literal["feasible", "infeasible", "failed", "timed-out"]
"""How an evaluation ended. A failed one raised an error or ended its process, a timed-out one was stopped."""


@dataclass(frozen=True)
class Outcome:
    """What an evaluation of a point gave. Whatever its status, the models learn from it."""

    values: tuple[float, ...] | None = None
    """The objectives in their order; None where the evaluation has none."""

    slacks: Mapping[str, float] = field(default_factory=dict[str, float])
    """For each resource what is used minus what there is; above 0 is too much."""

    status: Status = "feasible"
    message: str = ""
    """Why the point is not feasible, in the words of who evaluated it."""

    details: Mapping[str, str | float] = field(default_factory=dict[str, "str | float"])
    """What else is worth keeping, such as the pipeline that was run."""

    @property
    def has_failed(self) -> bool:
        """Whether the evaluation gave nothing."""
        return self.status in ("failed", "timed-out")

    def evaluation(self, point: Point) -> Evaluation:
        """The outcome as the models see it."""
        within = all(slack <= 0 for slack in self.slacks.values())
        feasible = self.status == "feasible" and self.values is not None and within
        return Evaluation(point, self.values, self.slacks, feasible)


@dataclass(frozen=True)
class Trial:
    """An evaluation that has ended, as the study keeps it."""

    number: int
    """Its place in the study, from 0; places of evaluations still running are missing."""

    point: Point
    outcome: Outcome
    start: float
    """When the evaluation began, in seconds since the epoch."""

    seconds: float
    """How long it took."""

    expected: float | None = None
    """The share by which models expected it to improve the front; None where they did not choose it."""


def without_repeats(space: Space, trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """Each point once, in their order: its first answer that did not fail, else its first of all."""
    kept: dict[Hashable, Trial] = {}
    for trial in trials:
        known = kept.setdefault(space.key(trial.point), trial)
        if known.outcome.has_failed and not trial.outcome.has_failed:
            kept[space.key(trial.point)] = trial
    return tuple(kept.values())


def expected_gain(trials: Iterable[Trial]) -> float | None:
    """The largest share by which one of the last `SUGGESTIONS` points that models chose was expected to
    improve the front; None where they have not chosen so many.
    """
    chosen = sorted((trial.number, trial.expected) for trial in trials if trial.expected is not None)
    latest = [share for _, share in chosen[-SUGGESTIONS:]]
    return max(latest) if len(latest) == SUGGESTIONS else None


def promises_little(trials: Iterable[Trial], share: float | None) -> bool:
    """Whether a search ends that is to end where no more than a share is expected; None is never."""
    gain = None if share is None else expected_gain(trials)
    return gain is not None and share is not None and gain <= share
