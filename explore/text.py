"""Spaces as text."""

from __future__ import annotations

from collections.abc import Sequence

from .parameters import Categorical, Integer, Ordinal, Parameter, Permutation, Real
from .priors import Prior


def describe(parameters: Sequence[Parameter], constraints: Sequence[str]) -> str:
    """One line for each parameter, then one for each constraint."""
    width = max(len(parameter.name) for parameter in parameters)
    lines = [f"{p.name:<{width}}  {_values(p)}{_condition(p)}" for p in parameters]
    return "\n".join([*lines, *(f"where {constraint}" for constraint in constraints)])


def _values(parameter: Parameter) -> str:
    match parameter:
        case Real() | Integer():
            kind = "real" if isinstance(parameter, Real) else "integer"
            scale = "" if parameter.scale == "linear" else f", {parameter.scale}"
            return f"{kind} from {parameter.low} to {parameter.high}{scale}{_prior(parameter.prior)}"
        case Ordinal():
            values = " < ".join(map(str, parameter.values))
            return f"ordinal {values}{_prior(parameter.prior)}"
        case Categorical():
            prior = "" if parameter.prior is None else f", prior {' '.join(map(str, parameter.prior))}"
            return f"one of {' | '.join(map(str, parameter.values))}{prior}"
        case Permutation():
            return f"order of {parameter.length} items"


def _prior(prior: Prior) -> str:
    if isinstance(prior, tuple):
        return f", prior of {len(prior)} shares"
    return "" if prior == "uniform" else f", prior {prior}"


def _condition(parameter: Parameter) -> str:
    if parameter.when is None:
        return ""
    return f", when {parameter.when.parent} is {' or '.join(map(str, parameter.when.values))}"
