"""Whose evaluation is it, and is that process still there?"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

GRACE_SECONDS = 600.0
"""A process of another machine counts as gone after so long without a heartbeat."""

HEARTBEAT_SECONDS = 60.0
"""How often a process says that it is there: its heartbeat."""


@dataclass(frozen=True)
class Owner:
    """A process that evaluates points; `start` tells it from a later one with the same number."""

    host: str
    pid: int
    start: str

    def record(self) -> dict[str, Any]:
        """What is written into its trials, with the time in seconds since the epoch."""
        return {**asdict(self), "seen": time.time()}


def this_process() -> Owner:
    """The process that asks."""
    return _owner(os.getpid())


@cache
def _owner(pid: int) -> Owner:
    return Owner(this_host(), pid, start_of(pid))


@cache
def this_host() -> str:
    """The machine, and the container where process numbers are its own."""
    namespace = Path("/proc/self/ns/pid")
    return f"{platform.node()} {namespace.readlink()}" if namespace.is_symlink() else platform.node()


def is_other(record: dict[str, Any]) -> bool:
    """Whether a record is that of another process."""
    return Owner(record["host"], record["pid"], record["start"]) != this_process()


def is_gone(record: dict[str, Any]) -> bool:
    """Whether the process that has written a record has ended, as far as can be told from here."""
    if not is_other(record):
        return False
    if record["host"] == this_host():
        return start_of(record["pid"]) != record["start"]
    return time.time() - record["seen"] > GRACE_SECONDS


def start_of(pid: int) -> str:
    """When a process began, as a text of its own; empty where there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.parent.parent.joinpath("self").exists():
        return _start_by_ps(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    ended = fields[0] in "ZX"
    return "" if ended else f"{_boot()} {fields[19]}"


def _boot() -> str:
    """The identity of this run of the system: process times count from its beginning."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_by_ps(pid: int) -> str:
    """The same on systems without /proc."""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
