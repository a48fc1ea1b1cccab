"""The table of a user's measurements: CSV with a header, a decode step each row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..values import HELP_MARK, InputError, Number, assignments, shown_path, shown_text

COLUMNS: Mapping[str, str] = {
    "model": "a .kl text, an example, a config.json or a folder with one; a path is seen from the table",
    "parameters": "other parameters of the model, `name=value name=value`; may be left out",
    "batch": "sequences that are decoded together",
    "context": "positions that are read, the new one too; or give input and output",
    "input": "tokens before the first that is made",
    "output": "tokens that are made: the step in the middle of them is meant",
    "tp": "processors that share the model; 1 if left out",
    "type": "f8e4m3, i8, i4, mxfp4 or nvfp4 for stored matrices of a config; as the model says if left out",
    "cache": "the type of caches of a config, such as f8e4m3; as the model says if left out",
    "milliseconds": "of a step; or give tokens_per_second",
    "tokens_per_second": "of one sequence",
    "group": "what is held out together; the model's name if left out",
}
"""What a table may have, and what it means."""
NEEDED = ("model", "batch")
EITHER = (("context", "input and output"), ("milliseconds", "tokens_per_second"))
MOST_NUMBER = 10**12


@dataclass(frozen=True)
class Model:
    """Which model, and how it is stored and shared."""

    source: str
    parameters: tuple[tuple[str, Number], ...]
    batch: int
    sockets: int
    type: str = ""
    cache: str = ""


@dataclass(frozen=True)
class Measurement:
    """A row of the table."""

    line: int
    """Of the file, the header is 1."""
    model: Model
    position: int
    """Of the token of the step."""
    seconds: float
    group: str


@dataclass(frozen=True)
class _Row:
    """The cells of a row, and where they stand."""

    path: str
    line: int
    cells: Mapping[str, str]

    def error(self, column: str, message: str) -> InputError:
        """What is wrong, with where."""
        return InputError(f"{shown_path(self.path)}: row {self.line}, column {column}: {message}")

    def text(self, column: str) -> str:
        """A cell without blanks around it; empty where there is none."""
        return (self.cells.get(column) or "").strip()

    def number(self, column: str, default: int | None = None) -> int:
        """A cell as a whole number above zero.

        Raises: InputError for any other.
        """
        text = self.text(column)
        if not text and default is not None:
            return default
        if not (text.isascii() and text.isdigit() and 0 < int(text[:20]) <= MOST_NUMBER):
            raise self.error(column, f"'{shown_text(text)}' is no whole number from 1 to {MOST_NUMBER}")
        return int(text)

    def positive(self, column: str) -> float:
        """A cell as a number above zero.

        Raises: InputError for any other.
        """
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise self.error(column, f"'{shown_text(text)}' is no number above zero")
        return value

    def either(self, one: str, other: str) -> str:
        """Which of two columns has a value.

        Raises: InputError where both have one, or none.
        """
        has = [column for column in (one, other) if self.text(column)]
        if len(has) != 1:
            many = "both are" if has else "neither is"
            raise self.error(f"{one} or {other}", f"{many} given{HELP_MARK}give one of them")
        return has[0]


def read_table(path: str, known: Callable[[str], bool]) -> tuple[Measurement, ...]:
    """The measurements of a file; `known` says whether a name is that of an example.

    Raises: InputError for what is no such table, with row and column; OSError.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{shown_path(path)} is no UTF-8: {error}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_columns(path, reader.fieldnames or ())
        rows = [_Row(path, reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        raise InputError(f"{shown_path(path)}: row {reader.line_num + 1}: {error}") from None
    if not rows:
        raise InputError(f"{shown_path(path)} has no rows{HELP_MARK}give a row for each measured step")
    return tuple(_measurement(row, known) for row in rows)


def _check_columns(path: str, names: Sequence[str]) -> None:
    """Raises: InputError for columns that are not known, missing or there twice."""
    where, known = f"{shown_path(path)}: row 1", ", ".join(COLUMNS)
    for name in names:
        if name not in COLUMNS:
            raise InputError(f"{where}, column '{shown_text(name)}' is not known{HELP_MARK}known are {known}")
        if list(names).count(name) > 1:
            raise InputError(f"{where}, column {name} is there twice")
    for name in NEEDED:
        if name not in names:
            raise InputError(f"{where}: there is no column {name}{HELP_MARK}known are {known}")
    for one, other in EITHER:
        if one not in names and not set(other.split(" and ")) <= set(names):
            raise InputError(f"{where}: there is no column {one}, nor {other}")


def _measurement(row: _Row, known: Callable[[str], bool]) -> Measurement:
    if None in row.cells or None in row.cells.values():
        raise InputError(
            f"{shown_path(row.path)}: row {row.line} has "
            f"{'more' if None in row.cells else 'fewer'} cells than there are columns"
        )
    source = row.text("model")
    if not source:
        raise row.error("model", "there is none")
    path = source if known(source) else str(Path(row.path).parent / source)
    try:
        parameters = assignments("parameter", row.text("parameters").split())
    except InputError as error:
        raise row.error("parameters", str(error)) from None
    batch = row.number("batch")
    model = Model(
        path, tuple(parameters.items()), batch, row.number("tp", 1), row.text("type"), row.text("cache")
    )
    return Measurement(row.line, model, _position(row), _seconds(row), row.text("group") or source)


def _position(row: _Row) -> int:
    if row.either("context", "input") == "context":
        if row.text("output"):
            raise row.error("output", f"it goes with input, not with context{HELP_MARK}leave one out")
        return row.number("context") - 1
    return row.number("input") + row.number("output") // 2


def _seconds(row: _Row) -> float:
    if row.either("milliseconds", "tokens_per_second") == "milliseconds":
        return row.positive("milliseconds") / 1e3
    return 1 / row.positive("tokens_per_second")
