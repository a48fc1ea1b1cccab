"""Studies in a PostgreSQL database, where its server is installed."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kl.explore.errors import StudyError
from kl.explore.history import Objective
from kl.explore.optimizer import Settings
from kl.explore.outcome import Outcome
from kl.explore.parameters import Integer
from kl.explore.space import Point, Space
from kl.explore.studies.study import StudyPlan, load_study, open_study

pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")

FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))])
INITDB, POSTGRES = (shutil.which(name, path=FOLDERS) for name in ("initdb", "postgres"))
USER = "postgres" if hasattr(os, "getuid") and os.getuid() == 0 else None
"""The server does not run as root."""

PLAN = StudyPlan(
    "points", Space((Integer("x", 0, 19),)), (Objective("f"),), Settings(method="random"), seed=1
)


pytestmark = pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Connections of Optuna's pools end when they are collected, with a warning."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a database of a server of its own."""
    if INITDB is None or POSTGRES is None:
        pytest.skip("PostgreSQL is not installed")
    with TemporaryDirectory() as folder, socket.socket() as free:
        if USER is not None:
            shutil.chown(folder, USER)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        data = f"{folder}/data"
        begin = [INITDB, "-D", data, "-A", "trust", "-U", "kl", "--no-sync"]
        subprocess.run(begin, check=True, capture_output=True, user=USER, cwd=folder)
        serve = [POSTGRES, "-D", data, "-p", str(port), "-k", folder, "-F"]
        log = Path(folder, "log")
        with log.open("w") as output, subprocess.Popen(serve, stderr=output, user=USER, cwd=folder) as server:
            while server.poll() is None and "ready to accept connections" not in log.read_text():
                time.sleep(0.05)
            yield f"postgresql+psycopg://kl@127.0.0.1:{port}/postgres"
            server.send_signal(signal.SIGINT)  # others wait for their clients


def squared(point: Point) -> Outcome:
    """An evaluation."""
    x = point["x"]
    assert isinstance(x, int)
    return Outcome((float((x - 7) ** 2),))


def test_a_study_in_postgresql_goes_on(database: str):
    open_study(PLAN, database).run(squared, 5, isolate=False)
    assert len(load_study(database).trials()) == 5
    open_study(PLAN, database, must_exist=True).run(squared, 20, isolate=False)
    trials = load_study(database, "points").trials()
    assert sorted(int(str(trial.point["x"])) for trial in trials) == list(range(20))


def test_a_database_that_is_not_there_is_named(database: str):
    with pytest.raises(StudyError, match=r"does not work: .*nosuch"):
        load_study(database.replace("/postgres", "/nosuch"))
