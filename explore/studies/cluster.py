"""Evaluations on the workers of a Dask cluster; `docs/cluster.md` walks through one.

A worker evaluates in its own process, as many points at a time as it has threads. Where a worker is lost,
Dask gives its points to others; a point that has ended several workers is a failed evaluation. Outcomes are
kept here, by the process that runs the study, before anything else happens.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ... import __version__
from ..errors import StudyError
from ..extras import load
from ..outcome import Outcome
from ..tasks import Task
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

        Raises: StudyError where no scheduler answers, or its workers have other versions.
        """
        self._address = address
        self._client = _connected(address)
        self._task, self._jobs, self._timeout, self._keep = task, jobs, timeout, keep
        self._running: dict[Any, Asked] = {}
        """What is under evaluation, by its future."""
        self._began: dict[str, tuple[str, float]] = {}
        """By key, the worker that evaluates it and since when, as far as has been seen."""

    @property
    def busy(self) -> Sequence[Asked]:
        return list(self._running.values())

    @property
    def is_free(self) -> bool:
        return len(self._running) < self._jobs

    def start(self, asked: Asked) -> None:
        with self._reached():
            future = self._client.submit(_evaluated, self._task, asked.point, pure=False)
        self._running[future] = asked

    def collect(self, seconds: float) -> list[Asked]:
        distributed = load("distributed")
        with self._reached():
            with suppress(distributed.TimeoutError), self._client.as_current():
                distributed.wait(list(self._running), timeout=seconds, return_when="FIRST_COMPLETED")
            done = [future for future in self._running if future.done()]
            outcomes = {future: self._result(future) for future in done}
            outcomes |= self._overdue()
        collected: list[Asked] = []
        for future, (outcome, spent) in outcomes.items():
            self._keep(self._running[future], outcome, spent)
            collected.append(self._running.pop(future))
            self._began.pop(future.key, None)
        return collected

    def stop(self) -> None:
        with suppress(Exception):  # whatever is wrong with the cluster, the study ends
            self._client.cancel(list(self._running), force=True)
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
            return Outcome(
                status="failed", message="the evaluation ended the workers that were given it"
            ), 0.0
        if error is not None:
            raise StudyError(
                f"the workers at {self._address} cannot evaluate ({type(error).__name__}: {error})"
            )
        raise StudyError(f"the cluster at {self._address} has lost an evaluation; the same command goes on")

    def _overdue(self) -> dict[Any, tuple[Outcome, float]]:
        """What takes too long: its worker begins anew, what else it had is evaluated again."""
        if self._timeout is None:
            return {}
        now, found = time.monotonic(), dict[Any, tuple[Outcome, float]]()
        for worker, keys in self._client.processing().items():
            for key in keys:
                if self._began.get(key, ("", 0.0))[0] != worker:
                    self._began[key] = worker, now
        for future in self._running:
            worker, began = self._began.get(future.key, ("", now))
            if now - began > self._timeout and not future.done():
                message = f"the evaluation took more than {self._timeout:g} s"
                found[future] = Outcome(status="timed-out", message=message), now - began
                self._client.cancel([future], force=True)
                self._client.restart_workers([worker], raise_for_error=False)
        return found

    @contextmanager
    def _reached(self) -> Generator[None]:
        """Turn what Dask raises where a scheduler is gone into a StudyError."""
        try:
            yield
        except (OSError, load("distributed").core.RPCClosed, RuntimeError) as error:
            message = f"the cluster at {self._address} does not answer any more ({error})"
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
            if versions != VERSIONS:
                theirs, ours = (f"kl {kl} and Python {python}" for kl, python in (versions, VERSIONS))
                raise StudyError(f"the worker {worker} has {theirs}, here is {ours}; install the same there")
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


def _evaluated(task: Callable[[Any], Outcome], point: Any) -> tuple[Outcome, float]:
    """What a worker does: the outcome, and the seconds that it took."""
    start = time.monotonic()
    return task(point), time.monotonic() - start


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
