"""The explorer itself, as ask and tell: which points to evaluate next, given what came of those before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np

from . import Method
from .encoding import encode
from .evolution import Evolution, climb, evolve
from .extras import one_thread
from .history import Evaluation, History, Objective
from .local_search import Chooser, expected_gain
from .parameters import Value
from .pool import Pool
from .predicted_front import choose_batch
from .reference import SETTLING
from .space import Point, Space
from .surrogate import ModelKind, Modeller, Surrogate

FRONT_LIST_LIMIT = 50_000
"""The method `pareto-wall` predicts all points of spaces up to this size."""

FRONT_DRAWS = 5_000
"""Of larger ones it predicts so many random points, and the neighbours of the front."""

PATIENCE = 20
"""After so many evaluations without a feasible one, models alone are not trusted to find it."""

HUNT_SHARE = 0.5
"""The share of random points from then on."""

ENDS_SHARE = 0.4
"""The share of points that search an end of the front, while ends move."""

DOUBT_SHARE = 1 / 3
"""The share of points that are chosen in doubt: a whole search in doubt would waste the last per cent."""

DOUBT = 10
"""After so many evaluations that have brought nothing, what is e to the -n likely counts as 1 / (1 + n)."""

MOST_DOUBT = 2.0
"""Doubt grows no further than to so many times this."""


@dataclass(frozen=True)
class Settings:
    """How an optimizer works; the defaults are for every day, the others for comparisons."""

    method: Method = "default"
    warm_up: int | None = None
    """Evaluations drawn from the priors at first; None: twice the parameters plus 2, at least 10."""

    random_share: float = 0.03
    """The share of random points, so that no region is left out for ever."""

    prior_strength: float = 10.0
    """After n evaluations, priors count with the power of this over n (piBO, arXiv 2204.11051)."""

    model: ModelKind = "gaussian"
    use_logs: bool = True
    use_classifier: bool = True
    """Whether models learn where points fail that no slack explains."""

    starts: int = 10
    """From how many points local search goes to neighbours."""

    evolution: Evolution = field(default_factory=Evolution)


class Optimizer:
    """Chooses points of a space; all that is random comes from the generator."""

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        rng: np.random.Generator,
        settings: Settings = Settings(),
    ):
        """Raises: ValueError where there is no objective."""
        if not objectives:
            raise ValueError("an optimizer needs an objective")
        self.space = space
        self.objectives = tuple(objectives)
        self.settings = settings
        self.history = History(space, self.objectives)
        self._rng = rng
        self.expected_gain: float | None = None
        """The share by which models expected the point asked for last to improve the front; None where they
        did not choose it, or there is no front."""
        self._pending: dict[object, Point] = {}
        self._told: set[object] = set()
        is_paper = settings.method == "pareto-wall"
        self._pool = Pool(space, FRONT_LIST_LIMIT, FRONT_DRAWS) if is_paper else Pool(space)
        kind = "forest" if is_paper else settings.model
        use_logs = settings.use_logs and not is_paper
        self._modeller = Modeller(space, self.objectives, kind, use_logs, settings.use_classifier)

    @property
    def warm_up(self) -> int:
        """How many points come from the priors at first."""
        given = self.settings.warm_up
        return max(2 * len(self.space.parameters) + 2, 10) if given is None else given

    def front(self) -> list[Evaluation]:
        """The feasible evaluations that no other dominates."""
        return list(self.history.front)

    def tell(
        self,
        point: Mapping[str, Value],
        values: Sequence[float] | None,
        slacks: Mapping[str, float] | None = None,
        *,
        feasible: bool = True,
        again: bool = False,
    ) -> None:
        """Take in an evaluation: objectives in their order, or None for an infeasible point that has none.

        Objectives of an infeasible point teach the models, too. A slack is what is used of a resource minus
        what there is: one above 0 makes a point infeasible. `again` takes in another evaluation of a point.

        Raises: SpaceError where the point is none of the space; ValueError for a wrong number of objectives,
        for numbers that are not finite, and for a point that has been told, unless it is told again.
        """
        self.space.check(point)
        key = self.space.key(point)
        if key in self._told and not again:
            raise ValueError(f"the point {dict(point)} has been told already; again=True adds an evaluation")
        slacks = dict(slacks or {})
        if values is not None and len(values) != len(self.objectives):
            raise ValueError(f"{len(values)} values for {len(self.objectives)} objectives")
        if not all(map(isfinite, [*(values or ()), *slacks.values()])):
            raise ValueError("objectives and slacks must be finite; tell None for an evaluation that failed")
        feasible = feasible and values is not None and all(slack <= 0 for slack in slacks.values())
        known = None if values is None else tuple(map(float, values))
        kept = {} if self.settings.method == "pareto-wall" else slacks
        self.history.add(Evaluation(dict(point), known, kept, feasible))
        self._pending.pop(key, None)
        self._told.add(key)

    def ask(self, n: int = 1) -> list[Point]:
        """Up to `n` points to evaluate next, all different and new; fewer where the space has no more.

        What has been asked for and not been told yet is taken as under evaluation: it is not proposed again,
        and its surroundings are expected to bring less.

        Raises: ValueError where `n` is not above 0.
        """
        if n < 1:
            raise ValueError(f"ask for a number of points above 0, not for {n}")
        self.expected_gain = None
        missing = max(self.warm_up - len(self.history) - len(self._pending), 0)
        chosen = self._draw(min(n, missing), by_prior=True)
        rest = n - len(chosen)
        self._pool.begin(self.history[0].point if self.history else None)
        if rest == 0 or len(chosen) < min(n, missing):
            return chosen
        match self.settings.method:
            case "random":
                return chosen + self._draw(rest, by_prior=False)
            case "pareto-wall":
                with one_thread():
                    return chosen + self._ask_predicted_front(rest)
            case "default":
                with one_thread():
                    return chosen + self._ask_default(rest)
            case "local-search":
                return chosen + self._ask_first(
                    rest, lambda: climb(self.history, self.settings.starts, self._rng)
                )
            case "evolution":
                return chosen + self._ask_first(
                    rest, lambda: evolve(self.history, self.settings.evolution, self._rng)
                )

    def expect(self, point: Mapping[str, Value]) -> None:
        """Note that a point is under evaluation that has not been asked for here.

        Raises: SpaceError where the point is none of the space.
        """
        self.space.check(point)
        self._take(dict(point))

    def go_on(self, rng: np.random.Generator, pending: Iterable[Mapping[str, Value]]) -> None:
        """Choose with another generator from now on, while these points and no others are under evaluation.

        What is chosen then depends on the history, the generator and these points alone.

        Raises: SpaceError where one is no point of the space.
        """
        self._rng, self._pending = rng, {}
        for point in pending:
            self.expect(point)

    @property
    def _seen(self) -> set[object]:
        """The keys of what is not proposed any more."""
        return self._told | self._pending.keys()

    def _draw(self, n: int, by_prior: bool) -> list[Point]:
        """New random points."""
        drawn: list[Point] = []
        for _ in range(n):
            point = self._pool.draw_one(self._rng, self._seen, by_prior)
            if point is None:
                break
            drawn.append(self._take(point))
        return drawn

    def _take(self, point: Point) -> Point:
        """Note that a point is under evaluation."""
        self._pending[self.space.key(point)] = point
        return point

    def _ask_first(self, n: int, propose: Callable[[], Iterable[Point]]) -> list[Point]:
        """The first points of what is proposed that are new, or where there are none, random ones."""
        chosen: list[Point] = []
        while len(chosen) < n:
            new = (point for point in propose() if self.space.key(point) not in self._seen)
            point = next(new, None) or self._pool.draw_one(self._rng, self._seen, by_prior=False)
            if point is None:
                break
            chosen.append(self._take(point))
        return chosen

    def _ask_predicted_front(self, n: int) -> list[Point]:
        """One round of the paper's algorithm: its batch is what is asked for."""
        candidates = self._pool.draw(self._rng, self._seen, [evaluation.point for evaluation in self.front()])
        if len(candidates) == 0:
            return []
        prediction = self._modeller.fit(self.history, self._rng).predict(candidates.rows)
        probability = np.exp(prediction.log_probability)
        chosen = choose_batch(prediction.mean, probability, min(n, len(candidates)), self._rng)
        return [self._take(candidates.points[index]) for index in chosen]

    def _ask_default(self, n: int) -> list[Point]:
        """Points chosen one by one, each as if those under evaluation turned out as predicted."""
        surrogate = self._modeller.fit(self.history, self._rng)
        if self._pending:
            surrogate = surrogate.believe(encode(self.space, list(self._pending.values())))
        chosen: list[Point] = []
        while len(chosen) < n:
            if self._rng.random() < self._random_share:
                point = self._pool.draw_one(self._rng, self._seen, by_prior=False)
            else:
                point = self._choose(surrogate)
            if point is None:
                break
            chosen.append(self._take(point))
            row = encode(self.space, [point])
            self.expected_gain = expected_gain(surrogate, row)
            if len(chosen) < n:
                surrogate = surrogate.believe(row)
        return chosen

    @property
    def _random_share(self) -> float:
        """The share of random points: large when the hunt for a feasible one takes long."""
        hunts_long = not self.history.front and self._since(0) >= PATIENCE
        return HUNT_SHARE if hunts_long else self.settings.random_share

    def _since(self, evaluations: int) -> int:
        """How many evaluations, the warm-up aside, have come after so many."""
        return max(len(self.history) - max(self.warm_up, evaluations), 0)

    @property
    def _open_ends(self) -> list[int]:
        """The objectives whose ends are searched: unless all others have capacities."""
        unknown = [goal.capacity is None for goal in self.objectives]
        return [k for k in range(len(unknown)) if any(unknown[:k] + unknown[k + 1 :])]

    def _choose(self, surrogate: Surrogate) -> Point | None:
        """The next point of the default method."""
        front = [evaluation.point for evaluation in self.history.front]
        progress = self.history.progress
        doubts = self._rng.random() < DOUBT_SHARE
        doubt = min(self._since(progress.grown) / DOUBT, MOST_DOUBT) if doubts else 0.0
        chooser = Chooser(self._pool, surrogate, self._rng, self._seen, self._prior_exponent(), doubt)
        if not front:
            return chooser.likeliest([evaluation.point for evaluation in self.history])
        point = None
        share = ENDS_SHARE / (1.0 + self._since(progress.moved) / SETTLING)
        if self._open_ends and self._rng.random() < share:
            point = chooser.move_end(front, self._open_ends)
        return point or chooser.improve(front)

    def _prior_exponent(self) -> float:
        """The power with which priors count now."""
        return self.settings.prior_strength / len(self.history) if self.space.has_priors else 0.0
