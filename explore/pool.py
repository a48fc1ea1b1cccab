"""The candidates among which an optimizer chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress

import numpy as np

from .encoding import encode
from .neighbourhood import double_moves, neighbour_count, neighbours
from .space import Point, Space
from .trees import random_below

CHUNK = 500
"""So many points are drawn at a time."""


@dataclass
class CandidateSample:
    """The first points of a stream of draws; the generator decides which, however it grows."""

    space: Space
    rng: np.random.Generator
    points: list[Point] = field(default_factory=list, repr=False)
    keys: list[object] = field(default_factory=list, repr=False)
    _blocks: list[np.ndarray] = field(default_factory=list, repr=False)

    def grow(self, size: int) -> None:
        """Draw points until there are so many."""
        while len(self.points) < size:
            drawn = self.space.sample(self.rng, CHUNK)
            self.points.extend(drawn)
            self.keys.extend(map(self.space.key, drawn))
            self._blocks.append(encode(self.space, drawn))

    def rows(self, numbers: Sequence[int]) -> np.ndarray:
        """The encodings of some points."""
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        return self._blocks[0][list(numbers)]


LIST_LIMIT = 4096
"""Spaces of up to this many points are candidates as a whole."""

DRAWS = 1000
"""How many random candidates there are of larger spaces."""

SAMPLE_GROWTH = 50
"""With every point that has been seen, the sample has so many more: in time a search sees a larger part."""

LARGEST_SAMPLE = 10_000
"""A sample of candidates grows no further than this."""

DOUBLES = 16
"""Of each point, so many changes of two parameters are tried."""

MOST_ANCHORS = 20
MOST_NEAR = 1000
"""Candidates are near at most so many points, fewer where they would have more neighbours than this."""


@dataclass(frozen=True)
class Candidates:
    """Points and their encodings."""

    points: tuple[Point, ...]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.points)


@dataclass
class Pool:
    """Makes candidates of a space; small spaces are listed and encoded once.

    Of larger spaces, `draws` of a sample of random points are candidates, and what is near some points.
    """

    space: Space
    list_limit: int = LIST_LIMIT
    draws: int = DRAWS
    _listed: Candidates | None = field(default=None, repr=False)
    _places: dict[object, int] = field(default_factory=dict, repr=False)
    _sample: CandidateSample | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        count = self.space.count() if self.space.is_discrete else None
        if count is not None and count <= self.list_limit:
            points = tuple(self.space.points())
            self._listed = Candidates(points, encode(self.space, points))
            self._places = {self.space.key(point): place for place, point in enumerate(points)}

    def begin(self, first: Point | None) -> None:
        """Take the first evaluation as the seed of the sample: the same history meets the same candidates."""
        if self._sample is None:
            text = "" if first is None else repr(self.space.key(first))
            self._sample = CandidateSample(self.space, np.random.default_rng(list(text.encode())))

    def draw(self, rng: np.random.Generator, seen: set[object], anchors: Sequence[Point]) -> Candidates:
        """Candidates that have not been seen: all of a small space, or random ones and neighbours."""
        if self._listed is not None:
            keep = np.ones(len(self._listed), dtype=bool)
            keep[[self._places[key] for key in seen if key in self._places]] = False
            return Candidates(tuple(compress(self._listed.points, keep)), self._listed.rows[keep])
        chosen = rng.permutation(len(anchors))[: self._anchors]
        near = self.near(rng, seen, [anchors[number] for number in chosen])
        return self._with_sample(near, rng, seen)

    @cached_property
    def _anchors(self) -> int:
        """Near how many points candidates are."""
        return max(1, min(MOST_NEAR // (neighbour_count(self.space) + DOUBLES), MOST_ANCHORS))

    def _with_sample(self, near: Candidates, rng: np.random.Generator, seen: set[object]) -> Candidates:
        """Candidates and some of the sample that are not among them."""
        self.begin(None)
        assert self._sample is not None, "it has begun"
        size = max(self.draws, min(self.draws + SAMPLE_GROWTH * len(seen), LARGEST_SAMPLE))
        self._sample.grow(size)
        known = seen | {self.space.key(point) for point in near.points}
        numbers: dict[object, int] = {}
        for number in rng.choice(size, self.draws, replace=False).tolist():
            key = self._sample.keys[number]
            if key not in known:
                numbers[key] = number
        chosen = list(numbers.values())
        points = (*(self._sample.points[number] for number in chosen), *near.points)
        return Candidates(points, np.concatenate([self._sample.rows(chosen), near.rows]))

    def near(self, rng: np.random.Generator, seen: set[object], anchors: Sequence[Point]) -> Candidates:
        """The neighbours of some points; none in a small space, where all points are candidates anyway."""
        if self._listed is not None or not anchors:
            return Candidates((), encode(self.space, ()))
        moves = [moved for anchor in anchors for moved in neighbours(self.space, anchor, rng)]
        moves += [moved for anchor in anchors for moved in double_moves(self.space, anchor, rng, DOUBLES)]
        return self._new(moves, seen)

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
