"""How the default method chooses one point, with an acquisition function or from the predicted front.

The acquisition function is the probability of feasibility until a feasible point is known, then that times
the expected hypervolume improvement. It is maximised over candidates, and from the best ones by local search.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .acquisition import expected_improvement
from .encoding import encode
from .pool import Candidates, Pool
from .predicted_front import predicted_front
from .space import Point
from .surrogate import Prediction, Surrogate

LATEST = 20
"""While no feasible point is known, candidates are near so many points, those told last."""

SEARCH_ROUNDS = 4
"""How often local search goes from the best candidates to their neighbours."""

SEARCH_STARTS = 3
"""From how many candidates it goes on."""

FAR_CANDIDATES = 20
"""Among how many candidates the farthest is chosen while nothing is known of feasibility."""

Acquisition = Callable[[Prediction, Sequence[Point]], np.ndarray]
"""The logarithm of an acquisition function at some points, given what is predicted there."""


@dataclass(frozen=True)
class Chooser:
    """What a choice needs: the candidates, the models, and the power with which priors count."""

    pool: Pool
    surrogate: Surrogate
    rng: np.random.Generator
    seen: set[object]
    prior_exponent: float

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

    def from_predicted_front(self, front: Sequence[Point]) -> Point | None:
        """A point of the predicted front that is expected to improve the front there is.

        Where none is, the one with the largest EHVI; where none is expected to be feasible, the likeliest.
        """
        candidates = self.pool.draw(self.rng, self.seen, front)
        if len(candidates) == 0:
            return None
        prediction = self.surrogate.predict(candidates.rows)
        best = predicted_front(prediction.mean, np.exp(prediction.log_probability))
        if len(best) == 0:
            return self._local_search(candidates, self._feasibility)
        ahead = (self.surrogate.front[None] <= prediction.mean[best][:, None]).all(axis=2)
        best = best[np.count_nonzero(ahead, axis=1) == 0]
        if len(best) == 0:
            return self._local_search(candidates, self._improvement)
        weights = np.exp(self._prior([candidates.points[index] for index in best]))
        return candidates.points[self.rng.choice(best, p=weights / weights.sum())]

    def _local_search(self, candidates: Candidates, acquisition: Acquisition) -> Point | None:
        """The best candidate by an acquisition function, after going to better neighbours a few times."""
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
        return best[0][1]

    def _best(self, candidates: Candidates, acquisition: Acquisition) -> list[tuple[float, Point]]:
        """The candidates that are best by an acquisition function, best first."""
        scores = acquisition(self.surrogate.predict(candidates.rows), candidates.points)
        order = np.argsort(-scores, kind="stable")[:SEARCH_STARTS]
        return [(float(scores[index]), candidates.points[index]) for index in order]

    def _feasibility(self, prediction: Prediction, points: Sequence[Point]) -> np.ndarray:
        return prediction.log_probability + self._prior(points)

    def _improvement(self, prediction: Prediction, points: Sequence[Point]) -> np.ndarray:
        models = self.surrogate
        gain = expected_improvement(
            prediction.mean, prediction.deviation, models.front, models.reference, models.logs
        )
        return np.log(np.maximum(gain, 1e-300)) + prediction.log_probability + self._prior(points)

    def _prior(self, points: Sequence[Point]) -> np.ndarray:
        """The logarithms of the priors of some points, as far as they count."""
        if self.prior_exponent == 0.0:
            return np.zeros(len(points))
        return self.prior_exponent * np.array([self.pool.space.log_prior(point) for point in points])
