"""What reports say is true: on made studies whose answers are known, and on odd ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kl.explore.about import About
from kl.explore.errors import ReportError
from kl.explore.history import Objective
from kl.explore.outcome import Outcome, Trial
from kl.explore.parameters import Categorical, Condition, Integer, Ordinal, Permutation, Real
from kl.explore.pareto import hypervolume
from kl.explore.reports import front
from kl.explore.reports.analysis import Report, analyse
from kl.explore.reports.features import Split, find_features, path_words
from kl.explore.reports.formatting import number_text, roundest, seconds_text
from kl.explore.reports.front import Behind, find_behind, find_front, find_reference, find_volumes
from kl.explore.reports.front_table import front_columns
from kl.explore.reports.importance import Importances
from kl.explore.reports.reasons import find_rules
from kl.explore.reports.record import StudyRecord
from kl.explore.reports.sentences import front_words, status_words
from kl.explore.reports.targets import MOST, MOST_NUMBERS, find_targets
from kl.explore.space import Point, Space

TWO = (Objective("time"), Objective("area"))
GRID = Space((Integer("x", 0, 40), Integer("y", 0, 40)))
MAPPING = Space(
    (
        Integer("tile", 1, 512, "pow2"),
        Integer("lanes", 1, 100),
        Categorical("memory", ("sram", "hbm")),
        Integer("banks", 1, 8, when=Condition("memory", ("sram",))),
        Real("clock", 0.5, 4.0, "log"),
        Permutation("order", 3),
        Categorical("kind", ("a", "b", "c")),
    ),
)

Answer = Callable[[Point], Outcome]


def number(point: Point, name: str) -> float:
    value = point.get(name, 0)
    assert isinstance(value, (int, float))
    return float(value)


def record(
    space: Space, answer: Answer, n: int = 120, objectives: Sequence[Objective] = TWO, seed: int = 1
) -> StudyRecord:
    """A study that drew its points at random."""
    points = space.sample(np.random.default_rng(seed), n)
    trials = (Trial(index, point, answer(point), 100.0 + index, 0.5) for index, point in enumerate(points))
    return StudyRecord("made", space, tuple(objectives), tuple(trials))


def two(point: Point) -> Outcome:
    return Outcome((number(point, "x"), 40 - number(point, "x") + number(point, "y")))


def clocked(point: Point) -> Outcome:
    """The time depends on the clock, the area on the banks; large tiles in SRAM do not fit."""
    if number(point, "tile") > 64 and point["memory"] == "sram":
        return Outcome(status="infeasible", message=f"a tile of {point['tile']} does not fit")
    return Outcome((100 / number(point, "clock"), 1.0 + number(point, "banks")))


def shares(importances: Importances) -> dict[str, float]:
    return {entry.parameter: entry.share for entry in importances.entries}


@pytest.fixture(scope="module")
def mapping() -> Report:
    return analyse(record(MAPPING, clocked, 200))


def test_importances_find_the_parameter_that_matters(mapping: Report):
    time, area, feasibility = mapping.importances
    assert shares(time)["clock"] > 0.95
    assert shares(area)["banks"] + shares(area)["memory"] > 0.95
    assert shares(feasibility)["tile"] + shares(feasibility)["memory"] > 0.95
    for importances in mapping.importances:
        assert importances.score is not None
        assert importances.score > 0.8
        assert sum(shares(importances).values()) == pytest.approx(1)
        assert all(entry.spread >= 0 for entry in importances.entries)


def test_rules_find_a_planted_threshold(mapping: Report):
    planted, *others = mapping.rules.avoid
    assert sorted(planted.conditions) == ["memory = sram", "tile > 64"]
    bad = mapping.summary.evaluations - mapping.summary.feasible
    assert str(planted).endswith(f": {bad} of {bad} infeasible")
    assert others == []
    assert all(rule.infeasible == 0 for rule in mapping.rules.prefer)
    rules = (*mapping.rules.avoid, *mapping.rules.prefer)
    assert sum(rule.evaluations for rule in rules) == mapping.summary.evaluations


def test_dependence_follows_the_function(mapping: Report):
    found = {(one.target, one.parameter): one for one in mapping.dependences}
    clock = found["time", "clock"]
    assert list(clock.expected) == sorted(clock.expected, reverse=True)
    assert clock.expected[0] == pytest.approx(100 / number({"clock": clock.values[0]}, "clock"), rel=0.2)
    assert all(low <= high for low, high in zip(clock.low, clock.high, strict=True))
    tile = found["feasibility", "tile"]
    assert tile.values == tuple(2**k for k in range(10))
    assert tile.is_log
    assert tile.expected[6] - tile.expected[7] > 0.3
    assert max(tile.expected) <= 1


def test_messages_that_differ_in_numbers_are_one(mapping: Report):
    (message,) = mapping.messages
    assert message.count == mapping.summary.evaluations - mapping.summary.feasible
    assert message.text.startswith("a tile of ")
    assert message.status == "infeasible"


def test_resources_are_counted():
    def answer(point: Point) -> Outcome:
        return replace(two(point), slacks={"x": number(point, "x") - 30, "y": -1.0})

    report = analyse(record(GRID, answer))
    (resource,) = report.resources
    assert resource.name == "x"
    assert resource.exceeded == report.summary.evaluations - report.summary.feasible > 0
    assert resource.largest == 10
    assert report.rules.avoid[0].conditions == ("x > 30",)


def test_the_summary_counts():
    def answer(point: Point) -> Outcome:
        return Outcome(status="timed-out") if number(point, "x") < 10 else two(point)

    summary = analyse(record(GRID, answer, 50)).summary
    assert summary.statuses == {
        "feasible": summary.feasible,
        "infeasible": 0,
        "failed": 0,
        "timed-out": 50 - summary.feasible,
    }
    assert summary.points == 41 * 41
    assert summary.elapsed_seconds == 49.5
    assert summary.evaluation_seconds == 25
    best = summary.objectives[0].best
    assert best is not None
    assert best >= 10


def answers(*told: tuple[int, Outcome], about: About | None = None) -> StudyRecord:
    """A study that was told this of points of a line, in this order."""
    trials = tuple(Trial(n, {"x": x, "y": 0}, outcome, 100.0 + n, 0.5) for n, (x, outcome) in enumerate(told))
    return StudyRecord("told", GRID, TWO, trials, about or About())


def test_a_point_counts_once_however_often_it_was_evaluated():
    good, late = Outcome((1.0, 2.0)), Outcome(status="timed-out", message="too late")
    asked = [(1, good), (2, late), (1, good), (3, late), (2, Outcome((2.0, 1.0))), (3, late), (1, late)]
    report = analyse(answers(*asked))
    assert (report.summary.evaluations, report.summary.feasible, report.summary.repeated) == (3, 2, 4)
    assert report.summary.statuses == {"feasible": 2, "infeasible": 0, "failed": 0, "timed-out": 1}
    assert [seen.number for seen in report.evaluations] == [0, 4, 3], "an answer goes before a failure"
    assert [message.count for message in report.messages] == [1]
    assert report.volumes is not None
    assert len(report.volumes.values) == 3
    assert status_words(report.summary).startswith("Of 3 evaluations, 2 gave a feasible point.")
    assert status_words(report.summary).endswith(" 4 more repeated points, and count nowhere.")
    assert "repeated" not in status_words(analyse(answers((1, good))).summary)


def test_equal_points_are_one_row_that_says_how_many():
    usual = About(defaults=(("usual", {"x": 9, "y": 0}),))
    told = [
        (1, Outcome((1.0, 2.0))),
        (9, Outcome((1.0, 2.0))),
        (3, Outcome((1.0, 2.0))),
        (4, Outcome((0.0, 3.0))),
    ]
    report = analyse(answers(*told, about=usual))
    assert [(one.number, one.equal) for one in report.front] == [(3, ()), (1, (0, 2))], "the usual one first"
    (column,) = (column for column in front_columns(report) if column.name == "equal")
    assert column.texts == ("–", "2")
    assert column.is_number
    assert "2 more points with equal values" in front_words(report)
    assert [(one.number, one.equal) for one in analyse(answers(*told)).front] == [(3, ()), (0, (1, 2))]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=9))
@example([(0, 2), (3, 3), (4, 2)])  # better by 100 % in one, or by a little in both
def test_how_far_a_point_is_behind_says_what_a_search_through_all_says(rows: list[tuple[int, int]]):
    signs, point = np.array([1.0, -1.0]), rows[-1]
    front = dict(enumerate(rows))
    behind = find_behind(point, front, signs)
    better = [n for n, (x, y) in front.items() if x <= point[0] and y >= point[1] and (x, y) != point]
    assert (behind is None) == (better == [])
    if behind is not None:
        x, y = rows[behind.number]
        assert behind.number in better
        wanted = (1 - x / point[0] if x < point[0] else 0.0, 1 - point[1] / y if y > point[1] else 0.0)
        assert behind.shares == pytest.approx(wanted)
        known = [find_behind(point, {n: front[n]}, signs) for n in better]
        assert min(behind.shares) == max(min(one.shares) for one in known if one is not None)


def test_a_default_equal_in_one_objective_is_behind_in_the_other():
    about = About(defaults=(("usual", {"x": 1, "y": 0}), ("good", {"x": 2, "y": 0})))
    told = [(1, Outcome((2.0, 3.0))), (2, Outcome((1.0, 3.0))), (3, Outcome((1.0, 3.0)))]
    report = analyse(answers(*told, about=about))
    usual, good = report.defaults
    assert usual.behind == Behind(1, (0.5, 0.0))
    assert good.behind is None
    (column,) = (column for column in front_columns(report) if column.name == "behind the front")
    assert column.texts == ("–", "time 50 % (#1)")


def test_order_and_ordinal_rules():
    space = Space((Permutation("order", 3), Ordinal("size", ("s", "m", "l")), Integer("n", 0, 9)))

    def fits(point: Point) -> Outcome:
        order = point["order"]
        assert isinstance(order, tuple)
        ok = point["size"] != "l" and order.index(2) < order.index(0)
        return Outcome((1.0, 2.0), status="feasible" if ok else "infeasible")

    rules = analyse(record(space, fits)).rules
    assert [rule.conditions for rule in rules.avoid] == [
        ("order has 0 before 2",),
        ("order has 2 before 0", "size = l"),
    ]
    assert [rule.conditions for rule in rules.prefer] == [("order has 2 before 0", "size ≤ m")]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([("tile", 7.5, True)], "tile > 64"),
        ([("tile", 7.5, False)], "tile ≤ 64"),
        ([("tile", 7.5, False), ("tile", 6.5, True)], "tile = 64"),
        ([("tile", 3.5, True), ("tile", 7.5, False)], "4 < tile ≤ 64"),
        ([("tile", 1.5, False)], "tile = 1"),
        ([("banks", 2.5, False)], "banks ≤ 2, or banks is absent"),
        ([("banks", 2.5, True)], "banks > 2"),
        ([("banks", 1.5, True), ("banks", 2.5, False)], "banks = 2"),
        ([("banks", 1.5, False)], "banks = 1, or banks is absent"),
        ([("memory", 0.5, True)], "memory = sram"),
        ([("memory", 0.5, False)], "memory = hbm"),
        ([("kind", 0.5, False)], "kind is not a"),
    ],
)
def test_paths_in_words(steps: list[tuple[str, float, bool]], words: str):
    points = MAPPING.sample(np.random.default_rng(0), 300)
    features = {f.parameter.name: f for f in reversed(find_features(MAPPING, points))}
    assert path_words([Split(features[name], at, above) for name, at, above in steps]) == (words,)


VALUES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.booleans()), min_size=1, max_size=25
)


def planted(values: list[tuple[int, int, int, bool]], count: int, maximise: bool) -> StudyRecord:
    """A study with given objectives; the last entry says what is feasible."""
    trials = tuple(
        Trial(
            index,
            {"x": index, "y": 0},
            Outcome(tuple(map(float, row[:count])), status="feasible" if row[3] else "infeasible"),
            0.0,
            0.0,
        )
        for index, row in enumerate(values)
    )
    first = Objective("o0", "maximise" if maximise else "minimise", capacity=0.5 if maximise else 8.5)
    return StudyRecord("planted", GRID, (first, *(Objective(f"o{k}") for k in range(1, count))), trials)


@settings(deadline=None)
@given(VALUES, st.integers(1, 3), st.booleans())
def test_hypervolume_never_falls_and_ends_as_that_of_the_front(
    values: list[tuple[int, int, int, bool]], count: int, maximise: bool
):
    study = planted(values, count, maximise)
    volumes = find_volumes(study, seed=0)
    assert (volumes is None) == (not study.feasible.any())
    if volumes is None:
        return
    assert len(volumes.values) == len(values)
    assert list(volumes.values) == sorted(volumes.values)
    signed = np.array([point.values for point in find_front(study)]) * study.signs
    exact = hypervolume(signed, np.array(volumes.reference.values) * study.signs)
    assert volumes.values[-1] == pytest.approx(exact)


def test_many_objectives_are_estimated_well(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(3)
    rows = [(*map(int, rng.integers(0, 9, 3)), True) for _ in range(40)]
    study = planted(rows, 3, maximise=False)
    exact = find_volumes(study, 0)
    monkeypatch.setattr(front, "EXACT_OBJECTIVES", 2)
    estimated = find_volumes(study, 0)
    assert exact is not None
    assert estimated is not None
    assert not estimated.is_exact
    assert estimated.values[-1] == pytest.approx(exact.values[-1], rel=0.02)
    assert list(estimated.values) == sorted(estimated.values)


def test_the_reference_is_the_capacity_or_beyond_the_worst():
    study = planted([(2, 3, 0, True), (4, 1, 0, True), (9, 9, 0, False)], 2, maximise=False)
    reference = find_reference(study)
    assert reference is not None
    assert reference.is_capacity == (True, False)
    assert reference.values == pytest.approx((8.5, 3.2))


def test_a_reference_stays_on_its_side_of_zero():
    study = record(GRID, lambda p: Outcome((number(p, "x"),)), 60, [Objective("speed", "maximise")])
    reference = find_reference(study)
    assert reference is not None
    assert reference.values == (0.0,)


def finite(point: Point, value: float) -> Outcome:
    return Outcome((value, number(point, "y")) if number(point, "x") > 20 else (1.0, 2.0))


ODD: dict[str, tuple[Space, Answer, int]] = {
    "one": (GRID, two, 1),
    "one failed": (GRID, lambda p: Outcome(status="failed", message="boom"), 1),
    "none feasible": (GRID, lambda p: Outcome((1.0, 2.0), status="infeasible"), 40),
    "nothing but failures": (GRID, lambda p: Outcome(status="failed"), 40),
    "constant": (GRID, lambda p: Outcome((3.0, 0.0)), 40),
    "not a number": (GRID, lambda p: finite(p, float("nan")), 40),
    "infinite": (GRID, lambda p: finite(p, float("inf")), 40),
    "tiny": (GRID, lambda p: Outcome((1e-30 * (number(p, "x") - 9), 1e-30 * number(p, "y"))), 40),
    "lone values": (
        Space((Integer("x", 1, 1), Categorical("c", ("only",)))),
        lambda p: Outcome((1.0, 2.0)),
        30,
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_studies_have_reports(name: str):
    report = analyse(record(*ODD[name]))
    text = json.dumps(asdict(report), allow_nan=False)
    summary = json.loads(text)["summary"]
    assert summary["evaluations"] + summary["repeated"] == ODD[name][2]
    for importances in report.importances:
        assert importances.entries or importances.note
    assert report.rules.avoid or report.rules.note


def test_importances_do_not_depend_on_the_unit():
    def small(point: Point) -> Outcome:
        values = two(point).values
        assert values is not None
        return Outcome(tuple((value - 20) * 1e-20 for value in values))

    importances = analyse(record(GRID, small)).importances[0]
    assert shares(importances)["x"] > 0.95


def test_a_random_objective_has_no_importances():
    rng = np.random.default_rng(0)
    report = analyse(record(GRID, lambda p: Outcome(tuple(rng.random(2).tolist()))))
    for importances in report.importances[:2]:
        assert importances.entries == ()
        assert "points they have not seen" in importances.note
    assert report.dependences == ()


def test_chance_makes_no_rules():
    """Not in more than one study of twenty, though of many parameters some look as if they mattered."""
    many = Space(tuple(Integer(f"x{index}", 0, 40) for index in range(30)))
    rng = np.random.default_rng(0)

    def answer(point: Point) -> Outcome:
        return Outcome((1.0, 1.0), status="feasible" if rng.random() < 0.5 else "infeasible")

    found = [find_rules(record(many, answer, seed=seed), 0) for seed in range(20)]
    without = [rules for rules in found if rules.avoid == rules.prefer == ()]
    assert len(without) >= 19
    assert {rules.note for rules in without} == {
        "no parameter tells infeasible points from others with certainty"
    }


def test_too_few_evaluations_are_said():
    report = analyse(record(GRID, two, 19))
    assert report.importances[0].note == "19 evaluations with values, at least 20 are needed"
    assert report.importances[-1].note == "every evaluation was feasible"
    assert report.rules.note == "every evaluation was feasible"


def test_a_study_without_trials_has_no_report():
    with pytest.raises(ReportError, match="study 'made' has no evaluation that has ended; run it first"):
        analyse(record(GRID, two, 0))


def test_large_studies_are_learned_in_part():
    targets = find_targets(record(GRID, two, MOST + 50), seed=0)
    assert [len(target.values) for target in targets] == [MOST] * 3


def test_wide_spaces_are_learned_in_part():
    space = Space(tuple(Categorical(f"c{index}", tuple(range(64))) for index in range(20)))
    targets = find_targets(record(space, lambda point: Outcome((1.0, 2.0)), 300), seed=0)
    assert [target.rows.shape for target in targets] == [(MOST_NUMBERS // 1280, 1280)] * 3


def test_the_same_study_gives_the_same_report():
    study = record(MAPPING, clocked, 60)
    assert analyse(study) == analyse(study)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (64.0, "64"),
        (12345.678, "12,346"),
        (0.01250, "0.0125"),
        (3.2e-7, "3.2e-7"),
        (-1.5e9, "-1.5e9"),
    ],
)
def test_numbers_as_text(value: float, text: str):
    assert number_text(value) == text


def test_times_as_text():
    assert [seconds_text(s) for s in (0.25, 42, 65, 3700)] == ["0.25 s", "42 s", "0:01:05", "1:01:40"]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_a_round_number_stays_between(low: float, gap: float):
    assert low <= roundest(low, low + gap) < low + gap
