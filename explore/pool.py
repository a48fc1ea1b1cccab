"""The candidates among which an optimizer chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np

from .encoding import encode
from .moves import neighbours
from .space import Point, Space
from .trees import random_below

LIST_LIMIT = 4096
"""Spaces of up to this many points are candidates as a whole."""

DRAWS = 1000
"""How many candidates are drawn from larger spaces."""


@dataclass(frozen=True)
class Candidates:
    """Points and their encodings."""

    points: tuple[Point, ...]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


@dataclass
class Pool:
    """Makes candidates of a space; small spaces are listed and encoded once."""

    space: Space
    list_limit: int = LIST_LIMIT
    _listed: Candidates | None = field(default=None, repr=False)
    _places: dict[object, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        count = self.space.count() if self.space.is_discrete else None
        if count is not None and count <= self.list_limit:
            points = tuple(self.space.points())
            self._listed = Candidates(points, encode(self.space, points))
            self._places = {self.space.key(point): place for place, point in enumerate(points)}

    def draw(self, rng: np.random.Generator, seen: set[object], anchors: Sequence[Point]) -> Candidates:
        """Candidates that have not been seen: all of a small space, or draws and what is near anchors."""
        if self._listed is not None:
            keep = np.ones(len(self._listed), dtype=bool)
            keep[[self._places[key] for key in seen if key in self._places]] = False
            return Candidates(tuple(compress(self._listed.points, keep)), self._listed.rows[keep])
        near = (moved for anchor in anchors for moved in neighbours(self.space, anchor, rng))
        return self._new([*self.space.sample(rng, DRAWS), *near], seen)

    def near(self, rng: np.random.Generator, seen: set[object], anchors: Sequence[Point]) -> Candidates:
        """The neighbours of some points; none in a small space, where all points are candidates anyway."""
        if self._listed is not None:
            return Candidates((), self._listed.rows[:0])
        near = [moved for anchor in anchors for moved in neighbours(self.space, anchor, rng)]
        return self._new(near, seen)

    def draw_one(self, rng: np.random.Generator, seen: set[object], by_prior: bool) -> Point | None:
        """A random point that has not been seen; None where (as far as can be told) there is none."""
        draw = self.space.sample_prior if by_prior else self.space.sample
        for _ in range(DRAWS):
            point = draw(rng, 1)[0]
            if self.space.key(point) not in seen:
                return point
        left = self.draw(rng, seen, ()).points
        return left[random_below(rng, len(left))] if left else None

    def _new(self, points: Iterable[Point], seen: set[object]) -> Candidates:
        new = {self.space.key(point): point for point in points}
        kept = tuple(point for key, point in new.items() if key not in seen)
        return Candidates(kept, encode(self.space, kept))
