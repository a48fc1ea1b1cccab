"""Processes for evaluations end with the process that they work for, however that ends, and without a word.

They are forked by multiprocessing's server, whose parent is that process. The server is told by the system
(Linux), or by its pipe, that its parent has ended; then it ends its children with all that they have started,
and itself. Should the server be killed, the system kills its children. Each child also waits for the end of
the process that it works for, which is all there is on other systems.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""Forking a process that has threads is not safe; a server without threads forks quickly."""

PRELOAD = "kl.explore.in_server"
"""The module by which the server learns of its parent; the first that it imports."""

PARENT = "KL_SERVER_PARENT"
"""The variable with the process that has started the server, which may end before it can be asked."""

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent has ended."""

GRACE_SECONDS = 0.05
"""How long the server of a process that has ended may take to end its children in a better way."""


def begin_server(*modules: str) -> None:
    """Have a server for processes, where there can be one; if it is new it imports these modules first."""
    if METHOD != "forkserver":
        return
    forkserver.set_forkserver_preload([PRELOAD, *modules])
    os.environ[PARENT] = str(os.getpid())
    with uninterrupted():
        forkserver.ensure_running()


@contextmanager
def uninterrupted() -> Generator[None]:
    """Processes that are started meanwhile see no Ctrl-C, from their first instruction on: it is for us."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # when it starts, it lets signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def prepare_server() -> None:
    """In the server, before its other imports: end with its parent, print nothing then, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    parent, server = int(os.environ[PARENT]), os.getpid()
    usual = signal.getsignal(signal.SIGUSR1)

    def heed(*_: object) -> None:
        """The thread that has started the server is gone, perhaps with the whole process."""
        if os.getppid() != parent:
            end_children(server)
            os._exit(1)

    def begin_child() -> None:
        """In what the server has just forked; not in what that forks."""
        if os.getppid() == server:
            signal.signal(signal.SIGUSR1, usual)
            _heed_parent(signal.SIGKILL)

    if _heed_parent(signal.SIGUSR1, heed):
        os.register_at_fork(after_in_child=begin_child)
    if os.getppid() != parent:
        os._exit(1)
    atexit.register(end_children, server)
    is_gone = _liveness(parent)
    sys.excepthook = lambda kind, error, trace: None if is_gone() else sys.__excepthook__(kind, error, trace)


def _heed_parent(number: signal.Signals, handler: Callable[..., None] | None = None) -> bool:
    """Get a signal when the parent ends, or the thread of it that has started us; whether this system can."""
    if not sys.platform.startswith("linux"):
        return False
    if handler is not None:
        signal.signal(number, handler)
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) == 0
    return False


def _liveness(parent: int) -> Callable[[], bool]:
    """Tells whether a process has ended, also in what is forked later."""
    if hasattr(os, "pidfd_open"):
        with suppress(OSError):
            handle = os.pidfd_open(parent)
            return lambda: bool(select.select([handle], [], [], 0)[0])
    return lambda: not _exists(parent)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def end_children(server: int) -> None:
    """In the server: end its children, each with the group that it leads."""
    if os.getpid() != server:
        return
    place = Path(f"/proc/self/task/{server}/children")
    for pid in map(int, place.read_text().split() if place.exists() else ()):
        with suppress(OSError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)


def end_with_parent() -> None:
    """In a process for evaluations: end with the process that it works for, and all that was started here."""
    threading.Thread(target=_wait_for_end, daemon=True).start()


def _wait_for_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a child"
    parent.join()
    time.sleep(GRACE_SECONDS)
    end_group()


def end_group() -> None:
    """End this process at once, with all that it has started where it leads a group."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
