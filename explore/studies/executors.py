"""Who evaluates: several processes, or this one. Both keep each outcome before they report it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any

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


class Executor(ABC):
    """Takes up to `jobs` points at a time to evaluate, and says which are done."""

    def __init__(self, jobs: int, keep: Keep):
        self._jobs, self._keep = jobs, keep
        self._running: dict[Any, Asked] = {}
        """What is under evaluation, or done and not collected, by what stands for its end."""

    @property
    def busy(self) -> Sequence[Asked]:
        """What is under evaluation, or done and not collected."""
        return list(self._running.values())

    @property
    def is_free(self) -> bool:
        """Whether it can take another point at once."""
        return len(self._running) < self._jobs

    @abstractmethod
    def start(self, asked: Asked) -> None:
        """Begin an evaluation."""

    @abstractmethod
    def collect(self, seconds: float) -> list[Asked]:
        """What is done, after waiting for some seconds at most until something is.

        Raises: StudyError where the evaluation cannot begin, or the storage fails.
        """

    @abstractmethod
    def stop(self) -> None:
        """End all evaluations; their outcomes are not kept."""


class ProcessExecutor(Executor):
    """A process for each of several evaluations at a time.

    A thread per process waits for it and keeps its outcome at once, whatever else goes on here.
    """

    def __init__(self, task: Task, jobs: int, timeout: float | None, keep: Keep):
        super().__init__(jobs, keep)
        packed = pack(task)
        self._workers = [Worker(packed, timeout) for _ in range(jobs)]
        self._idle = list(self._workers)
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="evaluation")
        self._stopping = False

    def start(self, asked: Asked) -> None:
        done = Future[Worker]()
        self._running[done] = asked  # first: whoever is interrupted behind it knows of the trial
        self._threads.submit(self._evaluate, done, self._idle.pop(), asked)

    def collect(self, seconds: float) -> list[Asked]:
        done, _ = wait(self._running, seconds, FIRST_COMPLETED)
        self._idle += [future.result() for future in done]  # or what went wrong there
        return [self._running.pop(future) for future in done]

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

    def _evaluate(self, done: Future[Worker], worker: Worker, asked: Asked) -> None:
        """What a thread does; it gives back the worker that is free then, or what went wrong."""
        try:
            if not self._stopping:
                outcome, seconds = worker.evaluate(asked.point)
                if not self._stopping:
                    self._keep(asked, outcome, seconds)
            done.set_result(worker)
        except BaseException as error:  # whatever it is, `collect` raises it where it can be handled
            done.set_exception(error)


class InProcessExecutor(Executor):
    """Evaluates in this process, one at a time; nothing protects it from what evaluations do."""

    def __init__(self, task: Task, keep: Keep):
        super().__init__(1, keep)
        self._task = task

    def start(self, asked: Asked) -> None:
        self._running[asked.number] = asked

    def collect(self, seconds: float) -> list[Asked]:
        for asked in self.busy:
            start = time.monotonic()
            outcome = self._task(asked.point)
            self._keep(asked, outcome, time.monotonic() - start)
        return [self._running.pop(number) for number in list(self._running)]

    def stop(self) -> None:
        pass  # nothing goes on beside the caller
