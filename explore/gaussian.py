"""A Gaussian process with a Matern 5/2 kernel and a lengthscale for each parameter (ARD).

Inputs are encoded points, rows of numbers from 0 to 1; targets are any numbers, standardised inside. The
hyperparameters of the kernel maximise the posterior: the likelihood times a log-normal prior on the
lengthscales that grows with the square root of the number of parameters (Hvarfner et al., arXiv 2402.02229),
so that models of many parameters do not see every point as far from all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from .extras import load

ROOT_5 = sqrt(5.0)
LENGTHSCALE_SPREAD = sqrt(3.0)
"""Standard deviation of the logarithm of a lengthscale."""
LOG_BOUNDS = ((-4.0, 4.5), (-3.0, 3.0), (-13.0, -2.0))
"""Of the logarithms of lengthscales, signal variance and noise variance, for standardised targets."""
NOISE_START = -9.0
FIT_STEPS = 25
BLOCK = 128
"""So many inputs are predicted at a time."""


@dataclass(frozen=True)
class Kernel:
    """What is fitted: logarithms of the lengthscales, of the signal variance and of the noise variance."""

    log_hyperparameters: np.ndarray
    owners: np.ndarray
    """For each input column the number of its parameter: columns of one parameter share a lengthscale."""

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """Inputs in units of the lengthscales."""
        return rows * np.exp(-self.log_hyperparameters[:-2])[self.owners]

    @property
    def signal(self) -> float:
        """The variance of the function."""
        return float(np.exp(self.log_hyperparameters[-2]))

    @property
    def noise(self) -> float:
        """The variance of what a target adds to the function."""
        return float(np.exp(self.log_hyperparameters[-1]))


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process."""

    kernel: Kernel
    inputs: np.ndarray
    scaled: np.ndarray
    """The inputs in units of the lengthscales."""
    targets: np.ndarray
    center: float
    spread: float
    whitening: np.ndarray
    """The inverse of the Cholesky factor: to multiply by it is faster than to solve, for many inputs."""
    weights: np.ndarray

    def predict(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation of the function at some inputs."""
        scaled = self.kernel.scaled(rows)
        mean, variance = np.empty(len(rows)), np.empty(len(rows))
        for block in blocks(len(rows)):
            across = _matern(_distances(scaled[block], self.scaled))
            across *= self.kernel.signal
            mean[block] = across @ self.weights
            half = load("scipy.linalg.blas").dtrmm(1.0, self.whitening, across.T, lower=1, overwrite_b=1)
            variance[block] = np.maximum(self.kernel.signal - np.einsum("ij,ij->j", half, half), 1e-12)
        return self.center + self.spread * mean, self.spread * np.sqrt(variance)

    def believe(self, rows: np.ndarray) -> GaussianProcess:
        """The process if evaluations of some inputs turned out as predicted: the kriging believer."""
        mean, _ = self.predict(rows)
        inputs, targets = np.concatenate([self.inputs, rows]), np.concatenate([self.targets, mean])
        return condition(self.kernel, inputs, targets)


def blocks(rows: int) -> Iterator[slice]:
    """Parts of many rows: their intermediate results stay in the caches, which takes half the time."""
    return (slice(first, first + BLOCK) for first in range(0, rows, BLOCK))


def fit_kernel(inputs: np.ndarray, targets: np.ndarray, owners: np.ndarray) -> Kernel:
    """The most probable kernel hyperparameters for some data, searched from a fixed start."""
    parameters = int(owners.max()) + 1
    prior_mean = _prior_mean(owners)
    start = np.concatenate([np.full(parameters, min(prior_mean, 1.0)), [0.0, NOISE_START]])
    values = _standardise(targets)[0]
    bounds = [LOG_BOUNDS[0]] * parameters + list(LOG_BOUNDS[1:])
    found = load("scipy.optimize").minimize(
        lambda hyperparameters: _loss(Kernel(hyperparameters, owners), inputs, values, prior_mean),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": FIT_STEPS, "maxfun": 2 * FIT_STEPS},
    )
    return Kernel(np.asarray(found.x), owners)


def log_evidence(kernel: Kernel, inputs: np.ndarray, targets: np.ndarray) -> float:
    """The logarithm of the density of targets under a kernel, times its prior, but for a constant."""
    values, _, spread = _standardise(targets)
    loss, _ = _loss(kernel, inputs, values, _prior_mean(kernel.owners))
    return -loss - len(targets) * log(spread)


def leave_one_out_score(kernel: Kernel, inputs: np.ndarray, targets: np.ndarray) -> float:
    """How well a kernel tells on which side of 0 each target is, from all others.

    The sum of the logarithms of the chances given to the right sides (leave-one-out in closed form: Rasmussen
    and Williams, Gaussian Processes for Machine Learning, section 5.4.2).
    """
    values, center, spread = _standardise(targets)
    scaled = kernel.scaled(inputs)
    inverse = _inverse(_cholesky(kernel, _matern(_distances(scaled, scaled))))
    variance = 1.0 / np.diag(inverse)
    gaps = -center / spread - (values - inverse @ values * variance)
    return float(
        load("scipy.special").log_ndtr(np.where(targets <= 0, gaps, -gaps) / np.sqrt(variance)).sum()
    )


def condition(kernel: Kernel, inputs: np.ndarray, targets: np.ndarray) -> GaussianProcess:
    """The process with given kernel hyperparameters that has seen some data."""
    values, center, spread = _standardise(targets)
    scaled = kernel.scaled(inputs)
    cholesky = _cholesky(kernel, _matern(_distances(scaled, scaled)))
    whitening, _ = load("scipy.linalg.lapack").dtrtri(cholesky, lower=1)
    return GaussianProcess(
        kernel, inputs, scaled, targets, center, spread, whitening, whitening.T @ (whitening @ values)
    )


def _prior_mean(owners: np.ndarray) -> float:
    """Of the logarithm of a lengthscale."""
    return sqrt(2.0) + 0.5 * log(int(owners.max()) + 1) - 1.0


def _standardise(targets: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Targets with mean 0 and deviation 1, the mean, and the deviation (1 where all are equal)."""
    center, spread = float(targets.mean()), float(targets.std())
    spread = spread if spread > 1e-12 * max(abs(center), 1e-300) else 1.0
    return (targets - center) / spread, center, spread


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The distances of all rows of two arrays."""
    squares = (-2.0 * left) @ right.T
    squares += (left**2).sum(1)[:, None]
    squares += (right**2).sum(1)
    return np.sqrt(np.maximum(squares, 0.0, out=squares), out=squares)


def _matern(distances: np.ndarray) -> np.ndarray:
    scaled = ROOT_5 * distances
    shape = scaled / 3.0
    shape += 1.0
    shape *= scaled
    shape += 1.0
    np.negative(scaled, out=scaled)
    shape *= np.exp(scaled, out=scaled)
    return shape


def _cholesky(kernel: Kernel, shape: np.ndarray) -> np.ndarray:
    covariance = kernel.signal * shape
    covariance[np.diag_indices_from(covariance)] += kernel.noise + 1e-8 * kernel.signal
    return load("scipy.linalg").cholesky(covariance, lower=True, check_finite=False)


def _inverse(cholesky: np.ndarray) -> np.ndarray:
    """Of the matrix with a lower Cholesky factor."""
    half, _ = load("scipy.linalg.lapack").dpotri(cholesky, lower=1)  # the other half stays 0
    inverse = half + half.T
    inverse[np.diag_indices_from(inverse)] *= 0.5
    return inverse


def _loss(
    kernel: Kernel, inputs: np.ndarray, values: np.ndarray, prior_mean: float
) -> tuple[float, np.ndarray]:
    """The negative logarithm of the posterior of kernel hyperparameters, and its gradient."""
    scaled = kernel.scaled(inputs)
    distances = _distances(scaled, scaled)
    shape = _matern(distances)
    cholesky = _cholesky(kernel, shape)
    inverse = _inverse(cholesky)
    weights = inverse @ values
    off = (kernel.log_hyperparameters[:-2] - prior_mean) / LENGTHSCALE_SPREAD
    loss = 0.5 * values @ weights + np.log(np.diag(cholesky)).sum() + 0.5 * off @ off
    pull = 0.5 * (inverse - np.outer(weights, weights))
    distances *= ROOT_5
    slope = pull * (1.0 + distances)
    slope *= kernel.signal * (5.0 / 3.0) * np.exp(-distances)
    columns = 2.0 * (slope.sum(1) @ scaled**2 - np.einsum("ij,ij->j", scaled, slope @ scaled))
    lengths = np.bincount(kernel.owners, columns, len(off)) + off / LENGTHSCALE_SPREAD
    others = [kernel.signal * (pull * shape).sum(), kernel.noise * np.trace(pull)]
    return float(loss), np.concatenate([lengths, others])
