"""Values drawn at random, and how likely a prior makes them."""

from __future__ import annotations

import numpy as np

from .parameters import Categorical, Discrete, Integer, Ordinal, Parameter, Permutation, Real, Value
from .priors import BETA_SHAPES, prior_place, prior_share


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
        case Real() | Integer() | Ordinal() if not isinstance(parameter.prior, tuple):
            return _at(parameter, rng.beta(*BETA_SHAPES[parameter.prior]))
        case _:
            return value_at(parameter, rng.random())


def value_at(parameter: Real | Integer | Ordinal | Categorical, share: float) -> Value:
    """The value with a share of the prior below it."""
    if isinstance(parameter, Categorical):
        shares = np.cumsum(parameter.prior or (1.0,) * parameter.size)
        return parameter.values[int(np.searchsorted(shares, share * shares[-1], side="right"))]
    return _at(parameter, prior_place(parameter.prior, share))


def _at(parameter: Real | Integer | Ordinal, place: float) -> Value:
    """The value at a place of the unit range."""
    return parameter.at(place) if isinstance(parameter, Real) else parameter.value(parameter.nearest(place))


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
