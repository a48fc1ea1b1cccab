"""Options that several tools take: `name=value` pairs."""

from __future__ import annotations

from collections.abc import Iterable

from .diagnostics import HELP_MARK, InputError

Number = int | float


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
        values[name.strip()] = _number(option, name.strip(), text.strip())
    return values


def _number(option: str, name: str, text: str) -> Number:
    for read in (lambda: int(text, 0), lambda: float(text)):
        try:
            return read()
        except ValueError:
            continue
    raise InputError(f"{option} {name}: '{text}' is no number")
