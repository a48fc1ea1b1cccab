"""Evaluations by a Python function, or by a table that has all answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any

from ..outcome import Outcome
from ..space import Point
from .answers import read_answer, read_answers, read_point, read_texts
from .errors import ScenarioError
from .scenario import Scenario
from .table import read_lines

MISFIT = "misfit"
"""The detail of an outcome that says what is wrong with the function, rather than with the point."""


@dataclass(frozen=True)
class NamedFunction:
    """A function by the name of its module or file, so that other processes can load it: `module:name`."""

    text: str

    def __call__(self, inputs: Mapping[str, Any]) -> Any:
        """What the function gives."""
        return load_function(self.text)(inputs)


@cache
def load_function(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """The function that `module:name` or `file.py:name` stands for.

    Raises: ScenarioError where there is none.
    """
    place, mark, name = text.rpartition(":")
    if not mark or not place or not name:
        raise ScenarioError(f"{text!r} names no function", "write module:name or file.py:name")
    try:
        found = _load_file(Path(place)) if place.endswith(".py") else vars(import_module(place))
    except (OSError, ScenarioError):
        raise
    except Exception as error:  # whatever a module raises while it is loaded
        reason = f"{type(error).__name__}: {error}"
        raise ScenarioError(f"{place} cannot be loaded: {reason}") from error
    function = found.get(name)
    if not callable(function):
        what = "no function" if function is None else "no function, but a value"
        raise ScenarioError(f"{place} has {what} {name!r}")
    return function


def _load_file(path: Path) -> dict[str, Any]:
    """What a file defines; it can import the files beside it."""
    if not path.is_file():
        raise ScenarioError(f"there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return run_path(str(path), run_name=path.stem)


@dataclass(frozen=True)
class FunctionEvaluation:
    """Evaluates by a function that gets a dictionary of inputs; several points as a dictionary of lists."""

    scenario: Scenario
    function: Callable[[dict[str, Any]], Any]

    def __call__(self, point: Point) -> Outcome:
        """The outcome at one point; one that the function got wrong has the detail `misfit`."""
        return self.evaluate([point])[0]

    def evaluate(self, points: Sequence[Point]) -> list[Outcome]:
        """The outcomes at points that the function gets together."""
        names = [parameter.name for parameter in self.scenario.space.parameters]
        columns = [(name, [point[name] for point in points]) for name in names]
        inputs = {name: column if len(points) > 1 else column[0] for name, column in columns}
        try:
            answer = self.function(inputs)
        except (Exception, SystemExit) as error:  # whatever a function raises is a result
            failed = Outcome(status="failed", message=f"{type(error).__name__}: {error}")
            return [failed] * len(points)
        try:
            if len(points) == 1:
                return [read_answer(self.scenario, answer)]
            return read_answers(self.scenario, answer, len(points))
        except ScenarioError as error:
            return [_misfit(str(error))] * len(points)


class Lookup:
    """Evaluates by a table of answers."""

    def __init__(self, scenario: Scenario, path: Path):
        """Raises: OSError where it cannot be read; ScenarioError where no row is a point of the space."""
        self._scenario = scenario
        self._path = path
        self._answers: dict[object, dict[str, str]] = {}
        for _, texts in read_lines(path, scenario.columns[:-1]):
            try:
                key = scenario.space.key(read_point(scenario, texts))
            except ScenarioError:
                continue  # the table may be of a larger space
            self._answers[key] = texts
        if not self._answers:
            raise ScenarioError(f"no row of the table {path} is a point of the space")

    def __call__(self, point: Point) -> Outcome:
        """What the table says of a point."""
        texts = self._answers.get(self._scenario.space.key(point))
        if texts is None:
            return Outcome(status="failed", message=f"the table {self._path} has no row for it")
        try:
            return read_texts(self._scenario, texts)
        except ScenarioError as error:
            return _misfit(f"{self._path}: {error}")


def _misfit(message: str) -> Outcome:
    return Outcome(status="failed", message=message, details={MISFIT: message})
