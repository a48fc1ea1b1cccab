"""Points are timed as `kl time` does it, in several processes at a time."""

from __future__ import annotations

import gc
import io
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr
from typing import Any

from ...backends.targets import Timing
from ...explore.lifeline import METHOD, begin_server, end_with_parent, uninterrupted
from ..choosing import time_chosen
from ..compilation import Compiler
from ..diagnostics import describe
from ..routing import time_options
from ..terminal import Advance
from ..values import HELP_MARK, InputError
from .answers import Answer, Refused, Time
from .points import Point


def time_point(point: Point) -> Answer:
    """What `kl time` says of a point, without its remarks."""
    return answer_of(point.change, timing_of(point))


def timing_of(point: Point) -> Timing | Refused:
    """The timing of a point, or why there is none."""
    path = ""
    try:
        with redirect_stderr(io.StringIO()):
            compiler = Compiler.of(point.compiler)
            given = compiler.read()
            path = given.path
            return time_chosen(compiler, given, time_options(point.timing, given.target))
    except Exception as error:
        diagnostic = describe(error)
        if diagnostic is None:
            raise
        return Refused(point.change, diagnostic.message.removeprefix(f"{path}: "))


def answer_of(change: str, timing: Timing | Refused) -> Answer:
    """What is kept of a timing."""
    if isinstance(timing, Refused):
        return timing
    roof, attainable = timing.roofline, timing.attainable
    return Time(
        change,
        timing.seconds / timing.steps,
        timing.tokens_per_second,
        timing.kernel_calls / timing.steps,
        None if roof is None else roof.tokens_per_second,
        None if attainable is None else attainable.tokens_per_second,
    )


def time_points(points: Iterable[Point], advance: Advance, jobs: int | None = None) -> Mapping[Point, Answer]:
    """Time all points, equal ones once, on as many processes as there are cores if nothing else is said.

    Raises: InputError where the processes cannot work.
    """
    asked = tuple(dict.fromkeys(points))
    context: Any = multiprocessing.get_context(METHOD)
    begin_server(__name__)
    pool = ProcessPoolExecutor(min(jobs or _cores(), max(len(asked), 1)), context, _begin)
    try:
        with uninterrupted():
            futures = {pool.submit(time_point, point): point for point in asked}
        return _answers(futures, advance)
    except BrokenProcessPool as error:
        raise InputError(
            f"a process that times points has ended by itself{HELP_MARK}"
            "it may have had too little memory; a script needs `if __name__ == '__main__':` around this"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _answers(futures: Mapping[Future[Answer], Point], advance: Advance) -> Mapping[Point, Answer]:
    found: dict[Point, Answer] = {}
    for future in as_completed(futures):
        found[futures[future]] = future.result()
        advance(len(found), len(futures))
    return found


def _cores() -> int:
    """Cores that this process may use."""
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return (os.cpu_count() or 1) if affinity is None else len(affinity(0))


def _begin() -> None:
    """The begin of a process: Ctrl-C is its parent's, and it ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(100_000)
    end_with_parent()
