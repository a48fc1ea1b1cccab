"""Which experts a step chooses where there is no data: how many distinct ones, by a rule that is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Literal

Form = Literal["uniform", "worst", "best", "given"]
"""Rows choose at random, all apart, all alike, or as is given."""

Rows = tuple[tuple[int, ...], ...]
"""The ids that each row of a batch chooses."""
Given = int | tuple[int, ...] | Rows
"""A count of distinct experts, ids of which distinct ones are counted, or the ids of each row."""

DRAWS = 200
"""Choices of a batch over which the mean of the socket that reads most is taken."""
MAX_SHOWN = 40
"""Characters of a wrong entry that a message shows."""


@dataclass(frozen=True)
class Chooser:
    """Rows of a batch, each of which chooses so many distinct ones of all experts.

    With `parts`, experts are in as many equal runs, each on a socket of its own. Then all counts are those of
    the socket that reads most.
    """

    rows: int
    chosen: int
    experts: int
    parts: int = 1

    @property
    def most(self) -> int:
        """Distinct experts where rows have none in common."""
        return min(self.experts // self.parts, self.rows * self.chosen)

    @property
    def fewest(self) -> int:
        """Distinct experts where all rows choose the same."""
        return -(-self.chosen // self.parts)

    @property
    def expected(self) -> float:
        """The mean number of distinct experts where each row chooses uniformly at random.

        Of the socket that reads most it is that of many draws, always the same ones.
        """
        if self.parts > 1:
            return _mean_of_draws(self)
        missed = (1 - self.chosen / self.experts) ** self.rows
        return self.experts * (1 - missed)

    def count(self, ids: Iterable[int]) -> int:
        """Distinct experts among these ids."""
        counts = [0] * self.parts
        for one in set(ids):
            counts[one // (self.experts // self.parts)] += 1
        return max(counts)

    def __str__(self) -> str:
        return f"{self.rows} row{'s' * (self.rows > 1)} choosing {self.chosen} of {self.experts} experts"


@dataclass(frozen=True)
class Routing:
    """How many distinct experts each selection of a call has; selections count in the order of the program.

    `uniform` draws them from the seed: those of a selection are the same however a program is compiled.
    """

    form: Form = "uniform"
    seed: int = 0
    given: tuple[Given, ...] = ()
    """What each selection of a call has, or over and over."""
    source: str = field(default="", compare=False)
    """The file that it was read from; messages name it."""

    def __str__(self) -> str:
        return f"uniform, seed {self.seed}" if self.form == "uniform" else self.form

    def count(self, number: int, chooser: Chooser) -> int:
        """Distinct experts of a selection.

        Raises: ValueError for a given count or id that cannot be.
        """
        match self.form:
            case "worst":
                return chooser.most
            case "best":
                return chooser.fewest
            case "uniform":
                return chooser.count(_drawn(Random(f"{self.seed}:{number}"), chooser))
            case "given":
                try:
                    return _checked(self.given[number % len(self.given)], chooser)
                except ValueError as error:
                    raise ValueError(f"selection {number}: {error}") from None

    def check(self, selections: int) -> None:
        """Raises: ValueError where what is given does not belong to so many selections."""
        count = len(self.given)
        if self.form == "given" and (not count or selections % count):
            raise ValueError(f"{count} entries are given, a call chooses experts {selections} times")


@cache
def _mean_of_draws(chooser: Chooser) -> float:
    """How many experts the socket that reads most has in the mean; its error is some percent."""
    return sum(chooser.count(_drawn(Random(number), chooser)) for number in range(DRAWS)) / DRAWS


def _drawn(random: Random, chooser: Chooser) -> Iterable[int]:
    """What rows choose; by Floyd's algorithm on `random()`, whose numbers no version of Python changes."""
    for _ in range(chooser.rows):
        row: set[int] = set()
        for last in range(chooser.experts - chooser.chosen, chooser.experts):
            one = int(random.random() * (last + 1))
            row.add(last if one in row else one)
        yield from row


def _checked(given: Given, chooser: Chooser) -> int:
    """The count that an entry says, of rows that choose so.

    Raises: ValueError.
    """
    if isinstance(given, int):
        if chooser.parts > 1:
            raise ValueError("a count does not say on which sockets experts are; give ids")
        count = given
    else:
        ids = _ids(given, chooser)
        outside = next((one for one in ids if not 0 <= one < chooser.experts), None)
        if outside is not None:
            raise ValueError(f"expert {outside} is outside 0 to {chooser.experts - 1}")
        count = chooser.count(ids)
    if not chooser.fewest <= count <= chooser.most:
        message = f"{count} distinct experts; {chooser} have {chooser.fewest} to {chooser.most}"
        raise ValueError(message)
    return count


def _ids(given: tuple[int, ...] | Rows, chooser: Chooser) -> Sequence[int]:
    """All ids, of single ones or of rows.

    Raises: ValueError for rows that are not those of the batch, or do not choose as its rows do.
    """
    rows = [one for one in given if not isinstance(one, int)]
    if not rows:
        return [one for one in given if isinstance(one, int)]
    if len(rows) != chooser.rows:
        raise ValueError(f"ids of {len(rows)} rows are given, {chooser.rows} rows choose")
    for number, row in enumerate(rows):
        if len(row) != chooser.chosen:
            raise ValueError(f"row {number} has {len(row)} ids, each row chooses {chooser.chosen}")
        twice = next((one for place, one in enumerate(row) if one in row[:place]), None)
        if twice is not None:
            raise ValueError(f"row {number} has expert {twice} twice")
    return [one for row in rows for one in row]


def routing_of(text: str) -> Routing | None:
    """What `uniform`, `uniform:SEED`, `worst` or `best` says; None for any other text.

    Raises: ValueError for a seed that is no number.
    """
    form, colon, seed = text.partition(":")
    if form == "uniform" and colon:
        if not (seed.isascii() and seed.isdigit()):
            raise ValueError(f"the seed of uniform is '{seed}', not a whole number")
        return Routing(seed=int(seed))
    forms: dict[str, Routing] = {one: Routing(one) for one in ("uniform", "worst", "best")}
    return forms.get(text)


def parse_routing(text: str) -> Routing:
    """What a JSON list says: for each selection a count, a list of ids, or a list of those for each row.

    Raises: ValueError where it is none.
    """
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if not isinstance(found, list) or not found:
        raise ValueError("it is no list with an entry for each selection of experts")
    entries: list[Any] = found
    return Routing("given", given=tuple(_entry(number, one) for number, one in enumerate(entries)))


def _entry(number: int, entry: Any) -> Given:
    if _is_whole(entry):
        return entry
    if _is_list_of(entry, _is_whole):
        return tuple(entry)
    if _is_list_of(entry, lambda row: _is_list_of(row, _is_whole)):
        return tuple(map(tuple, entry))
    shown = json.dumps(entry)
    shown = shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}…"
    raise ValueError(f"entry {number} is {shown}, neither a number of experts nor a list of their ids")


def _is_list_of(value: Any, is_one: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_one, value))


def _is_whole(value: Any) -> bool:
    return type(value) is int
