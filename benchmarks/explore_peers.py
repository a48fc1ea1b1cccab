"""The peers: other tools, each in an environment of its own, run as a process that is told and asks."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from explore_runs import TARGETS, Curve, Record, warm_up
from problems import Answer, Problem

from kl.explore.parameters import Categorical, Discrete, Permutation, Real
from kl.explore.space import Point, Space
from kl.explore.trees import is_active

SCRIPTS = Path(__file__).parent / "peers"

CACHE = Path(__file__).parent.parent / "build" / "peers"
"""Where environments are by default; git ignores it."""

MOST_FREE = 5
"""A peer may ask this many times its budget, in all: what it asks for again costs nothing, but time."""


@dataclass(frozen=True)
class Environment:
    """What a peer's environment holds: requirements for pip, and the package whose version counts."""

    name: str
    requirements: tuple[str, ...]
    package: str


OPTUNA = Environment("optuna", ("optuna==5.0.0", "torch==2.14.1", "scipy==1.17.1"), "optuna")
PYMOO = Environment("pymoo", ("pymoo==0.6.2",), "pymoo")
HYPERMAPPER = Environment(
    "hypermapper",
    (
        "hypermapper==2.2.13",
        "numpy==1.26.4",
        "scikit-learn==1.3.2",
        "scipy==1.11.4",
        "pandas==2.2.3",
        "matplotlib==3.7.5",
        "pyDOE==0.3.8",
        "GPy==1.13.2",
    ),
    "hypermapper",
)
ENVIRONMENTS = (OPTUNA, PYMOO, HYPERMAPPER)


@dataclass(frozen=True)
class Peer:
    """A tool to compare with."""

    name: str
    environment: Environment
    script: str
    arguments: tuple[str, ...]
    budget: int
    seeds: int


PEERS = (
    Peer("hypermapper", HYPERMAPPER, "run_hypermapper.py", (), 80, 5),
    Peer("optuna-tpe", OPTUNA, "run_optuna.py", ("tpe",), 400, 10),
    Peer("optuna-gp", OPTUNA, "run_optuna.py", ("gp",), 60, 3),
    Peer("optuna-nsga2", OPTUNA, "run_optuna.py", ("nsga2",), 2000, 5),
    Peer("pymoo-nsga2", PYMOO, "run_pymoo.py", (), 2000, 20),
)
"""HyperMapper is told feasible or not, the others slacks. All end at the last target."""


def interpreter(environment: Environment, folder: Path) -> Path:
    """Where the Python of an environment is."""
    return folder / environment.name / "bin" / "python"


def is_installed(environment: Environment, folder: Path) -> bool:
    """Whether an environment is there and whole."""
    python = interpreter(environment, folder)
    if not python.exists():
        return False
    return (
        subprocess.run([python, "-c", f"import {environment.package}"], capture_output=True).returncode == 0
    )


def install(environment: Environment, folder: Path) -> None:
    """Make an environment.

    Raises: CalledProcessError where pip fails.
    """
    venv.create(folder / environment.name, with_pip=True)
    python = interpreter(environment, folder)
    subprocess.run([python, "-m", "pip", "install", "-q", *environment.requirements], check=True)


def version(environment: Environment, folder: Path) -> str:
    """The version of the peer that is installed."""
    code = f"import importlib.metadata as m; print(m.version({environment.package!r}))"
    python = interpreter(environment, folder)
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def run_peer(peer: Peer, problem: Problem, seed: int, folder: Path) -> Curve:
    """A run of a peer.

    Raises: RuntimeError where its process ends too early.
    """
    record = Record(problem, peer.budget, TARGETS[-1])
    start = warm_up(problem, seed)
    answers = [record.evaluate(point) for point in start]
    names = sorted({name for answer in answers for name in answer.slacks})
    known = [_entry(problem, names, *pair) for pair in zip(start, answers, strict=True)]
    task = {
        "parameters": [_describe(parameter) for parameter in _discrete(problem.space)],
        "objectives": len(problem.reference),
        "slacks": len(names) + 1,
        "reference": problem.reference,
        "seed": seed,
        "warm_up": known,
    }
    command = [interpreter(peer.environment, folder), SCRIPTS / peer.script, *peer.arguments]
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    environment = {**os.environ, **one, "PYTHONWARNINGS": "ignore"}
    pipe = subprocess.PIPE
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment
        ) as process,
    ):
        assert process.stdin is not None, "a pipe"
        assert process.stdout is not None, "a pipe"
        say(process.stdin, task)
        asked = 0
        while not record.is_over and asked < MOST_FREE * peer.budget:
            line = process.stdout.readline()
            if not line:
                errors.seek(0)
                raise RuntimeError(f"{peer.name} ended: {errors.read()[-2000:]}")
            say(process.stdin, _answer(problem, names, json.loads(line), record))
            asked += 1
        process.kill()
    return record.curve()


def say(file: IO[str], message: object) -> None:
    """Write a line."""
    file.write(json.dumps(message) + "\n")
    file.flush()


def _discrete(space: Space) -> list[Discrete]:
    assert space.is_discrete, "problems have no real parameters"
    return [parameter for parameter in space.parameters if not isinstance(parameter, Real)]


def _describe(parameter: Discrete) -> dict[str, object]:
    """An order is a categorical with all orders as values: no peer but pymoo knows orders."""
    kind = "categorical" if isinstance(parameter, (Categorical, Permutation)) else "ordinal"
    return {"name": parameter.name, "kind": kind, "size": parameter.size}


def _entry(problem: Problem, names: Sequence[str], point: Point, answer: Answer) -> dict[str, object]:
    """A point of the warm-up sample; a parameter that is not there has its first value."""
    numbers = [
        parameter.index(point[parameter.name]) if parameter.name in point else 0
        for parameter in _discrete(problem.space)
    ]
    return {"point": numbers, "answer": _message(problem, names, answer)}


def _answer(
    problem: Problem, names: Sequence[str], numbers: Sequence[int], record: Record
) -> dict[str, object]:
    """The answer to a point. One that breaks a known constraint is infeasible, and costs nothing."""
    point: Point = {}
    values = {p.name: p.value(number) for p, number in zip(_discrete(problem.space), numbers, strict=True)}
    for parameter in problem.space.ordered:
        if is_active(parameter, point):
            point[parameter.name] = values[parameter.name]
    if problem.space.satisfies(point):
        return _message(problem, names, record.evaluate(point))
    return _message(problem, names, Answer(None, {}, False))


def _message(problem: Problem, names: Sequence[str], answer: Answer) -> dict[str, object]:
    """An answer as the protocol has it: as many slacks for each point, at the end one for what none explains.

    What a point lacks is 0 for slacks and the reference point for objectives.
    """
    slacks = [answer.slacks.get(name, 0.0) for name in names]
    other = float(not answer.feasible and max(slacks, default=0.0) <= 0)
    values = answer.values or problem.reference
    return {"values": list(values), "slacks": [*slacks, other], "feasible": answer.feasible}
