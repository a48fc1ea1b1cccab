"""A few of the kills of `tests/hunt/kills.py`: nothing is lost, nothing stays alive, nothing is printed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kl.tools.interrupts import keep_interrupts

HUNT = Path(__file__).parents[1] / "hunt"

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it looks below /proc")


@pytest.fixture(autouse=True)
def _kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HUNT)


@pytest.mark.parametrize(
    ("command", "evaluations", "delay"),
    [("explore", 3, 0.11), ("explore", 6, 0.02), ("tune", 1, 0.1), ("explore", None, 0.9)],
)
def test_a_killed_run_leaves_its_study_and_nothing_else(
    command: str, evaluations: int | None, delay: float, tmp_path: Path
):
    from kills import Kill, run

    found = run(Kill(command, 7, evaluations, delay), tmp_path)
    assert (found.lost, found.survivors, found.errors) == ((), (), "")
    assert evaluations is None or found.kept > 0


@pytest.mark.parametrize("delay", [0.15, 0.6])
def test_an_early_interruption_is_silent(delay: float, tmp_path: Path):
    from kills import Kill, run

    found = run(Kill("explore", 7, None, delay), tmp_path, signal.SIGINT)
    assert (found.survivors, found.errors) == ((), "")


def test_an_interruption_of_a_finalizer_comes_again(monkeypatch: pytest.MonkeyPatch):
    class Interrupted:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where tests run in the background
    keep_interrupts()
    try:
        with pytest.raises(KeyboardInterrupt):
            drop(Interrupted)
    finally:
        signal.signal(signal.SIGINT, before)


def drop(kind: type) -> None:
    """Make an object, drop it, and wait."""
    kind()
    time.sleep(20)


SERVER = """
from kl.explore.workers import Worker, pack
from kl.explore.tasks import Task
from kl.explore.history import Objective
import stuck

if __name__ == "__main__":
    Worker(pack(Task(stuck.evaluate, (Objective("a"),))), None).evaluate({})
"""
STUCK = """
import os
import re
import subprocess
from pathlib import Path
from kl.explore.outcome import Outcome

def evaluate(point):
    child = subprocess.Popen(["sleep", "600"])
    Path("begun").write_text(f"{os.getpid()} {child.pid}")
    re.match("(a+)+$", "a" * 60 + "b")  # for ever, and no other thread runs
    return Outcome((1.0,))
"""


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_an_evaluation_that_lets_no_thread_run_ends_with_its_parent(tmp_path: Path):
    (tmp_path / "main.py").write_text(SERVER)
    (tmp_path / "stuck.py").write_text(STUCK)
    process = subprocess.Popen([sys.executable, "main.py"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    begun = tmp_path / "begun"
    end = time.monotonic() + 60
    while not begun.exists() or not begun.read_text():
        assert time.monotonic() < end, "it begins"
        time.sleep(0.02)
    process.kill()
    process.wait()
    pids = [int(pid) for pid in begun.read_text().split()]
    end = time.monotonic() + 20
    while any(map(is_alive, pids)) and time.monotonic() < end:
        time.sleep(0.02)
    assert [pid for pid in pids if is_alive(pid)] == []
