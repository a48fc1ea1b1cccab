"""Studies: the same points whatever interrupts them, and no point twice whoever asks, plain Optuna too."""

from __future__ import annotations

import pickle
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from study_evaluations import LINE, OBJECTIVES, SPACE, TWO, line, line_plan, measure, plan

from kl.explore.errors import SpaceError, StudyError
from kl.explore.optimizer import Optimizer
from kl.explore.outcome import Outcome, Trial, expected_gain, promises_little
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space
from kl.explore.studies import snapshot as to_point_user
from kl.explore.studies.dispatch import Dispatcher
from kl.explore.studies.distributions import suggest
from kl.explore.studies.owners import this_process
from kl.explore.studies.sampler import ExhaustedError, ExplorerSampler
from kl.explore.studies.study import Study, load_study, open_study


def sequence(study: Study) -> list[tuple[Point, Outcome]]:
    return [(trial.point, trial.outcome) for trial in study.trials()]


def test_what_a_study_does_for_an_evaluation_does_not_grow(monkeypatch: pytest.MonkeyPatch):
    study = open_study(plan("default"), None)
    calls: Counter[str] = Counter()

    def count(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> object:
            calls[name] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, counted)

    writes = ("create_new_trial", "set_trial_user_attr", "set_trial_state_values")
    for name in ("get_all_trials", *writes):
        count(study.optuna._storage, name)  # pyright: ignore[reportPrivateUsage]
    count(Optimizer, "tell")
    count(to_point_user, "to_point")
    study.run(measure, 20, isolate=False)
    assert [calls[name] for name in writes] == [20, 20, 20]
    assert calls["tell"] == 19, "each before the last is told once"
    assert calls["get_all_trials"] <= 20 + 5
    assert calls["to_point"] == 20, "what has ended is read once"


def test_a_file_with_a_log_of_writes_does_not_wait_for_the_disk(tmp_path: Path):
    def synchronous(path: Path) -> int:
        storage: Any = open_study(line_plan(), str(path)).optuna._storage  # pyright: ignore[reportPrivateUsage]
        with storage._backend.engine.connect() as connection:
            return connection.exec_driver_sql("PRAGMA synchronous").scalar()

    old = tmp_path / "old.db"
    optuna.create_study(storage=f"sqlite:///{old}")
    assert (synchronous(tmp_path / "new.db"), synchronous(old)) == (1, 2)


# The same points


@pytest.mark.parametrize(
    ("method", "name"),
    [("default", "study.db"), ("pareto-wall", "study.journal"), ("random", "study.journal")],
)
def test_a_study_goes_on_as_if_it_had_not_been_interrupted(method: str, name: str, tmp_path: Path):
    whole = open_study(plan(method), None)
    whole.run(measure, 24, isolate=False)
    for budget in (3, 12, 24):
        open_study(plan(method), str(tmp_path / name)).run(measure, budget, isolate=False)
    assert sequence(load_study(str(tmp_path / name))) == sequence(whole)
    other = open_study(plan(method, seed=6), None)
    other.run(measure, 24, isolate=False)
    assert sequence(other) != sequence(whole)


def test_what_an_interruption_ends_is_evaluated_again():
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


def test_an_interruption_right_after_a_trial_was_made_leaves_none_open(monkeypatch: pytest.MonkeyPatch):
    made = Dispatcher._make_ticket

    def interrupted(self: Dispatcher, point: Point | None, expected: float | None) -> int:
        identity = made(self, point, expected)
        if self.snapshot().count == 3:
            raise KeyboardInterrupt
        return identity

    monkeypatch.setattr(Dispatcher, "_make_ticket", interrupted)
    study = open_study(plan("default"), None)
    mine = study.ask()
    with pytest.raises(KeyboardInterrupt):
        study.run(measure, 15, isolate=False)
    running = [trial.number for trial in study.optuna.trials if trial.state.name == "RUNNING"]
    assert mine is not None
    assert running == [mine.number], "what was asked for before the run is not its own"


def test_the_sampler_does_in_plain_optuna_what_it_does_in_a_study():
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
    study = open_study(plan("default"), None)
    study.run(measure, 12, isolate=False)
    asked = [study.ask() for _ in range(6)]
    points = {SPACE.key(one.point) for one in asked if one is not None}
    assert len(points | {SPACE.key(trial.point) for trial in study.trials()}) == 18
    first = asked[0]
    assert first is not None
    study.tell(first, measure(first.point))
    with pytest.raises(StudyError, match="trial 12 has been told already"):
        study.tell(first, Outcome((0.0, 0.0)))
    last = study.trials()[-1]
    told = Trial(12, first.point, measure(first.point), first.start, last.seconds, last.expected)
    assert last == told
    assert last.expected is not None, "models have chosen it"


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
    with pytest.raises(StudyError, match="trial 0 is closed: its evaluation was ended"):
        study.tell(first, line(first.point))


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


@pytest.mark.parametrize("name", ["study.db", "study.journal"])
def test_what_was_expected_of_a_point_is_kept_with_it(name: str, tmp_path: Path):
    """The warm-up and the queue come from no models, nor do other methods expect anything."""
    study = open_study(plan("default"), str(tmp_path / name))
    study.run(measure, 19, isolate=False)
    study.enqueue({"extent": 16, "tile": 1, "order": (2, 0, 1), "memory": "hbm"})
    study.run(measure, 20, isolate=False)
    trials = load_study(str(tmp_path / name)).trials()
    assert [trial.expected is None for trial in trials] == [*[True] * 8, *[False] * 11, True]
    shares = [trial.expected for trial in trials[9:19]]
    assert expected_gain(trials) == max(share for share in shares if share is not None) > 0
    assert expected_gain(trials[:17]) is None
    gain = expected_gain(trials) or 0.0
    assert [promises_little(trials, share) for share in (None, 0.99 * gain, gain)] == [False, False, True]


def test_optuna_can_plot_a_study():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

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
