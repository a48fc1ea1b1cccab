"""The models of one moment: what is expected of points that have not been evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from .encoding import column_owners
from .extras import load
from .gaussian import GaussianProcess, condition
from .history import History, Objective, signed_values
from .model_selection import Fit, Score, best_fit, evidence, leave_one_out
from .models import TREES, Classifier, Forest, fit_classifier, fit_forest
from .pareto import non_dominated, open_boxes
from .reference import reference_point, usual_worst
from .scales import LINEAR, Scale, objective_scales, slack_scales
from .space import Space

ModelKind = Literal["gaussian", "forest"]

MOST_ROWS = 400
"""A Gaussian process sees at most this many evaluations, the latest: its cost grows with their cube."""

KERNEL_ROWS = 200
"""At most this many evaluations decide the hyperparameters of a kernel."""

KERNEL_GROWTH = 1.15
"""Kernels are fitted again when there are this many times as many evaluations as the last time."""

MORE_TREES = 50
"""The trees of the classifier next to Gaussian processes: smooth predictions want fine probabilities."""

LEAST_PROBABILITY = 1e-3
"""The classifier takes nothing as less likely feasible: its trees say 0 of what they have hardly seen."""


@dataclass(frozen=True)
class Prediction:
    """What is expected of some candidates, one row each; objectives on the scale of the models, minimised."""

    mean: np.ndarray
    deviation: np.ndarray
    log_probability: np.ndarray
    """The logarithm of the chance to be feasible."""


@dataclass(frozen=True)
class Surrogate:
    """Models of the objectives and of feasibility, and the front so far on the scale of the models."""

    objectives: tuple[GaussianProcess | Forest, ...]
    slacks: tuple[GaussianProcess | Forest, ...]
    classifier: Classifier
    labels: GaussianProcess | None
    """A process of 1 where feasible and -1 where not: smooth where the classifier has steps."""
    front: np.ndarray
    reference: np.ndarray
    spans: np.ndarray
    """The range of the usual values of each objective."""
    logs: tuple[bool, ...]
    """Which objectives are on a logarithmic scale."""

    @cached_property
    def open_boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """What is better than the reference point and not dominated by the front, as boxes."""
        return open_boxes(self.front, self.reference)

    def predict(self, rows: np.ndarray) -> Prediction:
        """Predict for encoded candidates."""
        answers = [model.predict(rows) for model in self.objectives]
        means = [mean for mean, _ in answers] or [np.zeros((len(rows), 0))]
        deviations = [np.maximum(deviation, 1e-9) for _, deviation in answers] or means
        return Prediction(np.column_stack(means), np.column_stack(deviations), self._log_probability(rows))

    def _log_probability(self, rows: np.ndarray) -> np.ndarray:
        """Of all slacks, and of the geometric mean of what the classifier and the process of labels say."""
        special = load("scipy.special")
        probability = np.log(np.maximum(self.classifier.probability(rows), LEAST_PROBABILITY))
        if self.labels is not None:
            mean, deviation = self.labels.predict(rows)
            probability = 0.5 * (probability + special.log_ndtr(mean / np.maximum(deviation, 1e-9)))
        for model in self.slacks:
            mean, deviation = model.predict(rows)
            probability += special.log_ndtr(-mean / np.maximum(deviation, 1e-9))
        return probability

    def believe(self, rows: np.ndarray) -> Surrogate:
        """The models if evaluations of some points, still running, turned out as predicted."""
        if not self.objectives:
            return self
        mean = self.predict(rows).mean
        models = tuple(m.believe(rows) if isinstance(m, GaussianProcess) else m for m in self.objectives)
        front = np.concatenate([self.front, mean])
        return replace(self, objectives=models, front=front[non_dominated(front)])


@dataclass
class Modeller:
    """Fits surrogates; remembers the kernels that it has fitted.

    The hyperparameters of a kernel depend on the evaluations only, not on when they were asked for: the same
    history gives the same models.
    """

    space: Space
    goals: Sequence[Objective]
    kind: ModelKind
    use_logs: bool
    use_classifier: bool = True
    _fits: dict[tuple[object, ...], Fit] = field(default_factory=dict, repr=False)

    def fit(self, history: History, rng: np.random.Generator) -> Surrogate:
        """Models of all that is known."""
        measured = np.array([evaluation.values is not None for evaluation in history], dtype=bool)
        values = signed_values(history, self.goals)
        rows = history.rows[measured]
        models: list[GaussianProcess | Forest] = []
        scales = [LINEAR] * len(self.goals)
        for k, goal in enumerate(self.goals if len(rows) else ()):
            offered = objective_scales(np.append(values[:, k], goal.limit), self.use_logs)
            model, scales[k] = self._model(goal.name, rows, values[:, k], offered, evidence, rng)
            models.append(model)
        scaled = np.column_stack([scale.apply(values[:, k]) for k, scale in enumerate(scales)])
        front = np.column_stack([scale.apply(history.front_values[:, k]) for k, scale in enumerate(scales)])
        reference, spans = self._reference(scaled, front, scales, len(history) - history.progress.moved)
        slacks = self._slack_models(history, rng)
        classifier, labels = self._classifiers(history, rng)
        logs = tuple(scale.kind == "log" for scale in scales)
        return Surrogate(tuple(models), slacks, classifier, labels, front, reference, spans, logs)

    def _reference(
        self, scaled: np.ndarray, front: np.ndarray, scales: Sequence[Scale], settled: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The capacities and, where there is none, a reference point; and the ranges of the objectives."""
        if len(scaled) == 0:
            return np.zeros(len(scales)), np.ones(len(scales))
        limits = [scale.apply(np.array(goal.limit)) for goal, scale in zip(self.goals, scales, strict=True)]
        reference = np.where(np.isfinite(limits), limits, reference_point(scaled, front, settled))
        spans = usual_worst(scaled) - scaled.min(0)
        return reference, np.where(spans > 0, spans, 1.0)

    def _slack_models(
        self, history: History, rng: np.random.Generator
    ) -> tuple[GaussianProcess | Forest, ...]:
        """A model per resource."""
        models: list[GaussianProcess | Forest] = []
        for name in sorted({name for evaluation in history for name in evaluation.slacks}):
            told = np.array([name in evaluation.slacks for evaluation in history])
            slacks = np.array([known.slacks[name] for known in history if name in known.slacks])
            rows = history.rows[told]
            offered = slack_scales(slacks[: self._first(len(slacks))])
            models.append(self._model(f"slack {name}", rows, slacks, offered, leave_one_out, rng)[0])
        return tuple(models)

    def _classifiers(
        self, history: History, rng: np.random.Generator
    ) -> tuple[Classifier, GaussianProcess | None]:
        """They learn from what no slack explains."""
        if not self.use_classifier:
            return Classifier((), 1.0), None
        known = np.array([not evaluation.is_explained for evaluation in history], dtype=bool)
        feasible = np.array([evaluation.feasible for evaluation in history], dtype=bool)[known]
        rows = history.rows[known]
        classifier = self._classifier(rows, feasible, rng)
        if self.kind == "forest" or classifier.certain is not None:
            return classifier, None
        labels = np.where(feasible, 1.0, -1.0)
        fit = self._fit("", rows, labels, (LINEAR,), evidence)
        return classifier, condition(fit.kernel, rows[-MOST_ROWS:], labels[-MOST_ROWS:])

    def _classifier(self, rows: np.ndarray, feasible: np.ndarray, rng: np.random.Generator) -> Classifier:
        trees = TREES if self.kind == "forest" else MORE_TREES
        return fit_classifier(rows, feasible, int(rng.integers(2**31)), trees)

    def _model(
        self,
        name: str,
        rows: np.ndarray,
        targets: np.ndarray,
        scales: Sequence[Scale],
        score: Score,
        rng: np.random.Generator,
    ) -> tuple[GaussianProcess | Forest, Scale]:
        """A model and the scale of its targets: for forests the last one, since they have no score."""
        if self.kind == "forest":
            return fit_forest(rows, scales[-1].apply(targets), int(rng.integers(2**31))), scales[-1]
        fit = self._fit(name, rows, targets, scales, score)
        return condition(fit.kernel, rows[-MOST_ROWS:], fit.scale.apply(targets[-MOST_ROWS:])), fit.scale

    def _fit(
        self, name: str, rows: np.ndarray, targets: np.ndarray, scales: Sequence[Scale], score: Score
    ) -> Fit:
        """What the first rows say of scale and kernel."""
        count = self._first(len(rows))
        key = (name, count, *scales)
        if key not in self._fits:
            owners = column_owners(self.space)
            self._fits[key] = best_fit(rows[:count], targets[:count], owners, scales, score)
        return self._fits[key]

    def _first(self, rows: int) -> int:
        """How many rows decide: the largest step of growth that there is."""
        count, step = 1, 1.0
        while step <= min(rows, KERNEL_ROWS):
            count, step = int(step), max(step * KERNEL_GROWTH, step + 1)
        return count
