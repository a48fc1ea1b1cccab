"""The scale and the kernel with which a Gaussian process sees its targets; data decide both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .gaussian import Kernel, fit_kernel, leave_one_out_score, log_evidence
from .scales import LOG, Scale

Score = Callable[[Kernel, np.ndarray, np.ndarray, Scale], float]
"""How good a fitted kernel is for inputs and targets on a scale."""


@dataclass(frozen=True)
class Fit:
    """A scale, and the kernel fitted to targets on it."""

    scale: Scale
    kernel: Kernel


def evidence(kernel: Kernel, rows: np.ndarray, targets: np.ndarray, scale: Scale) -> float:
    """How probable objectives are (Box and Cox): for logarithms, their probability times the slopes."""
    return log_evidence(kernel, rows, targets) - (float(targets.sum()) if scale == LOG else 0.0)


def leave_one_out(kernel: Kernel, rows: np.ndarray, targets: np.ndarray, scale: Scale) -> float:
    """How well it is told whether slacks are above 0, which every scale leaves at 0."""
    return leave_one_out_score(kernel, rows, targets)


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
