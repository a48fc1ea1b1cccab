"""Evaluations in processes of their own: whatever they do, the study goes on."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kl.explore.errors import StudyError
from kl.explore.outcome import Outcome, Trial
from kl.explore.space import Point
from kl.explore.studies.executors import Asked
from kl.explore.studies.study import Study, open_study
from kl.explore.workers import Worker


@pytest.fixture(autouse=True)
def _evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)


def test_evaluations_may_do_anything(capfd: pytest.CaptureFixture[str]):
    from study_evaluations import misbehave, plan

    study = open_study(plan(), None)
    for tile in (1, 2, 4, 8, 16, 32, 64):
        study.enqueue({"extent": 64, "tile": tile, "order": (0, 1, 2), "memory": "hbm"})
    told: list[Trial] = []
    study.run(misbehave, 7, jobs=3, timeout=0.5, on_trial=told.append)
    assert {trial.point["tile"]: trial.outcome for trial in study.trials()} == {
        1: Outcome(status="failed", message="ValueError: tile 1 is broken"),
        2: Outcome(status="failed", message="the evaluation ended its process with exit code 3"),
        4: Outcome(status="timed-out", message="the evaluation took more than 0.5 s"),
        8: Outcome(None, {}, "infeasible", "does not fit", {"need": 9.0}),
        16: Outcome(status="failed", message="objective 'time' is nan"),
        32: Outcome(status="failed", message="the evaluation ended its process (Segmentation fault)"),
        64: Outcome(status="failed", message="the evaluation gave 3.5, which is no Outcome"),
    }
    assert sorted(told, key=lambda trial: trial.number) == study.trials()
    late = next(trial for trial in told if trial.outcome.status == "timed-out")
    assert 0.5 <= late.seconds < 30
    study.run(misbehave, 8, jobs=3)
    assert "evaluations may print" not in capfd.readouterr().out


def test_jobs_run_at_the_same_time_and_choose_different_points(tmp_path: Path):
    from study_evaluations import SPACE, Logged, measure, plan

    study = open_study(plan("default"), None)
    study.run(Logged(tmp_path / "log", 0.05), 24, jobs=4)
    trials = study.trials()
    assert len({SPACE.key(trial.point) for trial in trials}) == len(trials) == 24
    assert all(trial.outcome == measure(trial.point) for trial in trials)
    ordered = sorted(trials, key=lambda trial: trial.start)
    assert any(one.start + one.seconds > next.start for one, next in pairwise(ordered)), "some overlap"


def test_an_interruption_just_after_a_thread_was_given_a_point(monkeypatch: pytest.MonkeyPatch):
    """The thread is at work on its process when all ends; the process is nobody else's until then."""
    from study_evaluations import Logged, plan

    submit, stop, ended_by = ThreadPoolExecutor.submit, Worker.stop, list[str]()

    def interrupted(self: ThreadPoolExecutor, *arguments: Any) -> None:
        submit(self, *arguments)
        raise KeyboardInterrupt

    def noted(self: Worker) -> None:
        at_work = [one for one in threading.enumerate() if one.name.startswith("evaluation")]
        ended_by.append("the main thread" if threading.current_thread() not in at_work else "its own")
        assert len(at_work) == (ended_by[-1] == "its own")
        stop(self)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    monkeypatch.setattr(Worker, "stop", noted)
    study = open_study(plan(), None)
    with pytest.raises(KeyboardInterrupt):
        study.run(Logged(Path(os.devnull), 60.0), 1)
    assert ended_by[-1] == "the main thread"
    assert study.trials() == []


def test_what_processes_cannot_get_is_refused():
    from study_evaluations import plan

    study = open_study(plan(), None)
    with pytest.raises(StudyError, match=r"cannot get the evaluation \(.*lambda.*isolate=False"):
        study.run(lambda point: Outcome((1.0, 2.0)), 3)
    study.run(lambda point: Outcome((1.0, 2.0)), 3, isolate=False)
    assert len(study.trials()) == 3


class Unloadable:
    """Cannot be made in another process."""

    def __reduce__(self) -> tuple[object, ...]:
        return (int, ("no number",))

    def __call__(self, point: Point) -> Outcome:
        return Outcome((1.0, 2.0))


class Deadly(Unloadable):
    """Ends the process that makes it."""

    def __reduce__(self) -> tuple[object, ...]:
        return (os._exit, (9,))


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        (Unloadable(), r"cannot load the evaluation \(ValueError: invalid literal"),
        (Deadly(), "ended before its first one with exit code 9; processes import the main script"),
    ],
)
def test_a_process_that_cannot_begin_ends_the_run(evaluate: Unloadable, message: str):
    from study_evaluations import measure, plan

    study = open_study(plan(), None)
    with pytest.raises(StudyError, match=message):
        study.run(evaluate, 3)
    study.run(measure, 3, isolate=False)
    assert len(study.trials()) == 3, "the point that was to be evaluated is evaluated now"


def test_errors_of_the_caller_end_the_run_in_order():
    from study_evaluations import measure, plan

    def refuse(trial: Trial) -> None:
        raise RuntimeError("enough")

    study = open_study(plan(), None)
    with pytest.raises(RuntimeError, match="enough"):
        study.run(measure, 10, jobs=2, on_trial=refuse)
    assert not any(trial.state.name == "RUNNING" for trial in study.optuna.trials)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="children are found below /proc")
def test_a_timeout_stops_what_the_evaluation_has_started(tmp_path: Path):
    from study_evaluations import Starting, plan

    study = open_study(plan(), None)
    study.run(Starting(tmp_path / "child"), 1, timeout=1.0)
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < end, "the child ends"
        time.sleep(0.02)
    assert study.trials()[0].outcome.status == "timed-out"


def overtaken(monkeypatch: pytest.MonkeyPatch, late: Study, early: Study, budget: int | None) -> Asked | None:
    """What a study is given that looks at the storage, and is overtaken before it has a ticket."""
    dispatcher = late._dispatcher
    make_ticket = dispatcher._make_ticket

    def make_late(point: Point | None, gain: float | None = None) -> object:
        monkeypatch.setattr(dispatcher, "_make_ticket", make_ticket)
        assert early.ask(budget) is not None
        return make_ticket(point, gain)

    monkeypatch.setattr(dispatcher, "_make_ticket", make_late)
    return late.ask(budget)


def test_who_is_overtaken_gets_another_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from study_evaluations import plan

    early, late = (open_study(plan(), str(tmp_path / "study.db")) for _ in range(2))
    wanted: Point = {"extent": 64, "tile": 4, "order": (0, 1, 2), "memory": "hbm"}
    early.enqueue(wanted)
    asked = overtaken(monkeypatch, late, early, None)
    assert asked is not None
    assert asked.point != wanted


def test_who_is_overtaken_keeps_to_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from study_evaluations import plan

    early, late = (open_study(plan(), str(tmp_path / "study.db")) for _ in range(2))
    assert overtaken(monkeypatch, late, early, 1) is None


def test_who_has_chosen_alone_gives_way_to_a_lower_number_that_is_choosing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from study_evaluations import LINE, line_plan

    from kl.explore.studies.dispatch import Dispatcher
    from kl.explore.studies.distributions import distributions

    study = open_study(line_plan(), str(tmp_path / "study.db"))
    made, first = Dispatcher._make_ticket, []

    def late(self: Dispatcher, point: Point | None, gain: float | None = None) -> int:
        """Another ticket comes before, and says later that it has chosen the same."""
        if not first:
            assert point is not None
            first.append(point)
            other, chosen = made(self, None, None), float(str(point["x"]))
            arguments = other, "x", chosen, distributions(LINE)["x"]
            threading.Timer(0.2, self._storage.set_trial_param, arguments).start()
        return made(self, point, gain)

    monkeypatch.setattr(Dispatcher, "_make_ticket", late)
    asked = study.ask()
    assert asked is not None
    assert asked.point != first[0]
