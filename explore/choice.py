"""How the default method chooses one point: hunt for feasibility, Pareto wall, or hypervolume improvement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .acquisition import expected_improvement
from .encoding import encode
from .pool import Candidates, Pool
from .space import Point
from .surrogate import Prediction, Surrogate
from .wall import predicted_front

LATEST = 20
"""The hunt looks near so many points, those told last."""

CLIMBS = 4
"""How often local search goes from the best candidates to their neighbours."""

CLIMBERS = 3
"""How many candidates climb."""

FAR_DRAWS = 20
"""Among how many candidates the farthest is chosen while nothing is known of feasibility."""

Score = Callable[[Prediction, Sequence[Point]], np.ndarray]


@dataclass(frozen=True)
class Chooser:
    """What a choice needs: the candidates, the models, and the power `tilt` with which priors count."""

    pool: Pool
    surrogate: Surrogate
    rng: np.random.Generator
    seen: set[object]
    tilt: float

    def hunt(self, told: Sequence[Point]) -> Point | None:
        """The point that is most likely feasible; where nothing is known of that, one far from all told."""
        known = self.surrogate.slacks or self.surrogate.classifier.certain is None
        if known:
            return self._climb(self.pool.draw(self.rng, self.seen, told[-LATEST:]), self._feasibility)
        candidates = self.pool.draw(self.rng, self.seen, ())
        if len(candidates) == 0:
            return None
        chosen = self.rng.choice(len(candidates), min(FAR_DRAWS, len(candidates)), replace=False)
        others = encode(self.pool.space, told)
        gaps = ((candidates.rows[chosen, None] - others[None]) ** 2).sum(axis=2).min(axis=1, initial=np.inf)
        prior = np.exp(self._prior([candidates.points[index] for index in chosen]))
        return candidates.points[chosen[int(np.argmax(gaps * prior))]]

    def improve(self, front: Sequence[Point]) -> Point | None:
        """The point with the largest EHVI times probability of feasibility."""
        return self._climb(self.pool.draw(self.rng, self.seen, front), self._improvement)

    def wall(self, front: Sequence[Point]) -> Point | None:
        """A point of the predicted front that is expected to improve the front there is.

        Where none is, the one with the largest EHVI; where none is expected to be feasible, the likeliest.
        """
        candidates = self.pool.draw(self.rng, self.seen, front)
        if len(candidates) == 0:
            return None
        prediction = self.surrogate.predict(candidates.rows)
        best = predicted_front(prediction.mean, np.exp(prediction.log_probability))
        if len(best) == 0:
            return self._climb(candidates, self._feasibility)
        ahead = (self.surrogate.front[None] <= prediction.mean[best][:, None]).all(axis=2)
        best = best[np.count_nonzero(ahead, axis=1) == 0]
        if len(best) == 0:
            return self._climb(candidates, self._improvement)
        weights = np.exp(self._prior([candidates.points[index] for index in best]))
        return candidates.points[self.rng.choice(best, p=weights / weights.sum())]

    def _climb(self, candidates: Candidates, score: Score) -> Point | None:
        """The candidate with the best score, after going to better neighbours a few times."""
        if len(candidates) == 0:
            return None
        best = self._best(candidates, score)
        for _ in range(CLIMBS):
            near = self.pool.near(self.rng, self.seen, [point for _, point in best])
            if len(near) == 0:
                break
            better = sorted([*best, *self._best(near, score)], key=lambda scored: -scored[0])[:CLIMBERS]
            if better[0][0] <= best[0][0]:
                break
            best = better
        return best[0][1]

    def _best(self, candidates: Candidates, score: Score) -> list[tuple[float, Point]]:
        """The candidates with the best scores, best first."""
        scores = score(self.surrogate.predict(candidates.rows), candidates.points)
        order = np.argsort(-scores, kind="stable")[:CLIMBERS]
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
        if self.tilt == 0.0:
            return np.zeros(len(points))
        return self.tilt * np.array([self.pool.space.log_prior(point) for point in points])
