"""Values drawn at random, and how likely a prior makes them."""

from __future__ import annotations

import numpy as np

from .parameters import Categorical, Discrete, Parameter, Permutation, Real, Value
from .priors import BETA_SHAPES, Prior, prior_place, prior_share


def sample_uniform(parameter: Parameter, rng: np.random.Generator) -> Value:
    """A value, each with the same chance (a real number: uniform on its scale)."""
    match parameter:
        case Real():
            return parameter.at(rng.random())
        case Permutation():
            return tuple(rng.permutation(parameter.length).tolist())
        case _:
            return parameter.value(int(rng.integers(parameter.size)))


def sample_prior(parameter: Parameter, rng: np.random.Generator) -> Value:
    """A value from the prior of a parameter."""
    match parameter:
        case Permutation() | Categorical(prior=None):
            return sample_uniform(parameter, rng)
        case Categorical(prior=shares):
            weights = np.cumsum(np.asarray(shares))
            return parameter.values[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))]
        case Real():
            return parameter.at(_sample_place(parameter.prior, rng))
        case _:
            return parameter.value(parameter.nearest(_sample_place(parameter.prior, rng)))


def _sample_place(prior: Prior, rng: np.random.Generator) -> float:
    """A place of the unit range, drawn from a prior."""
    if isinstance(prior, tuple):
        return prior_place(prior, rng.random())
    return rng.beta(*BETA_SHAPES[prior])


def prior_mass(parameter: Discrete, value: Value) -> float:
    """The share of the prior that a value has; all values together have 1."""
    match parameter:
        case Permutation() | Categorical(prior=None):
            return 1.0 / parameter.size
        case Categorical(prior=shares):
            assert shares is not None, "the case above took those without"
            return shares[parameter.index(value)] / sum(shares)
        case _:
            return prior_share(parameter.prior, *parameter.span(value))


def prior_density(parameter: Parameter, value: Value) -> float:
    """The prior of a value against a prior that prefers nothing; 1 says that it is equal."""
    match parameter:
        case Permutation() | Categorical():
            return prior_mass(parameter, value) * parameter.size
        case _:
            low, high = parameter.span(value)
            return prior_share(parameter.prior, low, high) / (high - low)
