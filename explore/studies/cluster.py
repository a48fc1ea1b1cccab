"""Evaluations on the workers of a Dask cluster; `docs/cluster.md` walks through one.

A worker has a process for each of its threads, as a study without a cluster has for each of its jobs: what
an evaluation does to that, or a timeout, is a result. Where a worker is lost, Dask gives its points to
others; a point that has ended several workers is a failed evaluation. Outcomes are kept here, by the process
that runs the study, before anything else happens.
"""

from __future__ import annotations

import multiprocessing
import re
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from threading import get_ident
from typing import Any
from uuid import uuid4

from ... import __version__
from ..errors import StudyError
from ..extras import load
from ..outcome import Outcome
from ..space import Point
from ..tasks import Task
from ..workers import PackedTask, Worker, pack
from .executors import Asked, Executor, Keep

ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^/]+:\d+")
"""Of a scheduler."""

CONNECT_SECONDS = 10.0
"""How long a scheduler may take to answer."""

VERSIONS = (__version__, f"{sys.version_info.major}.{sys.version_info.minor}")
"""Of this package and of Python: what is pickled here is read by the same there."""


class DaskExecutor(Executor):
    """Evaluates on the workers of a cluster, `jobs` points at a time."""

    def __init__(self, task: Task, address: str, jobs: int, timeout: float | None, keep: Keep):
        """`timeout` in seconds for each evaluation, from when a worker begins it.

        Raises: StudyError where no scheduler answers, its workers have other versions, or the task cannot be
        passed to them.
        """
        super().__init__(jobs, keep)
        self._call = VERSIONS, uuid4().hex, pack(task), timeout
        self._address = address
        self._client = _connected(address)

    def start(self, asked: Asked) -> None:
        with self._reached():
            future = self._client.submit(_evaluated, *self._call, asked.point, pure=False)
        self._running[future] = asked

    def collect(self, seconds: float) -> list[Asked]:
        distributed = load("distributed")
        with self._reached():
            with suppress(distributed.TimeoutError), self._client.as_current():
                distributed.wait(list(self._running), timeout=seconds, return_when="FIRST_COMPLETED")
            done = [future for future in self._running if future.done()]
            outcomes = {future: self._result(future) for future in done}
        collected: list[Asked] = []
        for future, (outcome, spent) in outcomes.items():
            self._keep(self._running[future], outcome, spent)
            collected.append(self._running.pop(future))
        return collected

    def stop(self) -> None:
        with suppress(Exception):  # whatever is wrong with the cluster, the study ends
            self._client.cancel(list(self._running), force=True)
            self._client.run(_end, self._call[1], on_error="ignore")
        with suppress(Exception):
            self._client.close(timeout=CONNECT_SECONDS)

    def _result(self, future: Any) -> tuple[Outcome, float]:
        """What a worker gave.

        Raises: StudyError where the cluster has lost the evaluation, or could not load it.
        """
        error = future.exception() if future.status == "error" else None
        if error is None and future.status == "finished":
            return future.result()
        if isinstance(error, load("distributed").KilledWorker):
            message = "the evaluation ended the workers that were given it"
            return Outcome(status="failed", message=message), 0.0
        if isinstance(error, StudyError):
            raise StudyError(f"the workers at {self._address} cannot evaluate: {error}")
        if error is not None:
            raise StudyError(
                f"the workers at {self._address} cannot evaluate ({type(error).__name__}: {error})"
            )
        raise StudyError(f"the cluster at {self._address} has lost an evaluation; the same command goes on")

    @contextmanager
    def _reached(self) -> Generator[None]:
        """Turn what Dask raises where a scheduler is gone into a StudyError."""
        client, core = load("distributed.client"), load("distributed.core")
        try:
            yield
        except (OSError, RuntimeError, core.RPCClosed, client.FuturesCancelledError) as error:
            message = f"the cluster at {self._address} does not answer any more ({_line(error)})"
            raise StudyError(f"{message}; the same command goes on") from error


def cluster_threads(address: str) -> int:
    """How many points the workers of a cluster evaluate at a time.

    Raises: StudyError where no scheduler answers, or there is no worker.
    """
    client = _connected(address)
    try:
        return sum(client.nthreads().values())
    finally:
        client.close(timeout=CONNECT_SECONDS)


def _connected(address: str) -> Any:
    """A client of a scheduler whose workers have our versions.

    Raises: StudyError for all that is wrong.
    """
    distributed = load("distributed")
    if not ADDRESS.fullmatch(address):
        raise StudyError(f"the cluster {address!r} is not of the form tcp://host:port")
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError as error:
        way_out = "begin one with `dask scheduler`, and give the address that it prints"
        raise StudyError(f"no scheduler answers at {address} ({_line(error)}); {way_out}") from error
    try:
        found = client.run(_versions)
        if not found:
            raise StudyError(
                f"the cluster at {address} has no workers; begin some with `dask worker {address}`"
            )
        for worker, versions in found.items():
            _check(worker, versions, VERSIONS)
    except StudyError:
        client.close(timeout=CONNECT_SECONDS)
        raise
    except Exception as error:  # of a worker that has no such module, or another of it
        client.close(timeout=CONNECT_SECONDS)
        raise StudyError(
            f"the workers at {address} cannot load kl ({_line(error)}); install it there"
        ) from error
    return client


def _versions() -> tuple[str, str]:
    """What a worker answers."""
    return VERSIONS


def _check(worker: str, theirs: tuple[str, str], ours: tuple[str, str]) -> None:
    """Raises: StudyError where the versions of a worker are not those of the study."""
    if theirs != ours:
        there, here = (f"kl {kl} and Python {python}" for kl, python in (theirs, ours))
        raise StudyError(f"the worker {worker} has {there}, here is {here}; install the same there")


_processes: dict[int, tuple[str, Worker]] = {}
"""At a worker: by thread, the search that it works for, and its process."""

_ended: set[str] = set()
"""At a worker: the searches that want no more outcomes."""


def _evaluated(
    versions: tuple[str, str], search: str, task: PackedTask, timeout: float | None, point: Point
) -> tuple[Outcome, float]:
    """What a worker does: the outcome, and the seconds that it took.

    Raises: StudyError where it cannot evaluate.
    """
    _check(load("distributed").get_worker().address, VERSIONS, versions)  # of workers that have come later
    multiprocessing.current_process().daemon = False  # or it may have no processes; ours end with it anyway
    owner, process = _processes.get(get_ident(), ("", None))
    if process is None or owner != search:
        if process is not None:
            process.stop()
        process = Worker(task, timeout)
        _processes[get_ident()] = search, process
    answer = process.evaluate(point)
    if search in _ended:
        process.stop()
    return answer


def _end(search: str) -> None:
    """End what a worker does for a search."""
    _ended.add(search)
    for owner, process in list(_processes.values()):
        if owner == search:
            process.kill()


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
