"""Studies: the same points whatever interrupts them, all that happened kept, errors that name the way out."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from kl.explore.errors import SpaceError, StudyError
from kl.explore.history import Objective
from kl.explore.outcome import Outcome, Trial
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space
from kl.explore.studies.distributions import suggest
from kl.explore.studies.owners import this_process
from kl.explore.studies.sampler import ExhaustedError, ExplorerSampler
from kl.explore.studies.study import Study, StudyPlan, load_study, open_study

LINE = Space((Integer("x", 0, 9),))
TWO = (Objective("a"), Objective("b"))


@pytest.fixture(autouse=True)
def _evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)


def line(point: Point) -> Outcome:
    x = point["x"]
    assert isinstance(x, int)
    return Outcome((float(x), float(9 - x)), {"room": x - 6.0})


def line_plan(name: str = "line", **changes: object) -> StudyPlan:
    return replace(StudyPlan(name, LINE, TWO), **changes)  # pyright: ignore[reportArgumentType]


def sequence(study: Study) -> list[tuple[Point, Outcome]]:
    return [(trial.point, trial.outcome) for trial in study.trials()]


# The same points


@pytest.mark.parametrize(
    ("method", "name"),
    [("default", "study.db"), ("pareto-wall", "study.journal"), ("random", "study.journal")],
)
def test_a_study_goes_on_as_if_it_had_not_been_interrupted(method: str, name: str, tmp_path: Path):
    from study_evaluations import measure, plan

    whole = open_study(plan(method), None)
    whole.run(measure, 24, isolate=False)
    for budget in (3, 12, 24):
        open_study(plan(method), str(tmp_path / name)).run(measure, budget, isolate=False)
    assert sequence(load_study(str(tmp_path / name))) == sequence(whole)
    other = open_study(plan(method, seed=6), None)
    other.run(measure, 24, isolate=False)
    assert sequence(other) != sequence(whole)


def test_what_an_interruption_ends_is_evaluated_again():
    from study_evaluations import measure, plan

    calls: list[Point] = []

    def interrupted(point: Point) -> Outcome:
        calls.append(point)
        if len(calls) in (4, 9, 10):
            raise KeyboardInterrupt
        return measure(point)

    study, whole = open_study(plan("default"), None), open_study(plan("default"), None)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            study.run(interrupted, 15, isolate=False)
    study.run(interrupted, 15, isolate=False)
    whole.run(measure, 15, isolate=False)
    assert sequence(study) == sequence(whole)
    assert len(calls) == 18
    assert len(study.optuna.trials) == 18, "what was interrupted stays in the books"


def test_the_sampler_does_in_plain_optuna_what_it_does_in_a_study():
    from study_evaluations import OBJECTIVES, SPACE, measure, plan

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        outcome = measure(suggest(SPACE, trial))
        for name, slack in outcome.slacks.items():
            trial.set_constraint(name, slack)
        assert outcome.values is not None
        return outcome.values

    study = open_study(plan("default"), None)
    study.run(measure, 20, isolate=False)
    sampler = ExplorerSampler(SPACE, OBJECTIVES, study.plan.settings, study.plan.seed)
    plain = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    plain.optimize(objective, n_trials=20)
    assert [suggested.params for suggested in plain.trials] == [t.params for t in study.optuna.trials]
    assert [t.number for t in plain.best_trials] == [t.number for t in study.optuna.best_trials]


# Plain Optuna


def make_plain(space: Space = LINE, **arguments: object) -> optuna.Study:
    sampler = ExplorerSampler(space, TWO[:1])
    return optuna.create_study(sampler=sampler, **arguments)  # pyright: ignore[reportArgumentType]


def test_plain_optuna_may_suggest_by_hand_and_more_than_the_space_has():
    seen: list[object] = []

    def objective(trial: optuna.Trial) -> float:
        x, other = trial.suggest_int("x", 0, 9), trial.suggest_float("other", 0, 1)
        if x == 3:
            raise optuna.TrialPruned
        if x == 4:
            raise ValueError("x is 4")
        trial.set_constraint("room", x - 6.0)
        seen.append(other)
        return float(x)

    study = make_plain()
    study.optimize(objective, n_trials=100, catch=(ValueError,))
    assert sorted(trial.params["x"] for trial in study.trials) == list(range(10)), (
        "it stops when all is known"
    )
    assert len(set(seen)) == 8
    assert study.best_trial.params["x"] == 0


def test_threads_of_plain_optuna_get_different_points():
    study = make_plain()
    study.optimize(lambda trial: float(trial.suggest_int("x", 0, 9)), n_trials=9, n_jobs=3)
    assert len({trial.params["x"] for trial in study.trials}) == 9


def test_asking_plain_optuna_for_more_than_there_is_fails():
    study = make_plain()
    for _ in range(10):
        trial = study.ask()
        study.tell(trial, float(trial.suggest_int("x", 0, 9)))
    with pytest.raises(ExhaustedError, match=r"all points of the space have been evaluated"):
        study.ask().suggest_int("x", 0, 9)


def test_directions_must_be_those_of_the_objectives():
    with pytest.raises(StudyError, match=r"needs the directions minimize"):
        suggest(LINE, make_plain(direction="maximize").ask())


def test_points_that_another_sampler_sets_are_checked():
    space = Space((Integer("x", 1, 64, "pow2"),))
    study = make_plain(space)
    study.enqueue_trial({"x": 3})
    with pytest.raises(StudyError, match=r"trial 0 is no point of the space: \{'x': 3\}"):
        suggest(space, study.ask())


def test_a_sampler_can_be_copied():
    sampler = pickle.loads(pickle.dumps(ExplorerSampler(LINE, TWO, seed=3)))
    assert (sampler.space, sampler.objectives, sampler.seed) == (LINE, TWO, 3)


# Asking and telling


def test_points_under_evaluation_are_believed_and_never_given_twice():
    from study_evaluations import SPACE, measure, plan

    study = open_study(plan("default"), None)
    study.run(measure, 12, isolate=False)
    asked = [study.ask() for _ in range(6)]
    points = {SPACE.key(one.point) for one in asked if one is not None}
    assert len(points | {SPACE.key(trial.point) for trial in study.trials()}) == 18
    first = asked[0]
    assert first is not None
    study.tell(first, measure(first.point))
    study.tell(first, Outcome((0.0, 0.0)))  # too late
    assert study.trials()[-1] == Trial(
        12, first.point, measure(first.point), first.start, study.trials()[-1].seconds
    )


def test_what_is_given_back_is_given_out_first():
    study = open_study(line_plan(), None)
    first, second = study.ask(), study.ask()
    assert first is not None
    assert second is not None
    study.release([first])
    again = study.ask()
    assert again is not None
    assert (again.point, again.number) == (first.point, 2)
    assert study.ask(budget=2) is None, "two are running"


def test_a_run_does_not_wait_for_what_its_own_process_has_asked_for():
    study = open_study(line_plan(), None)
    study.ask()
    study.run(line, 3, isolate=False)
    assert len(study.trials()) == 2


def test_the_queue_goes_first_and_repeats_nothing():
    study = open_study(line_plan(), None)
    study.enqueue({"x": 7})
    study.run(line, 1, isolate=False)
    study.enqueue({"x": 7})
    study.enqueue({"x": 2})
    study.enqueue({"x": 2})
    study.optuna.enqueue_trial({"x": 99})
    study.run(line, 3, isolate=False)
    assert [trial.point["x"] for trial in study.trials()][:2] == [7, 2]
    assert len({trial.point["x"] for trial in study.trials()}) == 3
    with pytest.raises(SpaceError, match=r"x = 12 is not an integer between 0 and 9"):
        study.enqueue({"x": 12})


def test_a_space_without_more_points_ends_the_study():
    study = open_study(line_plan(), None)
    study.run(line, 50, isolate=False)
    assert sorted(trial.point["x"] for trial in study.trials()) == list(range(10))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ExhaustedError, match=r"all points"):
        study.ask()


def test_a_study_ends_when_it_is_told_to():
    study = open_study(line_plan(), None)
    seen: list[Trial] = []
    study.run(line, 9, on_trial=seen.append, stop=lambda: len(seen) == 3, isolate=False)
    assert seen == study.trials()
    assert len(seen) == 3
    with pytest.raises(StudyError, match=r"need processes"):
        study.run(line, 9, jobs=2, isolate=False)


# What is kept


ODD: list[tuple[object, Outcome]] = [
    (Outcome((1.0, 2.0)), Outcome((1.0, 2.0))),
    (
        Outcome((1, 2), {"a": 1}, details={"n": 3, "t": "x"}),
        Outcome((1.0, 2.0), {"a": 1.0}, "infeasible", "", {"n": 3.0, "t": "x"}),
    ),
    (Outcome(None, {"a": 2.0}, "infeasible", "big"), Outcome(None, {"a": 2.0}, "infeasible", "big")),
    (Outcome(None, {}, "infeasible", "odd"), Outcome(None, {}, "infeasible", "odd")),
    (Outcome(None), Outcome(None, {}, "failed", "the evaluation gave no objectives")),
    (Outcome((1.0,)), Outcome(None, {}, "failed", "the evaluation gave 1 values for 2 objectives")),
    (Outcome((float("inf"), 0.0)), Outcome(None, {}, "failed", "objective 'a' is inf")),
    (Outcome((1.0, 2.0), {"a": float("inf"), "b": -1.0}), Outcome((1.0, 2.0), {"b": -1.0}, "infeasible")),
    (Outcome((1.0, 2.0), {"a": float("-inf")}), Outcome((1.0, 2.0), {})),
    (3.0, Outcome(None, {}, "failed", "the evaluation gave 3.0, which is no Outcome")),
]  # fmt: skip


@pytest.mark.parametrize("name", [None, "study.db", "study.journal"])
def test_outcomes_are_kept(name: str | None, tmp_path: Path):
    place = None if name is None else str(tmp_path / name)
    study = open_study(line_plan(), place)
    for given, kept in ODD:
        asked = study.ask()
        assert asked is not None
        study.tell(asked, given)  # pyright: ignore[reportArgumentType]  # some are wrong
        assert study.trials()[-1].outcome == kept
    states = [trial.state.name for trial in study.optuna.trials]
    assert states == [
        "COMPLETE",
        "COMPLETE",
        "PRUNED",
        "PRUNED",
        *["FAIL"] * 3,
        "COMPLETE",
        "COMPLETE",
        "FAIL",
    ]
    assert {trial.number for trial in study.optuna.best_trials} <= {0, 8}, "others are infeasible"
    if place is not None:
        assert load_study(place).trials() == study.trials()
        assert load_study(place).plan == study.plan


def test_errors_of_evaluations_are_results():
    def broken(point: Point) -> Outcome:
        raise ZeroDivisionError("no area left")

    study = open_study(line_plan(), None)
    study.run(broken, 3, isolate=False)
    assert [trial.outcome for trial in study.trials()] == [
        Outcome(status="failed", message="ZeroDivisionError: no area left")
    ] * 3


def test_optuna_can_plot_a_study():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from study_evaluations import measure, plan

    study = open_study(plan("random"), None)
    study.run(measure, 20, isolate=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # these plots are experimental
        optuna.visualization.matplotlib.plot_pareto_front(study.optuna)
        optuna.visualization.matplotlib.plot_slice(study.optuna, target=lambda trial: trial.values[0])
        optuna.visualization.matplotlib.plot_param_importances(
            study.optuna, target=lambda trial: trial.values[0]
        )
        pyplot.close("all")


# What processes leave behind


def leave(study: Study, **owner: object) -> None:
    """A trial as another process leaves it."""
    storage = study.optuna._storage  # pyright: ignore[reportPrivateUsage]  # what other processes write
    asked = study.ask()
    assert asked is not None
    record = {**this_process().record(), **owner}
    storage.set_trial_user_attr(study.optuna.trials[asked.number]._trial_id, "owner", record)  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    "owner",
    [{"start": "earlier"}, {"pid": 2**22 + 1}, {"host": "elsewhere", "seen": 0.0}],
    ids=["number used again", "ended", "silent for long"],
)
def test_what_a_process_leaves_behind_is_evaluated_again(owner: dict[str, object]):
    study = open_study(line_plan(), None)
    leave(study, **owner)
    study.run(line, 2, isolate=False)
    assert len(study.trials()) == 2
    assert study.trials()[0].point == {"x": study.optuna.trials[0].params["x"]}


@pytest.mark.parametrize("owner", [{}, {"host": "elsewhere"}], ids=["here", "elsewhere"])
def test_what_others_evaluate_is_left_to_them(owner: dict[str, object]):
    study = open_study(line_plan(), None)
    leave(study, **owner)
    assert study.ask(budget=1) is None
    asked = study.ask(budget=2)
    assert asked is not None
    assert asked.point["x"] != study.optuna.trials[0].params["x"]


def test_an_outcome_that_was_written_counts_though_its_process_ended_before_the_trial_did():
    from kl.explore.studies.records import outcome_to_json

    study = open_study(line_plan(), None)
    leave(study, start="earlier")
    storage = study.optuna._storage  # pyright: ignore[reportPrivateUsage]  # what other processes write
    written = outcome_to_json(Outcome((1.0, 2.0), {"room": 3.0}, "infeasible"), 5.0, 0.25)
    storage.set_trial_user_attr(study.optuna.trials[0]._trial_id, "outcome", written)  # pyright: ignore[reportPrivateUsage]
    study.run(line, 1, isolate=False)
    (trial,) = study.trials()
    assert (trial.outcome.values, trial.start, trial.seconds) == ((1.0, 2.0), 5.0, 0.25)
    assert study.optuna.trials[0].constraints == {"room": 3.0}


# Plans and storages


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 3}, "seed is 0, not 3"),
        ({"space": Space((Integer("x", 0, 8),))}, r"space.parameters\[0\].high is 9, not 8"),
        (
            {"objectives": (TWO[0], Objective("b", capacity=4.0))},
            r"objectives\[1\].capacity is null, not 4.0",
        ),
        ({"objectives": TWO[:1]}, "objectives is .*, not .*"),
    ],
)
def test_a_study_keeps_its_plan(changes: dict[str, object], message: str, tmp_path: Path):
    place = str(tmp_path / "study.db")
    open_study(line_plan(), place)
    with pytest.raises(StudyError, match=rf"'line' at .*study.db has another plan: {message}; use that, or"):
        open_study(line_plan(**changes), place)
    open_study(line_plan("other", **changes), place)


def test_a_plan_with_a_python_function_cannot_be_kept():
    space = Space((Integer("x", 0, 9),), (lambda x: x % 2 == 0,))
    with pytest.raises(SpaceError, match=r"write it as text"):
        open_study(StudyPlan("line", space, TWO), None)


def test_studies_are_found_by_name(tmp_path: Path):
    place = str(tmp_path / "study.db")
    with pytest.raises(StudyError, match=r"there is no study at .*study.db"):
        load_study(place)
    assert not Path(place).exists()
    open_study(line_plan(), place)
    assert load_study(place).plan.name == "line"
    with pytest.raises(StudyError, match=r"there is no study 'other' at .*study.db; it has 'line'"):
        load_study(place, "other")
    with pytest.raises(StudyError, match=r"there is no study 'other' at .*; it has 'line'"):
        open_study(line_plan("other"), place, must_exist=True)
    open_study(line_plan("other"), place)
    with pytest.raises(StudyError, match=r"name one of the studies at .*; it has 'line', 'other'"):
        load_study(place)
    assert load_study(place, "other").plan.name == "other"


def test_a_study_of_plain_optuna_is_none_of_ours(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    plain = optuna.create_study(storage=url, study_name="line", directions=["minimize", "minimize"])
    plain.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=1)
    with pytest.raises(StudyError, match=r"there is no study at sqlite"):
        load_study(url)
    with pytest.raises(StudyError, match=r"'line' at sqlite.* has trials and no plan"):
        open_study(line_plan(), url)


def wrong_file(folder: Path) -> str:
    (folder / "text.db").write_text("no database, but long enough to look like one " * 50)
    return str(folder / "text.db")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (lambda folder: str(folder), "is a folder; name a file in it"),
        (lambda folder: str(folder / "no/study.db"), "is in a folder that does not exist: .*no"),
        (wrong_file, "does not work: file is not a database"),
        (lambda folder: "grpc://somewhere", "is not of the form grpc://host:port"),
        (lambda folder: "grpc://localhost:9", "needs a library that is missing|does not work: fail"),
        (lambda folder: "nothing://host/study", "does not work: .*nothing"),
        (lambda folder: "postgresql+pg8000://host/study", "library that is missing: No module named .pg8000"),
    ],
)  # fmt: skip
def test_a_wrong_storage_is_refused(place: Callable[[Path], str], message: str, tmp_path: Path):
    with pytest.raises(StudyError, match=message):
        open_study(line_plan(), place(tmp_path))


def test_odd_paths_are_paths(tmp_path: Path):
    place = str(tmp_path / "50% {odd}? #1.db")
    open_study(line_plan(), place).run(line, 2, isolate=False)
    assert len(load_study(place).trials()) == 2
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".db"] == ["50% {odd}? #1.db"]


def test_without_the_libraries_it_says_what_to_install():
    code = "import sys; sys.modules['optuna'] = None; import kl.explore.studies.study"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert (
        "MissingExtraError: optuna is not installed; run: pip install 'kernel-looping[tune]'" in done.stderr
    )
