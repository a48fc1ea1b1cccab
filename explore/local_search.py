"""How the default method chooses one point, with an acquisition function.

It is the probability of feasibility until a feasible point is known, then that times the expected hypervolume
improvement, or times how far an end of the front is expected to move. It is maximised over candidates, and
from the best ones by local search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .acquisition import doubted, expected_improvement, expected_move, size_of_front
from .encoding import encode
from .pool import Candidates, Pool
from .space import Point
from .surrogate import Prediction, Surrogate

LATEST = 20
"""While no feasible point is known, candidates are near so many points, those told last."""

SEARCH_ROUNDS = 4
"""How often local search goes from the best candidates to their neighbours."""

SEARCH_STARTS = 3
"""From how many candidates it goes on."""

LEAST_MOVE = 1e-3
"""An end is searched where an evaluation is expected to move it by this share of the range, times the chance
that it is feasible."""

FAR_CANDIDATES = 20
"""Among how many candidates the farthest is chosen while nothing is known of feasibility."""

Acquisition = Callable[[Prediction, Sequence[Point]], np.ndarray]
"""The logarithm of an acquisition function at some points, given what is predicted there."""


def expected_gain(models: Surrogate, row: np.ndarray) -> float | None:
    """The share by which an encoded point is expected to improve the front; None where that has no size."""
    size = size_of_front(models.front, models.reference, models.logs)
    prediction = models.predict(row)
    gain = _improvement(models, prediction) * np.exp(prediction.log_probability)
    return float(gain[0]) / size if size > 0 else None


def _improvement(models: Surrogate, prediction: Prediction) -> np.ndarray:
    """By how much points are expected to improve the front if they are feasible."""
    mean, deviation = prediction.mean, prediction.deviation
    return expected_improvement(mean, deviation, models.open_boxes, models.reference, models.logs)


@dataclass(frozen=True)
class Chooser:
    """What a choice needs: the candidates, the models, and the powers with which priors and doubts count."""

    pool: Pool
    surrogate: Surrogate
    rng: np.random.Generator
    seen: set[object]
    prior_exponent: float
    doubt: float = 0.0
    """How little the models of feasibility are trusted; 0 is wholly."""

    def likeliest(self, told: Sequence[Point]) -> Point | None:
        """The point that is most likely feasible; where nothing is known of that, one far from all told."""
        known = self.surrogate.slacks or self.surrogate.classifier.certain is None
        if known:
            return self._local_search(self.pool.draw(self.rng, self.seen, told[-LATEST:]), self._feasibility)
        candidates = self.pool.draw(self.rng, self.seen, ())
        if len(candidates) == 0:
            return None
        chosen = self.rng.choice(len(candidates), min(FAR_CANDIDATES, len(candidates)), replace=False)
        others = encode(self.pool.space, told)
        gaps = ((candidates.rows[chosen, None] - others[None]) ** 2).sum(axis=2).min(axis=1, initial=np.inf)
        prior = np.exp(self._prior([candidates.points[index] for index in chosen]))
        return candidates.points[chosen[int(np.argmax(gaps * prior))]]

    def improve(self, front: Sequence[Point]) -> Point | None:
        """The point with the largest EHVI times probability of feasibility."""
        return self._local_search(self.pool.draw(self.rng, self.seen, front), self._improvement)

    def move_end(self, front: Sequence[Point], goals: Sequence[int]) -> Point | None:
        """The point that is expected to move an end most, of the objectives with some numbers.

        None where no end is expected to move by a relevant amount.
        """
        models, chosen = self.surrogate, list(goals)
        ends, spans = models.front.min(0)[chosen], models.spans[chosen]

        def acquisition(prediction: Prediction, points: Sequence[Point]) -> np.ndarray:
            move = expected_move(prediction.mean[:, chosen], prediction.deviation[:, chosen], ends, spans)
            return self._weighed(move, prediction, points)

        return self._local_search(
            self.pool.draw(self.rng, self.seen, front), acquisition, float(np.log(LEAST_MOVE))
        )

    def _local_search(
        self, candidates: Candidates, acquisition: Acquisition, least: float = -np.inf
    ) -> Point | None:
        """The best candidate by an acquisition function, after going to better neighbours a few times.

        None where even that has less than some value.
        """
        if len(candidates) == 0:
            return None
        best = self._best(candidates, acquisition)
        for _ in range(SEARCH_ROUNDS):
            near = self.pool.near(self.rng, self.seen, [point for _, point in best])
            if len(near) == 0:
                break
            better = sorted([*best, *self._best(near, acquisition)], key=lambda scored: -scored[0])[
                :SEARCH_STARTS
            ]
            if better[0][0] <= best[0][0]:
                break
            best = better
        return best[0][1] if best[0][0] >= least else None

    def _best(self, candidates: Candidates, acquisition: Acquisition) -> list[tuple[float, Point]]:
        """The candidates that are best by an acquisition function, best first."""
        scores = acquisition(self.surrogate.predict(candidates.rows), candidates.points)
        order = np.argsort(-scores, kind="stable")[:SEARCH_STARTS]
        return [(float(scores[index]), candidates.points[index]) for index in order]

    def _feasibility(self, prediction: Prediction, points: Sequence[Point]) -> np.ndarray:
        return prediction.log_probability + self._prior(points)

    def _improvement(self, prediction: Prediction, points: Sequence[Point]) -> np.ndarray:
        return self._weighed(_improvement(self.surrogate, prediction), prediction, points)

    def _weighed(self, gain: np.ndarray, prediction: Prediction, points: Sequence[Point]) -> np.ndarray:
        """The logarithm of a gain times the probability of feasibility and the prior."""
        feasible = doubted(prediction.log_probability, self.doubt)
        return np.log(np.maximum(gain, 1e-300)) + feasible + self._prior(points)

    def _prior(self, points: Sequence[Point]) -> np.ndarray:
        """The logarithms of the priors of some points, as far as they count."""
        if self.prior_exponent == 0.0:
            return np.zeros(len(points))
        return self.prior_exponent * np.array([self.pool.space.log_prior(point) for point in points])
