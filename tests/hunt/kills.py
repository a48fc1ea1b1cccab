"""Kills runs of `kl explore` and `kl tune` at seeded random moments, and looks at what is left of them.

    python tests/hunt/kills.py --runs 100 --seed 1

Each run has two jobs. Some time after its first process for evaluations is there, or even before, it gets a
SIGKILL: it alone, not its group. Then nothing of it may be alive a second later, what it has announced or
kept must stand in its study, and its stderr must have no traceback. `--signal INT` interrupts the whole group
instead, as Ctrl-C does. Linux only: processes are found below /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = "KL_HUNT"
"""The environment variable by which the processes of a run are known."""
SURVIVAL_SECONDS = 1.0
"""How long after the kill processes may still be there."""
START_SECONDS = 120.0
"""How long a run may take to begin an evaluation."""
WRITING_SECONDS = 0.1
"""An evaluation that ends so shortly before the kill may be on its way into the study."""
EARLY = 0.2
"""The share of kills that do not wait for the first evaluation."""

FUNCTION = """
import re, subprocess, time
from pathlib import Path

def note(name, text):
    with Path(name).open("a") as file:
        file.write(text + chr(10))

def slow(inputs):
    note("begun", str(time.time()))
    if inputs["x"] > 0.4:  # it has a child
        child = subprocess.Popen(["sleep", "60"])
        time.sleep(0.1)
        child.kill()
        child.wait()
    elif inputs["x"] < -0.9:  # no other thread of it can run
        re.match("(a+)+$", "a" * 26 + "b")
    else:
        time.sleep(0.05 + 0.1 * abs(inputs["x"]))
    note("ended", f"{time.time()} {inputs['x']!r}")
    return inputs["x"] ** 2
"""

SCENARIO = {
    "application_name": "slow",
    "optimization_objectives": ["v"],
    "design_of_experiment": {"number_of_samples": 400},
    "optimization_iterations": 0,
    "input_parameters": {"x": {"parameter_type": "real", "values": [-1, 1]}},
}


@dataclass(frozen=True)
class Kill:
    """When a run is killed, all of it drawn from a seed."""

    command: str
    seed: int
    evaluations: int | None
    """So many have begun, then it waits for `delay`; None: only the delay counts, from the start on."""
    delay: float
    """Seconds."""


@dataclass(frozen=True)
class Found:
    """What is left of a run."""

    kill: Kill
    kept: int
    """Evaluations in the study."""
    lost: tuple[str, ...]
    survivors: tuple[str, ...]
    errors: str
    """What stderr has that it should not have."""
    signal_name: str = "KILL"

    @property
    def is_good(self) -> bool:
        """Whether nothing is lost, alive or printed."""
        return not (self.lost or self.survivors or self.errors)


def kill_of(seed: int, command: str | None = None) -> Kill:
    """The kill that belongs to a seed; one run of three is of `kl tune` if nothing else is said."""
    rng = random.Random(seed)
    command = command or rng.choice(("explore", "explore", "tune"))
    rng.random()
    if rng.random() < EARLY:
        return Kill(command, seed, None, rng.uniform(0.2, 3.0))
    return Kill(command, seed, rng.randint(1, 20 if command == "explore" else 6), rng.uniform(0, 0.3))


def run(kill: Kill, folder: Path, number: int = signal.SIGKILL) -> Found:
    """Begin a run in an empty folder, end it by a signal, and see what is left of it."""
    mark = f"{os.getpid()}-{kill.seed}-{time.time_ns()}"
    with (folder / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            _command(kill, folder),
            cwd=folder,
            env={**os.environ, MARK: mark, "KL_CACHE": "off"},
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        _wait(kill, folder, process)
        before = _stored(folder)
        killed = time.time()
        if number == signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)
        process.wait()
        survivors = _survivors(mark)
        text = (folder / "errors").read_text(errors="replace")
    kept = _stored(folder)
    lost = _lost(folder, kill, before, kept, killed)
    return Found(kill, len(kept), lost, survivors, _wrong(text), signal.Signals(number).name[3:])


def _command(kill: Kill, folder: Path) -> list[str]:
    shared = ["--jobs", "2", "--storage", "study.db", "--seed", str(kill.seed)]
    if kill.command == "tune":
        return [*_kl("tune"), str(ROOT / "examples/mini.kl"), "--budget", "300", *shared]
    (folder / "slow.json").write_text(json.dumps(SCENARIO))
    (folder / "slow.py").write_text(FUNCTION)
    return [*_kl("explore"), "slow.json", "--function", "slow.py:slow", *shared]


def _kl(command: str) -> list[str]:
    return [sys.executable, "-m", "kl.tools.kl", command]


def _wait(kill: Kill, folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait for the moment of the kill."""
    end = time.monotonic() + START_SECONDS
    while kill.evaluations is not None and _begun(kill, folder) < kill.evaluations:
        assert process.poll() is None, (folder / "errors").read_text()
        assert time.monotonic() < end, "evaluations begin"
        time.sleep(0.01 if kill.command == "explore" else 0.1)
    time.sleep(kill.delay)


def _begun(kill: Kill, folder: Path) -> int:
    if kill.command == "explore":
        return len(_lines(folder / "begun"))
    return len(_stored(folder))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def _stored(folder: Path) -> list[str]:
    """What the study has of evaluations that have ended, a text each."""
    place = folder / "study.db"
    if not place.exists():
        return []
    with closing(sqlite3.connect(place, 60.0)) as connection:
        try:
            rows = connection.execute(
                "select number, param_value from trials left join trial_params"
                " on trials.trial_id = trial_params.trial_id and param_name = 'x'"
                " where state in ('COMPLETE', 'FAIL', 'PRUNED')"
            )
            return [f"{number} {value!r}" for number, value in rows]
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # it was just about to be made
                raise
            return []


def _lost(folder: Path, kill: Kill, before: list[str], kept: list[str], killed: float) -> tuple[str, ...]:
    """What was in the study before, or was evaluated in time, or stands in the table, and is not in it."""
    lost = [f"trial {one}" for one in before if one not in kept]
    values = {one.partition(" ")[2] for one in kept}
    for line in _lines(folder / "ended"):
        moment, _, value = line.partition(" ")
        if float(moment) < killed - WRITING_SECONDS and value not in values:
            lost.append(f"evaluation of {value}, {killed - float(moment):.3f} s before the kill")
    rows = _lines(folder / "slow_output_samples.csv")[1:]
    lost += [f"row {row}" for row in rows if repr(float(row.partition(",")[0])) not in values]
    return tuple(lost)


def _survivors(mark: str) -> tuple[str, ...]:
    """The processes of a run that do not end in time, which are ended here."""
    end = time.monotonic() + SURVIVAL_SECONDS
    while (alive := _alive(mark)) and time.monotonic() < end:
        time.sleep(0.02)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return tuple(alive.values())


def _alive(mark: str) -> dict[int, str]:
    """The processes with a mark in their environment, and what they are."""
    wanted = f"{MARK}={mark}".encode()
    found: dict[int, str] = {}
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdecimal() and wanted in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:160]
        except OSError:
            continue  # it has just ended, or is another's
    return found


def _wrong(text: str) -> str:
    """A traceback, if there is one."""
    start = max(text.find("Traceback"), text.find("Exception ignored"))
    return text[start:] if start >= 0 else ""


def main() -> int:
    """Kill runs, print a table of what is left of them; 1 where something is lost, alive or printed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones follow")
    parser.add_argument("--command", choices=("explore", "tune"))
    parser.add_argument("--signal", choices=("KILL", "INT"), default="KILL")
    given = parser.parse_args()
    total: Counter[str] = Counter()
    for seed in range(given.seed, given.seed + given.runs):
        with tempfile.TemporaryDirectory() as folder:
            kill = kill_of(seed, given.command)
            found = run(kill, Path(folder), signal.Signals[f"SIG{given.signal}"])
        kind = "early" if kill.evaluations is None else "at work"
        total.update(
            {
                f"{kill.command}, {kind}": 1,
                "kept": found.kept,
                "lost": len(found.lost),
                "survivors": len(found.survivors),
                "tracebacks": bool(found.errors),
            }
        )
        print(
            f"{seed} {kill.command} {kind} kept {found.kept}{'' if found.is_good else f' {found}'}",
            flush=True,
        )
    for name in sorted(total):
        print(f"{name:20} {total[name]:6}")
    return 1 if total["lost"] or total["survivors"] or total["tracebacks"] else 0


if __name__ == "__main__":
    sys.exit(main())
