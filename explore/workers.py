"""Processes that evaluate points, one at a time each.

An evaluation that takes too long is stopped with its process and all that it has started; a process that ends
by itself has failed at its point. Either way the next point gets a new process. What evaluations print goes
to stderr.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from .errors import StudyError
from .lifeline import METHOD, begin_server, end_group, end_with_parent
from .outcome import Outcome
from .space import Point
from .tasks import Task

ENDING_SECONDS = 1.0
"""How long a process that says nothing any more may take to end."""


@dataclass(frozen=True)
class PackedTask:
    """A task as processes get it."""

    payload: bytes
    module: str
    """Where its evaluation is defined."""


def pack(task: Task) -> PackedTask:
    """Make a task ready for other processes.

    Raises: StudyError where they cannot get it.
    """
    try:
        payload = pickle.dumps(task)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise StudyError(
            f"processes cannot get the evaluation ({error}); define it as a function of a module,"
            " or evaluate in this process (isolate=False)"
        ) from error
    return PackedTask(payload, getattr(task.evaluate, "__module__", None) or type(task.evaluate).__module__)


class Worker:
    """A process for evaluations, begun when first needed."""

    def __init__(self, task: PackedTask, timeout: float | None):
        """`timeout` in seconds for each evaluation."""
        self._task = task
        self._timeout = timeout
        self._running: tuple[BaseProcess, Connection] | None = None

    def evaluate(self, point: Point) -> tuple[Outcome, float]:
        """Evaluate a point in the process; the seconds do not count what it takes to begin one.

        Raises: StudyError where the process cannot be begun.
        """
        if self._running is None or not self._running[0].is_alive():
            self._begin()
        assert self._running is not None, "it has just begun"
        start = time.monotonic()
        return self._ask(*self._running, point), time.monotonic() - start

    def _ask(self, process: BaseProcess, connection: Connection, point: Point) -> Outcome:
        try:
            connection.send(point)
            answer = _receive(process, connection, self._timeout)
        except (EOFError, OSError):
            message = f"the evaluation ended its process{self._ending(process)}"
            return Outcome(status="failed", message=message)
        if answer is None:
            self.stop()
            return Outcome(status="timed-out", message=f"the evaluation took more than {self._timeout:g} s")
        return answer

    def kill(self) -> None:
        """End the process, and all that it has started; whoever waits for it is told so."""
        running = self._running  # another thread may end it
        if running is None:
            return
        process, _ = running
        assert process.pid is not None, "it has been started"
        with suppress(OSError, AttributeError):  # it is gone, or this system has no groups
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()

    def stop(self) -> None:
        """End the process; not for other threads than the one that evaluates."""
        if self._running is not None:
            self.kill()
            process, connection = self._running
            process.join()
            connection.close()
        self._running = None

    def _begin(self) -> None:
        context: Any = multiprocessing.get_context(METHOD)
        begin_server(__name__, self._task.module)
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._task.payload), name="evaluation")
        process.start()
        theirs.close()
        self._running = process, ours
        try:
            problem = _receive(process, ours, None)
        except (EOFError, OSError):
            raise StudyError(
                f"a process for evaluations ended before its first one{self._ending(process)};"
                " processes import the main script, which needs `if __name__ == '__main__':`"
            ) from None
        if problem:
            self.stop()
            raise StudyError(f"processes cannot load the evaluation ({problem}); define it in a module")

    def _ending(self, process: BaseProcess) -> str:
        """How the process ended, which is over."""
        process.join(ENDING_SECONDS)
        self.stop()
        code = process.exitcode or 0
        return f" ({signal.strsignal(-code)})" if code < 0 else f" with exit code {code}"


def _receive(process: BaseProcess, connection: Connection, timeout: float | None) -> Any:
    """The next message of a process; None where it does not come in time.

    Raises: EOFError where the process has ended.
    """
    wait([connection, process.sentinel], timeout)
    if connection.poll():
        return connection.recv()
    if process.is_alive():
        return None
    raise EOFError


def _serve(connection: Connection, payload: bytes) -> None:
    """The process: load the evaluation, say that it is there, answer points."""
    if hasattr(os, "setsid"):
        os.setsid()  # the signals of a terminal are for the parent; children can be stopped as a group
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started here shall know it
    os.dup2(2, 1)
    end_with_parent()
    try:
        task: Task = pickle.loads(payload)
    except Exception as error:  # whatever a module raises while it is imported
        with suppress(OSError):
            connection.send(f"{type(error).__name__}: {error}")
        return
    try:
        connection.send("")
        while True:
            connection.send(task(connection.recv()))
    except (EOFError, OSError):  # nobody wants the answer
        end_group()
