"""The scale on which a model sees its targets, the kernel, and whether trees are better; data decide all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .extras import load
from .gaussian import Kernel, fit_kernel, left_out, log_evidence
from .models import judge_forest, log_density
from .scales import LOG, Scale

Score = Callable[[Kernel, np.ndarray, np.ndarray, Scale], float]
"""How good a fitted kernel is for inputs and targets on a scale."""


Judgement = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
"""How good means and deviations are that were predicted of targets, each from all others."""

LEAST_ROWS = 20
"""Of fewer evaluations, too few are left out of all trees to judge by."""

CHOSEN_TREES = 30
"""The trees of a forest in place of a Gaussian process: its deviations want more than the paper's ten."""


@dataclass(frozen=True)
class Fit:
    """A scale, and the kernel fitted to targets on it."""

    scale: Scale
    kernel: Kernel
    noise: float | None = None
    """That of a forest which predicts better than the kernel; None where none does."""


def evidence(kernel: Kernel, rows: np.ndarray, targets: np.ndarray, scale: Scale) -> float:
    """How probable objectives are (Box and Cox): for logarithms, their probability times the slopes."""
    return log_evidence(kernel, rows, targets) - (float(targets.sum()) if scale == LOG else 0.0)


def leave_one_out(kernel: Kernel, rows: np.ndarray, targets: np.ndarray, scale: Scale) -> float:
    """How well it is told whether slacks are above 0, which every scale leaves at 0."""
    return log_chance(targets, *left_out(kernel, rows, targets))


def log_chance(targets: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> float:
    """The logarithm of the chance that was given to the sides of 0 on which targets are."""
    sides = np.where(targets <= 0, -mean, mean) / deviation
    return float(load("scipy.special").log_ndtr(sides).sum())


JUDGEMENTS: dict[Score, Judgement] = {evidence: log_density, leave_one_out: log_chance}
"""By what trees are compared with a kernel, where kernels are compared by a score."""


def against_trees(fit: Fit, rows: np.ndarray, targets: np.ndarray, judgement: Judgement) -> Fit:
    """The fit, or trees in its place where they predict better what they have not seen.

    A process leaves out one target at a time, a forest those that a tree was not grown from.
    """
    values = fit.scale.apply(targets)
    if len(values) < LEAST_ROWS or np.ptp(values) == 0:
        return fit
    noise, by_trees = judge_forest(rows, values, CHOSEN_TREES)
    by_kernel = left_out(fit.kernel, rows, values)
    better = judgement(values, *by_trees) > judgement(values, *by_kernel)
    return replace(fit, noise=noise) if better else fit


def best_fit(
    rows: np.ndarray, targets: np.ndarray, owners: np.ndarray, scales: Sequence[Scale], score: Score
) -> Fit:
    """The scale with the best score, and its kernel; the first of equals."""
    on_scale = [scale.apply(targets) for scale in scales]
    fits = [
        Fit(scale, fit_kernel(rows, values, owners)) for scale, values in zip(scales, on_scale, strict=True)
    ]
    if len(fits) == 1:
        return fits[0]
    scores = [score(fit.kernel, rows, values, fit.scale) for fit, values in zip(fits, on_scale, strict=True)]
    return fits[int(np.argmax(scores))]
