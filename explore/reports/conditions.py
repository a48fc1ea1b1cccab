"""The path to a leaf of a tree, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..parameters import Categorical, Integer, Permutation, Real
from .features import Before, Choice, Feature, Rank
from .words import number_text, roundest, value_text


@dataclass(frozen=True)
class Step:
    """One decision on a path: a feature is above a threshold, or it is not."""

    feature: Feature
    threshold: float
    above: bool


def path_words(steps: Sequence[Step]) -> tuple[str, ...]:
    """The conditions of a path, one for each parameter, in the order in which they first appear."""
    by_parameter: dict[str, list[Step]] = {}
    for step in steps:
        by_parameter.setdefault(step.feature.parameter.name, []).append(step)
    return tuple(words for group in by_parameter.values() for words in _words(group))


def _words(steps: Sequence[Step]) -> list[str]:
    """The conditions of one parameter."""
    match steps[0].feature:
        case Rank() as rank:
            low = max((int(step.threshold) for step in steps if step.above), default=None)
            high = min((int(step.threshold) for step in steps if not step.above), default=None)
            return [_range_words(rank, low, high)]
        case Choice(parameter=parameter):
            return [_choice_words(parameter, steps)]
        case Before(parameter=parameter):
            return [_order_words(parameter, step) for step in steps]


def _choice_words(parameter: Categorical, steps: Sequence[Step]) -> str:
    is_one = [step.feature.value for step in steps if step.above and isinstance(step.feature, Choice)]
    if is_one:
        return f"{parameter.name} = {value_text(is_one[0])}"
    excluded = [step.feature.value for step in steps if isinstance(step.feature, Choice)]
    left = [value for value in parameter.values if value not in excluded]
    if len(left) == 1 and parameter.when is None:
        return f"{parameter.name} = {value_text(left[0])}"
    none = "is none of" if len(excluded) > 1 else "is not"
    return f"{parameter.name} {none} {', '.join(map(value_text, excluded))}"


def _order_words(parameter: Permutation, step: Step) -> str:
    assert isinstance(step.feature, Before), "an order is split by pairs"
    first, second = step.feature.first, step.feature.second
    if not step.above:
        first, second = second, first
    absent = "" if step.above or parameter.when is None else ", or is absent"
    return f"{parameter.name} has {first} before {second}{absent}"


def _range_words(rank: Rank, low: int | None, high: int | None) -> str:
    """What lies above the rank `low`, up to the rank `high`."""
    name = rank.parameter.name
    absent = f", or {name} is absent" if low is None and rank.parameter.when is not None else ""
    only = _only_value(rank, low, high)
    if only is not None:
        return f"{name} = {only}{absent}"
    if not high:
        assert low, "a path that ends nowhere else begins somewhere"
        return f"{name} > {_cut(rank, low)}"
    return f"{f'{_cut(rank, low)} < ' if low else ''}{name} ≤ {_cut(rank, high)}{absent}"


def _only_value(rank: Rank, low: int | None, high: int | None) -> str | None:
    """The value, where only one is left that the parameter can have."""
    parameter = rank.parameter
    if isinstance(parameter, Real):
        return None
    first = parameter.index(_below(rank, low)) + 1 if low else 0
    last = parameter.index(_below(rank, high)) if high else parameter.size - 1
    return value_text(parameter.value(last)) if first == last else None


def _cut(rank: Rank, place: int) -> str:
    value = _below(rank, place)
    return number_text(value, 6) if isinstance(value, float) else value_text(value)


def _below(rank: Rank, place: int) -> float | int | str:
    """The largest value below the cut behind a rank: of those between two seen ones a round one."""
    below, above = rank.seen[place - 1], rank.seen[place]
    parameter = rank.parameter
    if isinstance(below, str) or isinstance(above, str):
        return below
    if isinstance(parameter, Real):
        return roundest(below, above)
    if isinstance(parameter, Integer) and parameter.scale != "pow2":
        return int(roundest(below, above))
    return below
