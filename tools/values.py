"""Values as command lines write them, and the error for wrong ones; of the standard library alone."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from ..dialects.vocabulary import HELP_MARK as HELP_MARK

Number = int | float
MOST_CHARACTERS = 4_000
"""Of a message, which may repeat what was read."""
MOST_DIGITS = 1_000
"""Of a whole number on a command line; of more than 4,300 Python makes none."""
MOST_COUNT = 1_000_000
"""Of what an option counts: steps, rows, evaluations, processes. Assumed: more takes weeks."""
STDIN = "-"
"""The path of the standard input."""


def shown_path(path: str) -> str:
    """A path as text, be the locale's encoding what it may: locations and messages have it in UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def opened_path(shown: str) -> str:
    """The path that is shown so."""
    return os.fsdecode(shown.encode("utf-8", "surrogateescape"))


@dataclass(frozen=True)
class Position:
    """A place in a text: lines and columns count from one, columns in characters."""

    file: str
    line: int
    column: int
    length: int = 1
    text: str | None = None
    """The source line, where it is at hand."""


class InputError(Exception):
    """Wrong input that no operation or span stands for: an option, a file, a saved program.

    The way out may follow `HELP_MARK` in the message.
    """

    def __init__(self, message: str, position: Position | None = None):
        super().__init__(message)
        self.position = position


def cut(text: str, most: int = MOST_CHARACTERS) -> str:
    """A text as messages show it: of a longer one the beginning and the end."""
    if len(text) <= most:
        return text
    return f"{text[: most * 3 // 4]} … {text[-(most // 4) :]}"


def shown_text(text: str) -> str:
    """A text as messages show it: not too long, and with bytes of paths and arguments as what they are in
    UTF-8, whatever the locale has made of them."""
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half of a character that no byte stands for
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return cut(text)


def positive(text: str) -> int:
    """An integer above zero, up to `MOST_COUNT`, for argparse."""
    number = _at_least(1, text, "positive")
    if number > MOST_COUNT:
        raise argparse.ArgumentTypeError(f"'{cut(text, 40)}' is more than {MOST_COUNT}")
    return number


def not_negative(text: str) -> int:
    """An integer not below zero, for argparse."""
    return _at_least(0, text, "zero or positive")


def window(text: str) -> tuple[int, int]:
    """A part of a call, `A:B`: its first cycle, and the one behind its last.

    Raises: InputError for what is no such pair, and where there is no cycle between them.
    """
    begin, _, end = text.partition(":")
    try:
        first, behind = int(begin, 0), int(end, 0)
    except ValueError:
        what = f"--window '{text}' is no pair of cycles"
        raise InputError(f"{what}{HELP_MARK}write --window A:B, as in --window 12000:34000") from None
    if first >= behind:
        what = f"--window {first}:{behind} has no cycle: it begins at {first} and ends at {behind}"
        raise InputError(f"{what}{HELP_MARK}write --window A:B, A below B")
    return first, behind


OPTIMIZATIONS = ("unfused", "fused", "looped", "the fastest of all, by timing them")
"""What each level of optimisation stands for, from 0 on."""
LEVELS_TEXT = ", ".join(f"-O{level} {what}" for level, what in enumerate(OPTIMIZATIONS))


def optimization(text: str) -> int:
    """A level of optimisation, for argparse."""
    if text not in map(str, range(len(OPTIMIZATIONS))):
        raise argparse.ArgumentTypeError(f"there is no -O{text}; the levels are {LEVELS_TEXT}")
    return int(text)


def _at_least(least: int, text: str, wanted: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{cut(text, 80)}' is no integer") from None
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is not {wanted}")
    return number


def seconds(text: str) -> float:
    """A time above zero, for argparse."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time above 0")
    return number


def above_zero(text: str) -> float:
    """A number above zero, for argparse."""
    return _number_up_to(float("inf"), text, "a number above 0")


def share(text: str) -> float:
    """A number above zero and up to one, for argparse."""
    return _number_up_to(1.0, text, "a number above 0, and 1 at most")


def _number_up_to(most: float, text: str, wanted: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{cut(text, 80)}' is no number") from None
    if not (0 < number <= most and isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
    return number


def assignments(option: str, pairs: Iterable[str]) -> dict[str, Number]:
    """Read the `name=value` pairs of an option; values are integers (`8192`, `1_000`, `0x20`) or
    decimal fractions.

    Raises: InputError for a pair that is none, or a value that is no number.
    """
    values: dict[str, Number] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not (name.strip() and equals):
            raise InputError(f"{option} '{pair}' is no assignment{HELP_MARK}write {option} name=value")
        if name.strip() in values:
            raise InputError(f"{option} {name.strip()} is given twice")
        values[name.strip()] = _number(option, name.strip(), text.strip())
    return values


def _number(option: str, name: str, text: str) -> Number:
    for read in (lambda: int(text, 0), lambda: float(text)):
        try:
            return read()
        except ValueError:
            continue
    raise InputError(f"{option} {name}: '{text}' is no number{HELP_MARK}write {option} {name}=8192 or 0.5")


def read_toml(path: str) -> Mapping[str, object]:
    """The values of a machine file.

    Raises: InputError for what is no TOML, OSError.
    """
    return parse_toml(Path(path).read_bytes(), path)


def parse_toml(data: bytes, name: str) -> Mapping[str, object]:
    """The values in the text of a machine file; `name` is for the error.

    Raises: InputError for what is no TOML.
    """
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # the second for lists too deep in each other
        way_out = f"{HELP_MARK}a machine file has lines like `hbm_bandwidth = 1_800_000_000_000`"
        raise InputError(f"{name} is no TOML: {error}{way_out}") from None


def whole(name: str, value: object) -> int:
    """A number as an integer, `1.8e12` too.

    Raises: InputError for any other value.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise InputError(f"machine parameter {name} is {value!r}; it must be an integer")
    return value
