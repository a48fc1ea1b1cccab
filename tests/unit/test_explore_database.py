"""What is written of a trial in a few statements is what Optuna writes in many."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from kl.explore.studies.database import end_trial
from kl.explore.studies.storages import open_storage

STARTED = datetime(2026, 1, 2, 3, 4, 5)
POINT = create_trial(
    state=TrialState.RUNNING,
    params={"n": 3, "kind": "b", "x": 0.1},
    distributions={
        "n": IntDistribution(1, 8, log=True),
        "kind": CategoricalDistribution(("a", "b")),
        "x": FloatDistribution(0, 1),
    },
    user_attrs={"owner": {"pid": 1, "seen": 2.5}},
)
ENDINGS = [
    create_trial(state=TrialState.COMPLETE, values=[1, 0.1], user_attrs={"outcome": {"a": None}}),
    create_trial(state=TrialState.COMPLETE, values=[float("-inf"), float("inf")], constraints={"a": 1.0}),
    create_trial(state=TrialState.PRUNED, user_attrs={"outcome": []}, constraints={"a": -1.0, "b": 2.0}),
    create_trial(state=TrialState.FAIL, user_attrs={"closed": "why", "owner": "replaced"}),
]


KEPT = ("_trial_id", "number", "state", "values", "params", "distributions", "user_attrs", "system_attrs")
FIELDS = (*KEPT, "datetime_start")


@pytest.fixture(autouse=True)
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def write(storage: BaseStorage) -> None:
    """Trials of two studies in turn, begun in several ways, with an attribute that is written again."""
    studies = [storage.create_new_study([StudyDirection.MINIMIZE] * 2, name) for name in ("a", "b")]
    for study in [*studies, studies[0]]:
        for begun in (POINT, create_trial(state=TrialState.RUNNING, user_attrs={"owner": 1})):
            begun.datetime_start = STARTED
            for ending in ENDINGS:
                identity = storage.create_new_trial(study, begun)
                storage.set_trial_user_attr(identity, "outcome", "half written")
                end_trial(storage, identity, ending)
            storage.create_new_trial(study, begun)
        storage.create_new_trial(study, create_trial(state=TrialState.WAITING, system_attrs={"k": [1]}))
        storage.create_new_trial(study, ENDINGS[1])


def trials_of(storage: BaseStorage) -> list[FrozenTrial]:
    """The trials of all studies."""
    studies = sorted(storage.get_all_studies(), key=lambda study: study.study_name)
    return [t for study in studies for t in storage.get_all_trials(study._study_id)]  # pyright: ignore[reportPrivateUsage]


def test_optuna_reads_what_it_would_have_written(tmp_path: Path):
    urls = [f"sqlite:///{tmp_path / name}" for name in ("ours.db", "optuna.db")]
    ours, optunas = open_storage(str(tmp_path / "ours.db")), RDBStorage(urls[1])
    write(ours)
    write(optunas)
    read, expected = (trials_of(RDBStorage(url)) for url in urls)
    assert [[getattr(t, name) for name in FIELDS] for t in read] == [
        [getattr(t, name) for name in FIELDS] for t in expected
    ]
    assert len(read) == 36
    assert {t.datetime_complete for t in read if t.state.is_finished()} == {
        t.datetime_complete for t in ENDINGS
    }
    assert [vars(t) for t in trials_of(ours)] == [vars(t) for t in read], "nothing else is kept in memory"


@pytest.mark.parametrize("place", ["study.db", "study.journal", None])
def test_a_trial_ends_once(place: str | None, tmp_path: Path):
    storage = open_storage(place and str(tmp_path / place))
    identity = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE] * 2), POINT)
    end_trial(storage, identity, ENDINGS[0])
    before = vars(storage.get_trial(identity)).copy()
    for ending in ENDINGS:
        with pytest.raises(UpdateFinishedTrialError):
            end_trial(storage, identity, ending)
    assert vars(storage.get_trial(identity)) == before


def test_an_ending_is_written_as_a_whole_or_not_at_all(tmp_path: Path):
    storage = open_storage(str(tmp_path / "study.db"))
    identity = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE] * 2), POINT)
    unwritable = create_trial(state=TrialState.FAIL, user_attrs={"closed": object()})
    with pytest.raises(TypeError):
        end_trial(storage, identity, unwritable)
    assert storage.get_trial(identity).state == TrialState.RUNNING


def test_a_file_is_whole_when_its_process_has_ended(tmp_path: Path):
    """So it can be moved or copied by itself."""
    folder = Path(__file__).parents[2] / "examples/explore"
    command = [sys.executable, "-m", "kl.tools.kl", "explore", str(folder / "branin.json")]
    function = ["--function", f"{folder / 'functions.py'}:branin", "--budget", "3"]
    subprocess.run([*command, *function, "--storage", "x.db"], cwd=tmp_path, check=True, capture_output=True)
    assert [one.name for one in tmp_path.glob("x.db*")] == ["x.db"]
