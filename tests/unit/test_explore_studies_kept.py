"""What studies keep: outcomes and plans, in storages that are found again; errors name the way out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from study_evaluations import LINE, TWO, line, line_plan

from kl.explore.errors import SpaceError, StudyError
from kl.explore.evolution import Evolution
from kl.explore.history import Objective
from kl.explore.optimizer import Settings
from kl.explore.outcome import Outcome
from kl.explore.parameters import Integer, Ordinal
from kl.explore.space import Point, Space
from kl.explore.studies.plan import difference, plan_from_json, plan_to_json
from kl.explore.studies.study import StudyPlan, load_study, open_study

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
    (Outcome((1.0, 2.0), {"a": float("nan")}), Outcome((1.0, 2.0), {}, "infeasible")),
    (3.0, Outcome(None, {}, "failed", "the evaluation gave 3.0, which is no Outcome")),
]  # fmt: skip


@pytest.mark.parametrize("name", [None, "study.db", "study.journal"])
def test_outcomes_are_kept(name: str | None, tmp_path: Path):
    place = None if name is None else str(tmp_path / name)
    study = open_study(line_plan(space=Space((Integer("x", 0, 19),))), place)
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
        *["COMPLETE"] * 3,
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


# Plans and storages


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 3}, "seed is 0, not 3"),
        ({"space": Space((Integer("x", 0, 8),))}, "high of parameter 'x' is 9, not 8"),
        ({"space": Space((Integer("y", 0, 9),))}, "it has the parameter 'x', .*; it lacks the parameter 'y'"),
        ({"space": Space((Ordinal("x", (1, 2)),))}, "type of parameter 'x' is integer, not ordinal; low .*"),
        ({"space": Space(LINE.parameters, ("x > 1",))}, "it lacks the constraint 'x > 1'"),
        (
            {"objectives": (TWO[0], Objective("b", capacity=4.0))},
            "capacity of objective 'b' is none, not 4.0",
        ),
        ({"objectives": TWO[:1]}, "it has the objective 'b', which is not asked for"),
        ({"objectives": TWO[::-1]}, "its objectives are in the order a, b, not b, a"),
        ({"settings": Settings("random", 4)}, "method is default, not random; warm_up is none, not 4"),
        ({"settings": Settings(evolution=Evolution(30))}, "population of evolution is .*, not 30"),
    ],
)
def test_a_study_keeps_its_plan(changes: dict[str, object], message: str, tmp_path: Path):
    place = str(tmp_path / "study.db")
    open_study(line_plan(), place)
    with pytest.raises(StudyError, match=rf"'line' at .*study.db has another plan: {message}; use that, or"):
        open_study(line_plan(**changes), place)
    open_study(line_plan("other", **changes), place)


def test_plans_of_earlier_releases_go_on():
    """They have settings that are none any more, and lack some that came later."""
    plan = line_plan()
    now = plan_to_json(plan)
    kept = {**now, "settings": {"method": plan.settings.method, "warm_up": None, "wall_share": 0.1}}
    assert difference(kept, now) is None
    assert plan_from_json("line", kept) == plan
    kept["settings"]["unheard_of"] = 1
    with pytest.raises(StudyError, match=r"'line' is malformed: .*unheard_of"):
        plan_from_json("line", kept)


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
        (lambda folder: "postgresql+pg8000://host/study", r"looping\[postgresql\]'.*postgresql\+psycopg:"),
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
