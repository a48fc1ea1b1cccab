"""The input parameters of a scenario as a search space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SpaceError
from ..parameters import Categorical, Integer, Ordinal, Parameter, Permutation, Real, Value
from ..priors import Prior
from ..reports.formatting import plural
from ..space import Point, Space
from .document import Document, Pointer
from .errors import ScenarioError
from .keys import is_number, json_kind
from .priors import density_shares, gaussian_shares, pmf_shares
from .scenario import Flag
from .table import read_numbers

COLUMN_FAULTS = "is empty, or has a comma, a quote or blanks around it"
"""What names may not have, since tables and the protocol have lines of names with commas between them."""

PRIOR_FLOOR = 1e-6
"""What an estimated prior has everywhere, as a share of its most; HyperMapper's default."""


def read_inputs(document: Document) -> tuple[Space, Point]:
    """The space, and the defaults of those parameters that have one.

    Raises: ScenarioError for parameters that make no sense.
    """
    given = document.value.get("input_parameters")
    if not given:
        place = ("input_parameters",) if "input_parameters" in document.value else ()
        raise document.error(place, "the scenario has no 'input_parameters'", "name at least one")
    space = Space(tuple(_read_parameter(document, name) for name in given))
    defaults: Point = {}
    for parameter in space.parameters:
        if "parameter_default" in given[parameter.name]:
            defaults[parameter.name] = _read_default(document, parameter)
    return space, defaults


def read_flag(document: Document) -> Flag | None:
    """The flag of feasibility; without the predictor there is none.

    Raises: ScenarioError where its two texts are the same.
    """
    given = document.value.get("feasible_output", {})
    if not given.get("enable_feasible_predictor", False):
        return None
    true, false = (
        str(given.get(key, default)) for key, default in (("true_value", "true"), ("false_value", "false"))
    )
    if true.lower() == false.lower():
        pointer = ("feasible_output",)
        raise document.error(pointer, f"'true_value' and 'false_value' are both {true!r}", "make them differ")
    return Flag(given.get("name", "Valid"), true, false)


def is_column(name: str) -> bool:
    """Whether a name can be that of a column, see `COLUMN_FAULTS`."""
    return name == name.strip() != "" and name.isprintable() and not set(name) & {",", '"'}


def _read_parameter(document: Document, name: str) -> Parameter:
    """A parameter of any type, with its prior."""
    pointer = ("input_parameters", name)
    if not is_column(name):
        raise document.error(pointer, f"the name {name!r} {COLUMN_FAULTS}", key=True)
    given = document.value["input_parameters"][name]
    for needed in ("parameter_type", "values"):
        if needed not in given:
            raise document.error(pointer, f"parameter {name!r} has no {needed!r}", key=True)
    try:
        parameter = _make(name, given["parameter_type"], given["values"])
    except (SpaceError, ScenarioError) as error:
        raise document.error((*pointer, "values"), str(error)) from error
    return _with_prior(document, parameter, given)


def _make(name: str, kind: str, values: Sequence[Any]) -> Parameter:
    """A parameter without a prior.

    Raises: SpaceError and ScenarioError for values of the wrong kind.
    """
    match kind:
        case "categorical":
            for value in values:
                if not isinstance(value, str | bool) and not is_number(value):
                    kind = json_kind(value)
                    raise ScenarioError(f"a value of {name!r} is {kind}, no text, number, true or false")
            return Categorical(name, tuple(values))
        case "ordinal":
            return Ordinal(name, tuple(sorted(values, key=lambda value: _to_number(name, value))))
        case _:
            return _make_range(name, kind, values)


def _make_range(name: str, kind: str, values: Sequence[Any]) -> Parameter:
    if len(values) != 2 or not all(map(is_number, values)):
        raise ScenarioError(f"{kind} parameter {name!r} takes two numbers, the bounds, not {list(values)}")
    if kind == "real":
        return Real(name, float(values[0]), float(values[1]))
    low, high = sorted(values)
    return Integer(name, low, high)


def _to_number(name: str, value: object) -> float:
    """The number by which an ordinal value is sorted; it may be written as a text."""
    try:
        if isinstance(value, str) or is_number(value):
            return float(value)  # pyright: ignore[reportArgumentType]  # a text or a number
    except ValueError:
        pass
    raise ScenarioError(f"a value of ordinal {name!r} is {value!r}, not a number", "make it categorical")


def _with_prior(document: Document, parameter: Parameter, given: dict[str, Any]) -> Parameter:
    """The parameter with the prior that the scenario gives it."""
    prior = given.get("prior", "uniform")
    pointer: Pointer = ("input_parameters", parameter.name, "prior")
    if isinstance(prior, list) and not all(map(is_number, prior)):
        raise document.error(pointer, "a list as prior has numbers only")
    try:
        return _apply_prior(document, parameter, prior)
    except ScenarioError as error:
        raise document.error(
            pointer, f"parameter {parameter.name!r}: {error.message}", error.way_out
        ) from error


def _apply_prior(document: Document, parameter: Parameter, prior: Any) -> Parameter:
    """The parameter with a prior by name or as a list.

    Raises: ScenarioError where the parameter cannot have it.
    """
    match parameter:
        case Categorical():
            if isinstance(prior, list):
                return replace(parameter, prior=pmf_shares(prior, parameter.size))
            if prior != "uniform":
                raise ScenarioError(f"a categorical has no prior {prior!r}", "give a share for each value")
            return parameter
        case Real() if prior == "custom_gaussian":
            return replace(parameter, prior=_bell_curves(document, parameter))
        case Real() if prior == "estimate":
            return replace(parameter, prior=_estimated(document, parameter))
        case Real() if isinstance(prior, list):
            return replace(parameter, prior=density_shares(prior))
        case Integer() | Ordinal() if isinstance(prior, list):
            return replace(parameter, prior=_in_order(document, parameter, prior))
        case _ if prior in ("custom_gaussian", "estimate"):
            raise ScenarioError(f"only real parameters have {prior} priors", "give a share for each value")
        case _:
            assert not isinstance(parameter, Permutation), "scenarios have none"
            return replace(parameter, prior=prior)


def _in_order(document: Document, parameter: Integer | Ordinal, shares: Sequence[float]) -> Prior:
    """The shares in the order of the values: those of an ordinal may be written in another."""
    checked = pmf_shares(shares, parameter.size)
    if isinstance(parameter, Integer):
        return checked
    written = document.value["input_parameters"][parameter.name]["values"]
    return tuple(checked[written.index(value)] for value in parameter.values)


def _bell_curves(document: Document, parameter: Real) -> Prior:
    """The prior of means and deviations, of the parameter or else of the scenario."""
    index = list(document.value["input_parameters"]).index(parameter.name)
    numbers = [
        _curve_numbers(document, parameter.name, index, f"custom_gaussian_prior_{what}", default)
        for what, default in (("means", 0.0), ("stds", -1.0))
    ]
    shares = gaussian_shares(parameter.low, parameter.high, *numbers)
    if max(shares) <= 0:
        message = f"custom_gaussian has nothing between {parameter.low} and {parameter.high}"
        raise ScenarioError(message, "move its means there")
    return shares


def _estimated(document: Document, parameter: Real) -> Prior:
    """The density of a parameter in the good rows of a table: a bell curve around each (Scott's rule).

    Good are the feasible rows that are best by the first objective, as in HyperMapper.
    """
    value = document.value
    path = Path(value.get("prior_estimation_file", "samples.csv"))
    good = _good_values(document, path, parameter.name)
    if len(np.unique(good)) < 2:
        message = f"{path} has {plural(len(good), 'good row')}, estimate needs two different values at least"
        raise ScenarioError(message, "raise 'prior_estimation_quantile', or name a larger table")
    count = len(good) * value.get("bandwidth_n_factor", 100)
    width = float(good.std(ddof=1)) * count ** (-1.0 / (1 + value.get("bandwidth_parameter", 0)))
    shares = gaussian_shares(parameter.low, parameter.high, good.tolist(), [width] * len(good))
    if max(shares) <= 0:
        bounds = f"between {parameter.low} and {parameter.high}"
        message = f"{path} has {plural(len(good), 'good row')}, but none {bounds}, from which to estimate"
        raise ScenarioError(message, "name the table of a run with this range as 'prior_estimation_file'")
    floor = value.get("prior_floor", PRIOR_FLOOR) * max(shares)
    return tuple(share + floor for share in shares)


def _good_values(document: Document, path: Path, name: str) -> np.ndarray:
    """The values of a parameter in the good rows of a table."""
    value = document.value
    names = [name, *(value.get("optimization_objectives") or [name])[:1]]  # there has to be one, as is said
    try:
        rows = read_numbers(path, names, read_flag(document))
    except OSError as error:
        message = f"the table {path} cannot be read: {error.strerror}"
        raise ScenarioError(message, "name one as 'prior_estimation_file'") from error
    share = value.get("prior_estimation_quantile", 0.1)
    return rows[rows[:, 1] <= np.quantile(rows[:, 1], share), 0] if len(rows) else rows[:, 0]


def _curve_numbers(document: Document, name: str, index: int, key: str, default: float) -> list[float]:
    """The means or deviations of a parameter: its own, or the one of the scenario that is meant for it."""
    entries = document.value["input_parameters"]
    own = entries[name].get(key, False)
    others_own = any(entries[name].get(f"custom_gaussian_prior_{what}", False) for what in ("means", "stds"))
    shared = [default] if others_own else document.value.get(key, [default])
    chosen = shared if own is False else own
    if not isinstance(chosen, list) or not chosen or not all(map(is_number, chosen)):
        raise ScenarioError(f"{key} takes numbers in a list, not {chosen!r}")
    if own is not False:
        return chosen
    if len(chosen) not in (1, len(entries)):
        raise ScenarioError(f"{key} has {len(chosen)} numbers, 1 or {len(entries)} are needed")
    return [chosen[index if len(chosen) > 1 else 0]]


def _read_default(document: Document, parameter: Parameter) -> Value:
    """The default of a parameter, as it is in points."""
    given = document.value["input_parameters"][parameter.name]["parameter_default"]
    try:
        if isinstance(parameter, Real):
            parameter.place(given)
            return float(given)
        assert not isinstance(parameter, Permutation), "scenarios have none"
        whole = int(given) if isinstance(given, float) and given.is_integer() else given
        return parameter.value(parameter.index(whole))
    except SpaceError as error:
        pointer = ("input_parameters", parameter.name, "parameter_default")
        raise document.error(pointer, f"the default is none of the values: {error}") from error
