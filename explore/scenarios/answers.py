"""Values as texts, in tables and over the wire, and back; and what functions, clients and tables answer, as
outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from ..errors import SpaceError
from ..outcome import Outcome
from ..parameters import Integer, Ordinal, Parameter, Permutation, Real, Value
from ..space import Point
from .errors import ScenarioError
from .scenario import Flag, Scenario


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


def read_answer(scenario: Scenario, answer: Any) -> Outcome:
    """The outcome in what a function gave for one point: a number, or a dictionary of the outputs.

    Raises: ScenarioError where an output is missing or none.
    """
    return _outcome(scenario, _outputs(scenario, answer))


def read_answers(scenario: Scenario, answer: Any, count: int) -> list[Outcome]:
    """The outcomes in what a function gave for several points: a list, or a dictionary of lists.

    Raises: ScenarioError where an output is missing, has the wrong length, or is none.
    """
    columns = _outputs(scenario, answer)
    for name, column in columns.items():
        if not _is_list(column):
            raise ScenarioError(
                f"the function got {count} points at once and gave {column!r} as {name!r}",
                "give a list, or set 'evaluations_per_optimization_iteration' to 1",
            )
        if len(column) != count:
            raise ScenarioError(f"the function got {count} points and gave {len(column)} values of {name!r}")
    return [_outcome(scenario, {name: columns[name][row] for name in columns}) for row in range(count)]


def read_texts(scenario: Scenario, texts: Mapping[str, str]) -> Outcome:
    """The outcome in the texts of a row: of a client's answer, or of a table.

    Raises: ScenarioError where a text is no number, or none of the two of the flag.
    """
    return _outcome(scenario, {name: texts[name] for name in scenario.outputs})


def _outputs(scenario: Scenario, answer: Any) -> dict[str, Any]:
    """The outputs by name, and only those."""
    names = scenario.outputs
    if not isinstance(answer, Mapping):
        if len(names) == 1:
            return {names[0]: answer}
        raise ScenarioError(
            f"the function gave {_short(answer)}", f"give a dictionary with {' and '.join(map(repr, names))}"
        )
    missing = next((name for name in names if name not in answer), None)
    if missing is not None:
        kind = "objective" if scenario.flag is None or missing != scenario.flag.name else "flag"
        found = ", ".join(map(repr, answer)) or "nothing"
        raise ScenarioError(f"the answer lacks the {kind} {missing!r}, it has {found}")
    return {name: answer[name] for name in names}


def _outcome(scenario: Scenario, outputs: Mapping[str, Any]) -> Outcome:
    """The outcome of one evaluation. Objectives of infeasible points may be missing numbers (`nan`)."""
    values = tuple(_number(objective.name, outputs[objective.name]) for objective in scenario.objectives)
    flag = scenario.flag
    is_feasible = flag is None or is_true(flag, outputs[flag.name])
    wrong = [name for name, value in zip(scenario.outputs, values, strict=False) if not isfinite(value)]
    if not is_feasible:
        return Outcome(None if wrong else values, status="infeasible")
    if wrong:
        return Outcome(status="failed", message=f"the objective {wrong[0]!r} is not finite")
    return Outcome(values)


def _number(name: str, value: Any) -> float:
    """An objective as a number, also from numbers of NumPy and lists with one element."""
    value = _single(value)
    try:
        if not isinstance(value, (bool, type(None))):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise ScenarioError(f"the objective {name!r} is {_short(value)}, not a number")


def is_true(flag: Flag, value: Any) -> bool:
    """The flag as true or false: given as such, as 1 or 0, or as one of its texts, in any case."""
    value = _single(value)
    known = {"true": True, "1": True, "false": False, "0": False}
    known |= {flag.true.lower(): True, flag.false.lower(): False, flag.true: True, flag.false: False}
    for text in (str(value), str(value).lower()):
        if text in known:
            return known[text]
    raise ScenarioError(
        f"the flag {flag.name!r} is {_short(value)}, neither {flag.true!r} nor {flag.false!r}"
    )


def _single(value: Any) -> Any:
    """What is in a list with one element."""
    return value[0] if _is_list(value) and len(value) == 1 else value


def _is_list(value: Any) -> bool:
    """Whether a value has elements: a list, a tuple, an array, and no text."""
    return (isinstance(value, Sequence) and not isinstance(value, str)) or getattr(value, "ndim", 0) > 0


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
