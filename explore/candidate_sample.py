"""Random candidates of a large space, kept with their encodings: new ones for every choice take long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .encoding import encode
from .space import Point, Space

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
