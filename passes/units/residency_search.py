"""The best set of weights that stay in SRAM, by the model in `residency.py`: a pure solver.

Of few weights every set is tried. Else the best set is found by adding, exchanging and dropping
weights for as long as that makes the step shorter, from all that there are or from none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from itertools import combinations
from math import inf

from .residency import EQUAL, ROUNDS, Problem, Residency, hbm_bytes, model

MOST_TRIED, FEW = 10, 5
"""Weights of which every set is tried, where not all have room and where all have: 1,024 sets, of which HBM's
time leaves few to model, and 32."""
LEAST_SHARE = 1 / 1000
"""Of HBM's bytes that a weight must bring so that sets are tried with and without it."""


def choose_residents(problem: Problem) -> Residency:
    """The weights that make the modelled step shortest; of equal sets the one that saves HBM most."""
    everything = frozenset(range(len(problem.weights)))
    large = sorted(n for n in everything if _share_of_bytes(problem, n) >= LEAST_SHARE)
    best = model(problem, everything)
    if len(large) <= (MOST_TRIED if best is None else FEW):
        best = _best_of_all(problem, large)
    best = best or model(problem, frozenset()) or Residency({}, inf, 0)
    while (found := _better(problem, best, everything)) is not None:
        best = found
    last = model(problem, best.pmus.keys(), ROUNDS)
    return best if last is None or last.cycles > best.cycles else last


def _share_of_bytes(problem: Problem, number: int) -> float:
    whole = hbm_bytes(problem, frozenset())
    return (whole - hbm_bytes(problem, {number})) / whole if whole else 0.0


def _best_of_all(problem: Problem, numbers: Sequence[int]) -> Residency:
    """The best set, those first that leave HBM least to do: it is a bound of what a set can be."""
    sets = (frozenset(one) for size in range(len(numbers) + 1) for one in combinations(numbers, size))
    best = Residency({}, inf, 0)
    for moved, kept in sorted((hbm_bytes(problem, one), sorted(one)) for one in sets):
        if moved / problem.rates.hbm > best.cycles * EQUAL:
            break
        found = model(problem, frozenset(kept)) if _may_be_better(problem, kept, best) else None
        best = found if found is not None and found.rank < best.rank else best
    return best


def _better(problem: Problem, best: Residency, everything: Set[int]) -> Residency | None:
    """The first better set with one weight more, another one instead, or one less; None if there is none."""
    kept, others = frozenset(best.pmus), sorted(everything - best.pmus.keys())
    moves = [kept | {n} for n in others]
    moves += [kept - {n} | {other} for n in sorted(kept) for other in others]
    moves += [kept - {n} for n in sorted(kept)]
    found = (model(problem, move) for move in moves if _may_be_better(problem, move, best))
    return next((one for one in found if one is not None and one.rank < best.rank), None)


def _may_be_better(problem: Problem, kept: Collection[int], best: Residency) -> bool:
    """Whether HBM's time and the room for weights leave it open."""
    fits = sum(problem.weights[n].pmus for n in kept) <= problem.rates.most
    return fits and hbm_bytes(problem, kept) / problem.rates.hbm <= best.cycles * EQUAL
