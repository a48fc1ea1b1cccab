"""Pareto fronts, hypervolumes and the part of the objective space that a front leaves; all objectives are
minimised.

Points are rows of an array, one column per objective.
"""

from __future__ import annotations

import numpy as np


def non_dominated(values: np.ndarray) -> np.ndarray:
    """A mask of the rows that no other row dominates; of equal rows all are in it."""
    if values.shape[1] == 0:
        return np.ones(len(values), dtype=bool)
    order = np.lexsort(values.T[::-1])
    ordered = values[order]
    keep = _sweep_two(ordered) if values.shape[1] == 2 else _sweep(ordered)
    mask = np.zeros(len(values), dtype=bool)
    mask[order[keep]] = True
    return mask


def _sweep_two(ordered: np.ndarray) -> np.ndarray:
    """For rows in dictionary order: whoever has a lower second objective than all before is on the front."""
    best_before = np.minimum.accumulate(np.concatenate([[np.inf], ordered[:-1, 1]]))
    new = ordered[:, 1] < best_before
    if not new.any():
        return new
    latest = np.maximum.accumulate(np.where(new, np.arange(len(new)), 0))
    return new | (ordered == ordered[latest]).all(axis=1)


def _sweep(ordered: np.ndarray) -> np.ndarray:
    """For rows in dictionary order: a row can only be dominated by one before it that is on the front."""
    keep = np.zeros(len(ordered), dtype=bool)
    front = np.empty_like(ordered)
    size = 0
    for index, row in enumerate(ordered):
        below = (front[:size] <= row).all(axis=1)
        if below.any() and not (front[:size][below] == row).all(axis=1).any():
            continue
        keep[index] = True
        front[size] = row
        size += 1
    return keep


def hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """The volume between some points and a reference point that is worse than they; other points add nothing.

    Exact for any number of objectives: slices along the last one, the volume of each computed with one
    objective less (area by area for two).
    """
    inside = values[(values < reference).all(axis=1)]
    if len(inside) == 0:
        return 0.0
    return _volume(inside[non_dominated(inside)], reference)


def _volume(values: np.ndarray, reference: np.ndarray) -> float:
    """The volume of points that are all better than the reference point."""
    if values.shape[1] == 1:
        return float(reference[0] - values.min())
    if values.shape[1] == 2:
        return _area(values, reference)
    values = values[np.argsort(values[:, -1], kind="stable")]
    ends = np.append(values[1:, -1], reference[-1])
    total = 0.0
    front = values[:0, :-1]
    for row, height in zip(values, ends - values[:, -1], strict=True):
        front = insert(front, row[:-1])
        if height > 0:
            total += float(height) * _volume(front, reference[:-1])
    return total


def insert(front: np.ndarray, row: np.ndarray) -> np.ndarray:
    """A front with one more point, without those that it dominates."""
    if (front <= row).all(axis=1).any():
        return front
    return np.concatenate([front[~(row <= front).all(axis=1)], row[None]])


def _area(values: np.ndarray, reference: np.ndarray) -> float:
    """The area of points with two objectives."""
    ordered = values[np.lexsort((values[:, 1], values[:, 0]))]
    lows = np.minimum.accumulate(np.append(reference[1], ordered[:, 1]))
    return float(((reference[0] - ordered[:, 0]) * (lows[:-1] - lows[1:])).sum())


def open_boxes(front: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes without overlap that fill what is better than the reference point and not dominated by a front.

    Returns their lower corners (minus infinity where a box has no end) and their upper corners.
    """
    inside = front[(front < reference).all(axis=1)]
    lower, upper = _boxes(inside, reference)
    return lower.reshape(-1, front.shape[1]), upper.reshape(-1, front.shape[1])


def _boxes(front: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slices along the last objective; in each, the boxes of the points that reach into it."""
    if front.shape[1] == 1:
        top = min(front.min(initial=np.inf), reference[0])
        return np.array([[-np.inf]]), np.array([[top]])
    if front.shape[1] == 2:
        return _boxes_of_two(front, reference)
    cuts = np.unique(front[:, -1])
    bottoms, tops = np.append(-np.inf, cuts), np.append(cuts, reference[-1])
    lowers: list[np.ndarray] = []
    uppers: list[np.ndarray] = []
    for bottom, top in zip(bottoms, tops, strict=True):
        reaching = front[front[:, -1] <= bottom][:, :-1]
        lower, upper = _boxes(reaching[non_dominated(reaching)], reference[:-1])
        lowers.append(np.column_stack([lower, np.full(len(lower), bottom)]))
        uppers.append(np.column_stack([upper, np.full(len(upper), top)]))
    return np.concatenate(lowers), np.concatenate(uppers)


def _boxes_of_two(front: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box per slice along the second objective: up to the least first one of the points that reach in."""
    ordered = front[np.argsort(front[:, 1])]
    least = np.minimum.accumulate(np.append(reference[0], ordered[:, 0]))
    cuts = np.unique(ordered[:, 1])
    reaching = np.append(0, np.searchsorted(ordered[:, 1], cuts, side="right"))
    lower = np.column_stack([np.full(len(reaching), -np.inf), np.append(-np.inf, cuts)])
    return lower, np.column_stack([least[reaching], np.append(cuts, reference[1])])
