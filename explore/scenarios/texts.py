"""Values as texts, in tables and over the wire, and back."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import SpaceError
from ..outcome import Outcome
from ..parameters import Integer, Ordinal, Parameter, Permutation, Real, Value
from ..space import Point
from .errors import ScenarioError
from .scenario import Scenario


def point_texts(scenario: Scenario, point: Point) -> list[str]:
    """The inputs, in the order of the parameters."""
    return [str(point[parameter.name]) for parameter in scenario.space.parameters]


def outcome_texts(scenario: Scenario, outcome: Outcome) -> list[str]:
    """The outputs in their order; none of an evaluation that gave none and has no flag to say so."""
    if outcome.values is None and scenario.flag is None:
        return []
    values = outcome.values or [float("nan")] * len(scenario.objectives)
    texts = [str(value) for value in values]
    if scenario.flag is not None:
        texts.append(scenario.flag.true if outcome.status == "feasible" else scenario.flag.false)
    return texts


def read_point(scenario: Scenario, texts: Mapping[str, str]) -> Point:
    """The point in the texts of a row.

    Raises: ScenarioError for texts that are no values.
    """
    return {p.name: read_value(p, texts[p.name]) for p in scenario.space.parameters}


def read_value(parameter: Parameter, text: str) -> Value:
    """The value that a text stands for.

    Raises: ScenarioError where it is none of the parameter.
    """
    try:
        return _read_value(parameter, text)
    except (SpaceError, ValueError, StopIteration) as error:
        raise ScenarioError(f"{parameter.name} = {text!r} is none of its values") from error


def _read_value(parameter: Parameter, text: str) -> Value:
    match parameter:
        case Real():
            parameter.place(float(text))
            return float(text)
        case Integer():
            number = float(text)
            return parameter.value(parameter.index(int(number) if number.is_integer() else number))
        case Ordinal():
            number = float(text)
            return next(value for value in parameter.values if float(value) == number)
        case Permutation():
            raise ValueError("scenarios have none")
        case _:
            return next(value for value in parameter.values if _is_written(value, text))


def _is_written(value: Value, text: str) -> bool:
    """Whether a text is a value of a categorical; true and false may begin with a small letter."""
    written = str(value).strip()
    return text in (written, written.lower()) if isinstance(value, bool) else text == written
