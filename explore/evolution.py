"""Searches without models: from the best points to their neighbours, and by evolution.

Both need nothing but the history, so that a search that was interrupted goes on as if it had not been. What
they propose first and is new is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .history import Evaluation, History, signed_values
from .neighbourhood import neighbours, repair
from .sampling import sample_uniform
from .space import Point

CHILDREN = 50
"""So many children of a pair are tried: where values are few, many of them are known already."""


@dataclass(frozen=True)
class Evolution:
    """How points evolve; the defaults are those of HyperMapper 2.2.13."""

    population: int = 50
    """How many evaluations may have children: the best, or the latest."""

    by_age: bool = False
    """Whether these are the latest (regularised evolution, Real and others, arXiv 1802.01548)."""

    tournament: int = 2
    """The best of so many, drawn from the population, has the child."""

    mutations: int = 1
    """How many parameters of a child get new values."""

    crossover: bool = False
    """Whether a child has each value of the best or the second of the tournament."""


def climb(history: History, starts: int, rng: np.random.Generator) -> Iterator[Point]:
    """The neighbours of the best evaluations, of the best first, each one's in random order."""
    order = rng.permutation(len(history))
    ranks = _ranks(history, history)
    for place in order[np.argsort(ranks[order], kind="stable")][:starts]:
        near = list(neighbours(history.space, history[int(place)].point, rng))
        yield from (near[number] for number in rng.permutation(len(near)))


def evolve(history: History, how: Evolution, rng: np.random.Generator) -> Iterator[Point]:
    """Children of the best of a tournament, by different mutations."""
    members = history[-how.population :] if how.by_age else history[:]
    ranks = _ranks(members, history)
    population = np.argsort(ranks, kind="stable")[: how.population]
    drawn = rng.permutation(population)[: how.tournament]
    best = [members[int(place)].point for place in drawn[np.argsort(ranks[drawn], kind="stable")]]
    for _ in range(CHILDREN if best else 0):
        child = dict(best[0])
        if how.crossover and len(best) > 1:
            child |= {name: value for name, value in best[1].items() if name in child and rng.random() < 0.5}
        for name in rng.permutation(list(child))[: how.mutations].tolist():
            child[name] = sample_uniform(history.space.by_name[name], rng)
        child = repair(history.space, child, rng)
        if history.space.satisfies(child):
            yield child


def _ranks(evaluations: Sequence[Evaluation], history: History) -> np.ndarray:
    """By how many of them each is dominated; those that are infeasible come last."""
    feasible = np.array([evaluation.feasible for evaluation in evaluations], dtype=bool)
    values = signed_values([one for one in evaluations if one.feasible], history.objectives)
    below = np.array(
        [((values <= row).all(1) & (values < row).any(1)).sum() for row in values], dtype=np.intp
    )
    ranks = np.full(len(feasible), len(feasible))
    ranks[feasible] = below
    return ranks
