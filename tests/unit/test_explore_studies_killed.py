"""Studies outlive their processes: killed at any moment, and worked on by several at a time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from interrupts import heed_interrupts

from kl.explore.outcome import Trial
from kl.explore.studies.study import load_study, open_study

FOLDER = Path(__file__).parent
BUDGET = 100
DEADLINE_SECONDS = 120.0


@pytest.fixture(autouse=True)
def _evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)


def begin(folder: Path, jobs: int, storage: Path, budget: int = BUDGET) -> subprocess.Popen[bytes]:
    """A process that works on the study, in a group of its own."""
    arguments = [str(folder), str(jobs), str(budget), str(storage)]
    command = [sys.executable, "-W", "error", str(FOLDER / "study_process.py"), *arguments]
    return subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.PIPE, preexec_fn=heed_interrupts
    )


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def kill_after(process: subprocess.Popen[bytes], folder: Path, told: int, delay: float) -> None:
    """Kill a process and its group some time after it has told of so many trials."""
    end = time.monotonic() + DEADLINE_SECONDS
    while len(lines(folder / "told")) < told and process.poll() is None:
        assert time.monotonic() < end, "the study goes on"
        time.sleep(0.002)
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, errors.decode()


def sequence(trials: list[Trial]) -> list[tuple[object, object]]:
    return [(trial.point, trial.outcome) for trial in trials]


@pytest.mark.parametrize(("jobs", "kills"), [(1, 10), (2, 2)])
def test_a_study_that_is_killed_at_random_moments_loses_nothing(jobs: int, kills: int, tmp_path: Path):
    from study_evaluations import SPACE, measure, plan

    rng = random.Random(7)
    place = tmp_path / "study.db"
    for told in sorted(rng.sample(range(BUDGET - 5), kills)):
        kill_after(begin(tmp_path, jobs, place), tmp_path, told, rng.uniform(0, 0.1))
        if place.exists():
            kept = {trial.number for trial in load_study(str(place)).trials()}
            assert {int(line) for line in lines(tmp_path / "told")} <= kept, "no finished evaluation is lost"
    finish(begin(tmp_path, jobs, place))
    trials = load_study(str(place)).trials()
    assert len(trials) == BUDGET
    assert len({SPACE.key(trial.point) for trial in trials}) == BUDGET, "no point twice"
    assert all(trial.outcome == measure(trial.point) for trial in trials)
    assert {int(line) for line in lines(tmp_path / "told")} <= {trial.number for trial in trials}
    evaluated = Counter(lines(tmp_path / "evaluated"))
    assert evaluated.total() <= BUDGET + jobs * kills, "only what was running is evaluated again"
    if jobs == 1:
        undisturbed = open_study(plan(), None)
        undisturbed.run(measure, BUDGET, isolate=False)
        assert sequence(trials) == sequence(undisturbed.trials())


@pytest.mark.parametrize("name", ["study.db", "study.journal"])
def test_several_processes_share_a_study(name: str, tmp_path: Path):
    from study_evaluations import SPACE

    processes = [begin(tmp_path, 2, tmp_path / name, 40) for _ in range(3)]
    for process in processes:
        finish(process)
    trials = load_study(str(tmp_path / name)).trials()
    assert len(trials) == 40
    assert len({SPACE.key(trial.point) for trial in trials}) == 40
    assert len(lines(tmp_path / "evaluated")) == 40, "nothing is evaluated twice"


def test_ctrl_c_ends_a_study_in_order(tmp_path: Path):
    from study_evaluations import measure

    process = begin(tmp_path, 2, tmp_path / "study.db")
    end = time.monotonic() + DEADLINE_SECONDS
    while len(lines(tmp_path / "told")) < 5:
        assert time.monotonic() < end, "the study goes on"
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert b"KeyboardInterrupt" in errors
    study = load_study(str(tmp_path / "study.db"))
    assert not any(trial.state.name == "RUNNING" for trial in study.optuna.trials)
    assert all(trial.outcome == measure(trial.point) for trial in study.trials())
