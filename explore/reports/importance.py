"""How much each parameter matters: what a forest loses on points it has not seen when a parameter is
shuffled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress

import numpy as np

from ..encoding import column_owners
from ..space import Space
from .formatting import share_text
from .targets import Target, ask_trees, grow_trees

TREES = 30
FOLDS = 5
"""The evaluations are split into this many parts; each is held out once."""

ROUNDS = 2
"""How often they are split anew."""

SHUFFLES = 5
"""How often a parameter is shuffled in a part."""

LEAST_SCORE = 0.1
"""A forest that explains less than this share of the variance says nothing about parameters."""


MAIN_SHARE = 0.01
"""Parameters with less of the importance are left out of tables and plots."""


@dataclass(frozen=True)
class Importance:
    """The share of a parameter in what all parameters explain."""

    parameter: str
    share: float
    spread: float
    """The standard deviation of the share over the held-out parts."""


@dataclass(frozen=True)
class Importances:
    """The parameters by their importance for a target, the most important first."""

    target: str
    evaluations: int
    score: float | None
    """The share of the variance that forests explain on held-out points (R²); None where none was grown."""

    entries: tuple[Importance, ...]
    note: str
    """Why there are no entries; else empty."""

    @property
    def main(self) -> tuple[Importance, ...]:
        """Those with at least `MAIN_SHARE`."""
        return tuple(entry for entry in self.entries if entry.share >= MAIN_SHARE)


def find_importances(space: Space, target: Target, seed: int) -> Importances:
    """Split, learn, shuffle: the mean loss of each parameter over all held-out parts."""
    count = len(target.values)
    if target.obstacle:
        return Importances(target.name, count, None, (), target.obstacle)
    rng = np.random.default_rng(seed)
    parts = [_part(space, target, held, rng) for held in _held_out(target.values, rng)]
    score = float(1 - np.mean([error for error, _ in parts]) / target.values.var())
    if score < LEAST_SCORE:
        note = f"forests explain {share_text(max(score, 0))} of the variance on points they have not seen"
        return Importances(target.name, count, score, (), note)
    losses = np.stack([loss for _, loss in parts])
    return Importances(target.name, count, score, _entries(space, losses), "")


def _entries(space: Space, losses: np.ndarray) -> tuple[Importance, ...]:
    """Shares of the summed mean losses; what loses nothing has none."""
    means = np.maximum(losses.mean(0), 0)
    total = means.sum() or 1.0
    spreads = losses.std(0) / total
    entries = [
        Importance(parameter.name, float(mean / total), float(spread))
        for parameter, mean, spread in zip(space.parameters, means, spreads, strict=True)
    ]
    return tuple(sorted(entries, key=lambda entry: -entry.share))


def _held_out(values: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Masks of parts that all have low and high values alike."""
    for _ in range(ROUNDS):
        mixed = rng.permutation(len(values))
        ranks = np.empty(len(values), dtype=int)
        ranks[mixed[np.argsort(values[mixed], kind="stable")]] = np.arange(len(values))
        yield from (ranks % FOLDS == fold for fold in range(FOLDS))


def _part(
    space: Space, target: Target, held: np.ndarray, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """The mean squared error on a held-out part, and how much more it is when each parameter is shuffled."""
    trees = grow_trees(target.rows[~held], target.values[~held], TREES, int(rng.integers(2**31)))
    rows, values = target.rows[held], target.values[held]
    points, owners = list(compress(target.points, held)), column_owners(space)

    def error(copies: np.ndarray) -> float:
        """Of copies of the same points, which lie one below the other."""
        answers = ask_trees(trees, copies).mean(0).reshape(-1, len(values))
        return float(((answers - values) ** 2).mean())

    plain, worse = error(rows), np.zeros(len(space.parameters))
    for index, parameter in enumerate(space.parameters):
        present = np.flatnonzero([parameter.name in point for point in points])
        worse[index] = error(_shuffled(rows, np.flatnonzero(owners == index), present, rng)) - plain
    return plain, worse


def _shuffled(
    rows: np.ndarray, columns: np.ndarray, present: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Copies of the rows with the values of one parameter exchanged among those that have it."""
    changed = np.tile(rows, (SHUFFLES, 1))
    for copy in range(SHUFFLES):
        places = copy * len(rows) + present
        changed[np.ix_(places, columns)] = rows[np.ix_(rng.permutation(present), columns)]
    return changed
