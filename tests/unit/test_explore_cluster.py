"""Studies whose points the workers of a Dask cluster evaluate, workers that are lost included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cluster_functions
import pytest

from kl.explore.errors import StudyError
from kl.explore.history import Objective
from kl.explore.optimizer import Settings
from kl.explore.outcome import Outcome, Trial
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space
from kl.explore.studies.cluster import cluster_threads
from kl.explore.studies.study import Study, StudyPlan, open_study
from kl.tools.kl import main

dask = pytest.importorskip("dask", reason="the extra `cluster` is not installed")
distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

SPACE = Space((Integer("x", 0, 19),))
FUNCTIONS = str(Path(cluster_functions.__file__).parent)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two workers of one thread each, in processes of their own."""
    folder = tmp_path_factory.mktemp("cluster")
    changes = {"PYTHONPATH": FUNCTIONS, "KL_TEST_MARKER": str(folder / "marker")}
    settings = {"distributed.nanny.pre-spawn-environ": changes, "distributed.scheduler.allowed-failures": 1}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", local_directory=str(folder)
        ) as found,
    ):
        yield found


def searched(
    cluster: Any, evaluate: Callable[[Point], Outcome], budget: int, timeout: float | None = None
) -> tuple[Study, list[Trial]]:
    """A study at the workers of a cluster, and its trials."""
    settings = Settings(method="random")
    study = open_study(StudyPlan("points", SPACE, (Objective("f"),), settings, seed=1), None)
    address = cluster.scheduler_address
    study.run(evaluate, budget, jobs=cluster_threads(address), timeout=timeout, cluster=address)
    return study, study.trials()


def test_all_points_are_evaluated_once_and_both_workers_take_part(cluster: Any):
    assert cluster_threads(cluster.scheduler_address) == 2
    _, trials = searched(cluster, cluster_functions.measured, 30)
    assert sorted(str(trial.point["x"]) for trial in trials) == sorted(map(str, range(20)))
    assert len({trial.outcome.details["process"] for trial in trials}) == 2
    assert all(trial.outcome.values == (float((int(str(trial.point["x"])) - 7) ** 2),) for trial in trials)


def test_errors_are_results(cluster: Any):
    _, trials = searched(cluster, cluster_functions.wrong, 20)
    failed = {trial.point["x"]: trial.outcome.message for trial in trials if trial.outcome.status == "failed"}
    assert failed == {x: f"ValueError: {x} is not known" for x in (1, 2, 3)}


def test_a_worker_that_is_lost_loses_nothing_and_a_deadly_point_is_a_result(cluster: Any):
    _, trials = searched(cluster, cluster_functions.deadly, 20)
    assert sorted(int(str(trial.point["x"])) for trial in trials) == list(range(20))
    (failed,) = [trial for trial in trials if trial.outcome.status != "feasible"]
    assert (failed.point["x"], failed.outcome.status) == (0, "failed")
    assert failed.outcome.message == "the evaluation ended the workers that were given it"


def test_what_takes_too_long_is_a_result_and_the_rest_is_evaluated(cluster: Any):
    _, trials = searched(cluster, cluster_functions.slow, 20, timeout=1.5)
    assert sorted(int(str(trial.point["x"])) for trial in trials) == list(range(20))
    (late,) = [trial for trial in trials if trial.outcome.status != "feasible"]
    assert (late.point["x"], late.outcome.status) == (0, "timed-out")
    assert late.outcome.message == "the evaluation took more than 1.5 s"


def test_a_search_of_mappings_at_a_cluster(cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    mini = str(Path(__file__).parents[2] / "examples/mini.kl")
    storage = str(tmp_path / "study.db")
    arguments = ["tune", mini, "--budget", "8", "--storage", storage, "--cluster", cluster.scheduler_address]
    assert main(arguments) == 0
    assert "8 evaluations" in capsys.readouterr().out


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kl.explore.studies.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(StudyError, match="no scheduler answers at tcp") as caught:
        cluster_threads("tcp://127.0.0.1:1")
    assert "dask scheduler" in str(caught.value)


@pytest.mark.parametrize("address", ["5", "nonsense://x:1", "tcp://host", "host:8786", ""])
def test_what_is_no_address_is_named(address: str):
    with pytest.raises(StudyError, match="is not of the form tcp://host:port"):
        cluster_threads(address)


def test_a_cluster_without_workers_is_named():
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as empty,
        pytest.raises(StudyError, match="has no workers; begin some with `dask worker"),
    ):
        cluster_threads(empty.scheduler_address)
