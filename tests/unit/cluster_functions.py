"""Evaluations for the workers of a cluster; they import this module."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from kl.explore.outcome import Outcome
from kl.explore.space import Point


def measured(point: Point) -> Outcome:
    """A cheap one, which notes where it is."""
    x = point["x"]
    assert isinstance(x, int)
    time.sleep(0.02)
    return Outcome((float((x - 7) ** 2),), details={"process": str(os.getpid())})


def wrong(point: Point) -> Outcome:
    """Raises an error for some points."""
    if point["x"] in (1, 2, 3):
        raise ValueError(f"{point['x']} is not known")
    return measured(point)


def slow(point: Point) -> Outcome:
    """Takes far too long for one point."""
    if point["x"] == 0:
        time.sleep(60)
    return measured(point)


def deadly(point: Point) -> Outcome:
    """Ends its worker: for one point whenever it is evaluated, for another one the first time."""
    marker = Path(os.environ["KL_TEST_MARKER"])
    if point["x"] == 0 or (point["x"] == 1 and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return measured(point)
