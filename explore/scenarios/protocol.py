"""The protocol between HyperMapper and a client, lines of text in both directions.

We say `Request n`, the names of the inputs, and n lines of values; the client answers with the names of
inputs and outputs in any order, and n lines. At the end we say `End of HyperMapper`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import TextIO

from ..outcome import Outcome
from ..parameters import Parameter, Real, Value
from ..space import Point
from .answers import point_texts, read_texts, read_value
from .errors import ScenarioError
from .scenario import Scenario

END = "End of HyperMapper"

DIGITS = 1e-4
"""How far, against its range, a real value may come back from what was asked: clients print few digits."""


class ClientGoneError(ScenarioError):
    """The client has closed its end."""


@dataclass(frozen=True)
class Client:
    """Asks a client to evaluate points; `note` is told every line in both directions."""

    scenario: Scenario
    answers: TextIO
    requests: TextIO
    note: Callable[[str], None]

    def evaluate(self, points: Sequence[Point]) -> list[Outcome]:
        """What the client answers, in the order of the points.

        Raises: ClientGoneError where it has closed its end; ScenarioError where its answer makes no sense.
        """
        names = ",".join(parameter.name for parameter in self.scenario.space.parameters)
        rows = [",".join(point_texts(self.scenario, point)) for point in points]
        self.say(f"Request {len(points)}", names, *rows)
        columns = self._read_names()
        return self._match(points, [self._read_row(columns, row, len(points)) for row in range(len(points))])

    def say(self, *lines: str) -> None:
        """Send lines, all at once.

        Raises: ClientGoneError where nobody reads them.
        """
        for line in lines:
            self.note(line)
        try:
            self.requests.write("".join(f"{line}\n" for line in lines))
            self.requests.flush()
        except (BrokenPipeError, ValueError) as error:  # the second where it was closed from our side
            raise ClientGoneError("the client does not read any more") from error

    def _hear(self, wanted: str) -> list[str]:
        """The cells of the next line that is not empty."""
        while True:
            try:
                line = self.answers.readline()
            except UnicodeDecodeError as error:
                raise ScenarioError("the client sent bytes that are not text in UTF-8") from error
            if not line:
                raise ClientGoneError(f"the client closed its end, {wanted} was to come")
            if line.strip():
                self.note(line.rstrip("\r\n"))
                return [cell.strip() for cell in line.split(",")]

    def _read_names(self) -> list[str]:
        scenario, names = self.scenario, self._hear("a line of names")
        for wanted in scenario.columns[:-1]:
            if wanted not in names:
                kind = "output" if wanted in scenario.outputs else "input"
                raise ScenarioError(
                    f"the client's answer has no {kind} {wanted!r}, its names are {', '.join(names)}",
                    f"begin each answer with the line {','.join(scenario.columns[:-1])}",
                )
        return names

    def _read_row(self, names: Sequence[str], row: int, count: int) -> dict[str, str]:
        cells = self._hear(f"row {row + 1} of {count}")
        if len(cells) != len(names):
            raise ScenarioError(
                f"row {row + 1} of the client's answer has {len(cells)} values for {len(names)} names",
                "answer with one row for each that was asked",
            )
        return dict(zip(names, cells, strict=True))

    def _match(self, points: Sequence[Point], rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
        """The outcomes in the order of the points; rows in another order find theirs by the inputs."""
        left = dict(enumerate(rows))
        outcomes: list[Outcome] = []
        for place, point in enumerate(points):
            order = sorted(left, key=lambda row: row != place)
            found = next((row for row in order if _repeats(self.scenario, left[row], point)), None)
            if found is None:
                asked = ",".join(point_texts(self.scenario, point))
                raise ScenarioError(
                    f"no row of the client's answer is about the point {asked}",
                    "repeat the inputs of each point as they were asked",
                )
            outcomes.append(self._outcome(found, left.pop(found)))
        return outcomes

    def _outcome(self, row: int, texts: Mapping[str, str]) -> Outcome:
        try:
            return read_texts(self.scenario, texts)
        except ScenarioError as error:
            message = f"row {row + 1} of the client's answer: {error.message}"
            raise ScenarioError(message, error.way_out) from error


def _repeats(scenario: Scenario, texts: Mapping[str, str], point: Point) -> bool:
    """Whether a row repeats the inputs of a point."""
    return all(_is_value(p, texts[p.name], point[p.name]) for p in scenario.space.parameters)


def _is_value(parameter: Parameter, text: str, asked: Value) -> bool:
    try:
        if isinstance(parameter, Real) and isinstance(asked, float):
            distance = DIGITS * (parameter.high - parameter.low)
            return isclose(float(text), asked, rel_tol=DIGITS, abs_tol=distance)
        return text == str(asked) or read_value(parameter, text) == asked
    except ValueError:
        return False
