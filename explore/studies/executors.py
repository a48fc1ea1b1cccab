"""Who evaluates: several processes, or this one. Both keep each outcome before they report it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Protocol

from ..outcome import Outcome
from ..space import Point
from ..tasks import Task
from ..workers import Worker, pack

STOP_SECONDS = 0.1
"""How often processes are told to stop."""


@dataclass(frozen=True)
class Asked:
    """A point that a study wants to have evaluated, and the number of its trial."""

    number: int
    point: Point
    start: float
    """When it was asked for, in seconds since the epoch."""


Keep = Callable[[Asked, Outcome, float], None]
"""Writes an outcome into the storage, and the seconds that it took."""


class Executor(Protocol):
    """Takes points to evaluate, and says which are done."""

    @property
    def busy(self) -> Sequence[Asked]:
        """What is under evaluation, or done and not collected."""
        ...

    @property
    def is_free(self) -> bool:
        """Whether it can take another point at once."""
        ...

    def start(self, asked: Asked) -> None:
        """Begin an evaluation."""
        ...

    def collect(self, seconds: float) -> list[Asked]:
        """What is done, after waiting for some seconds at most until something is.

        Raises: StudyError where the evaluation cannot begin, or the storage fails.
        """
        ...

    def stop(self) -> None:
        """End all evaluations; their outcomes are not kept."""
        ...


class ProcessExecutor(Executor):
    """A process for each of several evaluations at a time.

    A thread per process waits for it and keeps its outcome at once, whatever else goes on here.
    """

    def __init__(self, task: Task, jobs: int, timeout: float | None, keep: Keep):
        packed = pack(task)
        self._workers = [Worker(packed, timeout) for _ in range(jobs)]
        self._idle = list(self._workers)
        self._busy: dict[int, Asked] = {}
        self._done: queue.SimpleQueue[tuple[Worker, Asked, BaseException | None]] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="evaluation")
        self._keep = keep
        self._stopping = False

    @property
    def busy(self) -> Sequence[Asked]:
        return list(self._busy.values())

    @property
    def is_free(self) -> bool:
        return bool(self._idle)

    def start(self, asked: Asked) -> None:
        self._busy[asked.number] = asked
        self._threads.submit(self._evaluate, self._idle.pop(), asked)

    def collect(self, seconds: float) -> list[Asked]:
        collected: list[Asked] = []
        while self._busy:
            try:
                worker, asked, error = self._done.get(timeout=0.0 if collected else seconds)
            except queue.Empty:
                break
            if error is not None:
                raise error
            self._idle.append(worker)
            collected.append(self._busy.pop(asked.number))
        return collected

    def stop(self) -> None:
        self._stopping = True
        ending = Thread(target=partial(self._threads.shutdown, cancel_futures=True))
        ending.start()
        while ending.is_alive():  # a thread may just be about to begin a process
            for worker in self._workers:
                worker.kill()
            ending.join(STOP_SECONDS)
        for worker in self._workers:
            worker.stop()

    def _evaluate(self, worker: Worker, asked: Asked) -> None:
        """What a thread does."""
        if self._stopping:
            return
        try:
            outcome, seconds = worker.evaluate(asked.point)
            if not self._stopping:
                self._keep(asked, outcome, seconds)
        except BaseException as error:  # whatever it is, `collect` raises it where it can be handled
            self._done.put((worker, asked, error))
        else:
            self._done.put((worker, asked, None))


class InProcessExecutor(Executor):
    """Evaluates in this process, one at a time; nothing protects it from what evaluations do."""

    def __init__(self, task: Task, keep: Keep):
        self._task = task
        self._keep = keep
        self._busy: list[Asked] = []

    @property
    def busy(self) -> Sequence[Asked]:
        return self._busy

    @property
    def is_free(self) -> bool:
        return not self._busy

    def start(self, asked: Asked) -> None:
        self._busy = [asked]

    def collect(self, seconds: float) -> list[Asked]:
        for asked in self._busy:
            start = time.monotonic()
            outcome = self._task(asked.point)
            self._keep(asked, outcome, time.monotonic() - start)
        done, self._busy = self._busy, []
        return done

    def stop(self) -> None:
        pass  # nothing goes on beside the caller
