"""Sweeps of single knobs: what they try next, what they find, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kl.explore.history import Objective
from kl.explore.outcome import Outcome, Trial
from kl.explore.parameters import Categorical, Condition, Integer, Ordinal
from kl.explore.space import Point, Space
from kl.tools.tuning.sweeps import SPREAD, TESTS, Sweeps

INERT = tuple(Integer(f"inert{number}", 0, 9) for number in range(6))
STAIRS = Space(
    (Categorical("runs", (True, False)), Integer("percent", 5, 100), Integer("tile", 0, 6), *INERT)
)
START: Point = {"runs": True, "percent": 75, "tile": 5, **{knob.name: 4 for knob in INERT}}


def stairs(point: Point) -> Outcome:
    """A latency that falls in steps, some behind values that do not fit."""
    percent, tile = point["percent"], point["tile"]
    assert isinstance(percent, int)
    assert isinstance(tile, int)
    steps = ((75, 1.2), (78, 1.026), (81, 0.992), (83, inf), (89, 0.972), (93, inf), (101, 1.2))
    latency = next(value for end, value in steps if percent < end)
    if latency == inf:
        return Outcome(None, {"links": 1.0}, "infeasible", "too much on a link", {"pipeline": str(point)})
    time = latency + abs(tile - 2) / 1000 + (0.1 if point["runs"] is False else 0.0)
    return Outcome((time,), {"links": -1.0}, details={"pipeline": str(point)})


def sweep(
    space: Space, start: Point, evaluate: Callable[[Point], Outcome], most: int
) -> tuple[list[Trial], Sweeps]:
    """Trials from a point on, up to the end of the sweeps or so many."""
    trials: list[Trial] = []
    point: Point | None = start
    names = [parameter.name for parameter in space.parameters]
    while True:
        sweeps = Sweeps(space, (Objective("time"),), 0, names, trials)
        point = sweeps.next(()) if trials else start
        if point is None or len(trials) == most:
            return trials, sweeps
        trials.append(Trial(len(trials), point, evaluate(point), 0.0, 0.0))


def test_a_step_behind_infeasible_values_is_found():
    trials, sweeps = sweep(STAIRS, START, stairs, 80)
    best = min(trial.outcome.values or (inf,) for trial in trials)
    assert best == (0.972,)
    assert sweeps.inert == [knob.name for knob in INERT]


def test_each_knob_is_tested_before_one_is_swept_and_inert_ones_no_more_after_that():
    trials, _ = sweep(STAIRS, START, stairs, 80)
    tried = {knob.name: {trial.point[knob.name] for trial in trials} for knob in STAIRS.parameters}
    assert all(len(tried[knob.name]) == TESTS + 1 for knob in INERT)
    assert {0, 9} < tried["inert0"]
    assert len(tried["percent"]) > SPREAD
    assert tried["tile"] == set(range(7))
    assert tried["runs"] == {True, False}


def test_a_knob_of_another_choice_is_tested_again():
    space = Space((Categorical("mode", ("a", "b")), Integer("depth", 0, 9)))

    def evaluate(point: Point) -> Outcome:
        depth = point["depth"]
        assert isinstance(depth, int)
        return Outcome((2.0 if point["mode"] == "a" else 1.0 - depth / 100,))

    trials, sweeps = sweep(space, {"mode": "a", "depth": 4}, evaluate, 40)
    assert min(trials, key=lambda trial: trial.outcome.values or (inf,)).point == {"mode": "b", "depth": 9}
    assert sweeps.inert == []


def test_what_only_the_text_of_the_pipeline_tells_apart_is_inert_and_a_slack_is_not():
    space = Space((Integer("still", 0, 9), Integer("loads", 0, 9)))

    def evaluate(point: Point) -> Outcome:
        loads = point["loads"]
        assert isinstance(loads, int)
        return Outcome((1.0,), {"links": float(loads - 20)}, details={"pipeline": str(point)})

    _, sweeps = sweep(space, {"still": 4, "loads": 4}, evaluate, 40)
    assert sweeps.inert == ["still"]


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_ranges_of_any_size_are_swept(scale: str):
    space = Space((Integer("bandwidth", 10**11, 4 * 10**12, scale),))  # pyright: ignore[reportArgumentType]
    trials, _ = sweep(
        space, {"bandwidth": 10**12}, lambda point: Outcome((1e12 / float(str(point["bandwidth"])),)), 40
    )
    values = [trial.point["bandwidth"] for trial in trials]
    assert {10**11, 4 * 10**12} < set(values)
    assert len(values) > SPREAD


def test_a_plateau_around_the_best_is_left_for_knobs_that_are_not_swept_yet():
    """Both tests of the second knob are worse, and better values lie between them."""
    space = Space((Integer("flat", 1, 100), Ordinal("tile", tuple(range(11)))))

    def evaluate(point: Point) -> Outcome:
        flat, tile = point["flat"], point["tile"]
        assert isinstance(flat, int)
        assert isinstance(tile, int)
        return Outcome((1.0 + 0.1 * (flat < 20) + (0.0, 0.1)[tile in (0, 3)] - 0.01 * (tile == 6),))

    trials, _ = sweep(space, {"flat": 90, "tile": 8}, evaluate, 40)
    assert min(trials, key=lambda trial: trial.outcome.values or (inf,)).point["tile"] == 6
    beside = [
        trial for trial in trials if trial.point["tile"] == 8 and abs(int(str(trial.point["flat"])) - 90) < 9
    ]
    assert len(beside) <= 9, "halves, no steps of one"


def test_without_a_feasible_trial_there_is_nothing_to_sweep_around():
    failed = Trial(0, START, Outcome(status="failed"), 0.0, 0.0)
    names = [parameter.name for parameter in STAIRS.parameters]
    sweeps = Sweeps(STAIRS, (Objective("time"),), 0, names, [failed])
    assert (sweeps.next(()), sweeps.inert) == (None, [])


SMALL = Space(
    (
        Categorical("on", (False, True)),
        Ordinal("level", (1, 2, 4), when=Condition("on", (True,))),
        Integer("width", 1, 12),
    ),
    ("width % 2 == 0",),
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(0, 40), st.integers(0, 5)), st.sampled_from(list(SMALL.points())))
def test_a_sweep_turns_one_knob_of_the_best_and_tries_nothing_twice(values: dict[int, int], start: Point):
    places = {SMALL.key(point): number for number, point in enumerate(SMALL.points())}

    def evaluate(point: Point) -> Outcome:
        value = values.get(places[SMALL.key(point)], 3)
        return Outcome(None, status="infeasible") if value == 5 else Outcome((float(value),))

    trials, _ = sweep(SMALL, start, evaluate, 60)
    assert len({SMALL.key(trial.point) for trial in trials}) == len(trials)
    for number, trial in enumerate(trials[1:], 1):
        SMALL.check(trial.point)
        best = min(trials[:number], key=lambda one: one.outcome.values or (inf,)).point
        assert len([name for name in best if best[name] != trial.point.get(name)]) == 1
    if trials[0].outcome.values is not None:  # the sweeps have ended, all values of the last line are known
        best = min(trials, key=lambda one: one.outcome.values or (inf,)).point
        line = [trial for trial in trials if all(best[n] == trial.point.get(n) for n in best if n != "width")]
        inert = len({(trial.outcome.status, trial.outcome.values) for trial in line}) == 1
        assert len(line) == 6 or (inert and len(line) >= TESTS + 1)
