"""Sweeps of single knobs around the best mapping so far, as a careful hand does them: a pure planner.

First each knob is tested: two values, the farthest from those known, with all others as in the best
mapping. A knob with which nothing that is measured changes is inert, and left alone from then on. The others
are swept in the order of what they brought: the value farthest from all tried comes next, whatever came of
its neighbours, so that a good value behind infeasible ones is found; then values closer and closer to the
best one.

What is known of a knob around one mapping counts around all that run the same passes with the same choices;
with other passes or choices all are tested again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf

from ...explore.errors import SpaceError
from ...explore.history import Objective
from ...explore.outcome import Trial
from ...explore.parameters import Categorical, Discrete, Integer, Ordinal, Permutation, Value
from ...explore.space import Point, Space

TESTS = 2
"""Values that are tested before a knob counts as inert."""

SPREAD = 12
"""So many values are spread over the range of a knob, before those near the best one are tried."""


STEPS = tuple(sorted(range(-8, 9), key=abs))
"""Where the value that comes next does not go with the constraints, those so many places away may."""


@dataclass(frozen=True)
class Sweeps:
    """What sweeps have shown of an objective, and what they try next."""

    space: Space
    objectives: Sequence[Objective]
    goal: int
    """The number of the objective that is to become better."""
    names: Sequence[str]
    """The knobs to sweep, those first that are tested first; all are discrete."""
    trials: Sequence[Trial]
    """All that have ended, in order."""

    @property
    def inert(self) -> list[str]:
        """The knobs of the best mapping that were tested and changed nothing."""
        return [name for name in self._swept if self._is_inert(name)]

    def next(self, taken: Collection[object]) -> Point | None:
        """The next point to try, none with a key that is `taken`; None where the sweeps are done."""
        for name in self._order:
            for value in self._proposed(name):
                point = {**self._best.point, name: value} if self._best else {}
                if self._is_new(point, taken):
                    return point
        return None

    @property
    def _order(self) -> Iterator[str]:
        """Knobs that are to be tested, then those that are to be swept, the most rewarding first."""
        yield from (name for name in self._swept if len(self._tried(name)) <= TESTS)
        ranked = sorted(self._swept, key=lambda name: self._gain(name))
        yield from (name for name in ranked if not self._is_inert(name))

    @cached_property
    def _swept(self) -> list[str]:
        return [name for name in self.names if self._best is not None and name in self._best.point]

    @cached_property
    def _best(self) -> Trial | None:
        """The best mapping, the first of equal ones."""
        return min(self.trials, key=self._value, default=None) if self._anchors else None

    def _value(self, trial: Trial) -> float:
        """The objective, to be minimised; infinity where the trial is not feasible."""
        feasible = trial.outcome.evaluation(trial.point).feasible and trial.outcome.values is not None
        values = trial.outcome.values
        return self.objectives[self.goal].sign * values[self.goal] if feasible and values else inf

    @cached_property
    def _anchors(self) -> list[Trial]:
        """The mappings that were the best one, of the passes and choices of the best."""
        found, least = list[Trial](), inf
        for trial in self.trials:
            if (value := self._value(trial)) < least:
                found, least = [*found, trial], value
        return [trial for trial in found if self._kind(trial.point) == self._kind(found[-1].point)]

    def _kind(self, point: Mapping[str, Value]) -> Mapping[str, Value]:
        """Which passes run, and their choices."""
        kinds = (p.name for p in self.space.parameters if isinstance(p, Categorical))
        return {name: point[name] for name in kinds if name in point}

    @cached_property
    def _lines(self) -> dict[str, dict[Value, list[tuple[Trial, Trial]]]]:
        """By knob and value, the trials that differ from an anchor in it alone, each with this anchor."""
        lines: dict[str, dict[Value, list[tuple[Trial, Trial]]]] = {}
        for anchor in self._anchors:
            for trial in self.trials:
                different = _different(anchor.point, trial.point)
                if len(different) == 1:
                    name = different[0]
                    of_value = lines.setdefault(name, {}).setdefault(trial.point[name], [])
                    of_value.append((trial, anchor))
        return lines

    def _tried(self, name: str) -> set[Value]:
        assert self._best is not None, "there is something to sweep around"
        return {self._best.point[name], *self._lines.get(name, {})}

    def _is_inert(self, name: str) -> bool:
        """Whether a knob was tested, and nothing that is measured changed."""
        pairs = [pair for row in self._lines.get(name, {}).values() for pair in row]
        enough = len(self._tried(name)) > min(TESTS, self._parameter(name).size - 1)
        return enough and all(_measured(trial) == _measured(anchor) for trial, anchor in pairs)

    def _gain(self, name: str) -> float:
        """How much a knob changed the objective at best; below 0 is better."""
        pairs = (pair for row in self._lines.get(name, {}).values() for pair in row)
        return min((self._value(trial) - self._value(anchor) for trial, anchor in pairs), default=inf)

    def _parameter(self, name: str) -> Discrete:
        parameter = self.space.by_name[name]
        assert isinstance(parameter, Discrete), "knobs have values that can be counted"
        return parameter

    def _proposed(self, name: str) -> Iterator[Value]:
        """The values of a knob that are still to be tried, the next one first."""
        parameter, tried = self._parameter(name), self._tried(name)
        if isinstance(parameter, Categorical):
            yield from (value for value in parameter.values if value not in tried)
            return
        assert not isinstance(parameter, Permutation), "knobs are no orders"
        assert self._best is not None, "there is something to sweep around"
        known = sorted(_place(parameter, value) for value in tried)
        places = _farthest(known) if len(known) <= SPREAD else []
        for place in (*places, *_closer(known, _place(parameter, self._best.point[name]))):
            index = parameter.nearest(place)
            if parameter.value(index) in tried:
                continue  # no value is left between two known ones
            for near in (index + step for step in STEPS):  # constraints may be against the first of them
                if 0 <= near < parameter.size and (value := parameter.value(near)) not in tried:
                    yield value

    def _is_new(self, point: Point, taken: Collection[object]) -> bool:
        """Whether a point can be tried, and is not yet."""
        try:
            self.space.check(point)
        except SpaceError:
            return False  # the knob brings or takes others, or does not go with them
        key = self.space.key(point)
        return key not in taken and key not in self._keys

    @cached_property
    def _keys(self) -> set[object]:
        return {self.space.key(trial.point) for trial in self.trials}


def _different(one: Mapping[str, Value], other: Mapping[str, Value]) -> list[str]:
    """The knobs in which two points differ; those that only one has count, too."""
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def _measured(trial: Trial) -> object:
    """All that was measured; not the pipeline, which always differs."""
    outcome = trial.outcome
    details = {name: value for name, value in outcome.details.items() if not isinstance(value, str)}
    return outcome.status, outcome.values, dict(outcome.slacks), details


def _place(parameter: Integer | Ordinal, value: Value) -> float:
    """Where a value lies in the unit range."""
    return sum(parameter.span(value)) / 2


def _farthest(known: Sequence[float]) -> list[float]:
    """The ends of the unit range and what is amid known places, those first that are farthest from them."""
    amid = [(above - below, (above + below) / 2) for below, above in pairwise(known)]
    gaps = [(2 * known[0], 0.0), (2 * (1.0 - known[-1]), 1.0), *amid]
    return [place for _, place in sorted(gaps, key=lambda gap: (-gap[0], gap[1]))]


def _closer(known: Sequence[float], best: float) -> list[float]:
    """The places amid the best one and the nearest known ones on both sides, where there are any."""
    below = max((place for place in known if place < best), default=best)
    above = min((place for place in known if place > best), default=best)
    return [(below + best) / 2, (best + above) / 2]
