"""Machines to explore: ranges of machine parameters, and what a machine costs in the user's own terms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...explore.errors import SpaceError
from ...explore.expressions import make_constraint
from ...explore.parameters import Integer, IntegerScale, Ordinal
from ..values import HELP_MARK, InputError

SCALES: Mapping[str, IntegerScale] = {"linear": "linear", "log": "log", "pow2": "pow2"}
RANGE = re.compile(r"(?P<low>[^.:]+(?:\.\d[^.:]*)?)\.\.(?P<high>[^:]+)(?::(?P<scale>\w+))?")
FORM = f"{HELP_MARK}write name=low..high, name=low..high:{'|'.join(SCALES)}, or name=a,b,c"


def machine_parameter(text: str, known: Sequence[str]) -> Integer | Ordinal:
    """The parameter of `hbm_bandwidth=1e12..4e12:log` or `sockets=8,16`; `known` are those that there are.

    Raises: InputError for a text of another form, an unknown parameter, values that are no positive integers.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals:
        raise InputError(f"--explore '{text}' says no values{FORM}")
    if name not in known:
        raise InputError(f"unknown machine parameter '{name}'{HELP_MARK}known are {', '.join(known)}")
    try:
        if (match := RANGE.fullmatch(values)) is None:
            return Ordinal(name, tuple(sorted(_whole(name, value) for value in values.split(","))))
        if (scale := SCALES.get(match["scale"] or "linear")) is None:
            raise InputError(f"--explore {name}: unknown scale '{match['scale']}'{FORM}")
        return Integer(name, _whole(name, match["low"]), _whole(name, match["high"]), scale)
    except SpaceError as error:
        raise InputError(f"--explore {name}: {error}") from None


def _whole(name: str, text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        raise InputError(f"--explore {name}: '{text.strip()}' is no number{FORM}") from None
    if not (number.is_integer() and number > 0):
        raise InputError(f"--explore {name}: {text.strip()} is no positive integer")
    return int(text) if text.strip().isdecimal() else int(number)


@dataclass(frozen=True)
class Cost:
    """An objective over machine parameters: a name and an expression."""

    name: str
    expression: str

    def of(self, terms: Mapping[str, int]) -> float:
        """What a machine costs; `terms` are its parameters and what else a target's expressions may name.

        Raises: InputError where the expression has no value there.
        """
        try:
            value = make_constraint(self.expression).value(dict(terms))
        except SpaceError as error:
            raise InputError(f"--cost {self.name}: {error}") from None
        if not isinstance(value, int | float):
            raise InputError(f"--cost {self.name} is {value!r}, which is no number")
        return float(value)


def parse_cost(text: str, terms: Mapping[str, int]) -> Cost:
    """The cost of `area = 2.5 * sram_bytes + hbm_bandwidth / 1e9`.

    Raises: InputError for a text of another form, and for an expression with unknown names or no number.
    """
    name, equals, expression = (part.strip() for part in text.partition("="))
    if not (equals and name.isidentifier() and expression):
        raise InputError(f"--cost '{text}' is no cost{HELP_MARK}write --cost 'area = 2.5 * pmus + pcus'")
    try:
        unknown = set(make_constraint(expression).names) - {*terms}
    except SpaceError as error:
        raise InputError(f"--cost {name}: {error}") from None
    if unknown:
        known = ", ".join(terms)
        raise InputError(f"--cost {name} names '{min(unknown)}'{HELP_MARK}it may name {known}")
    cost = Cost(name, expression)
    cost.of(terms)
    return cost
