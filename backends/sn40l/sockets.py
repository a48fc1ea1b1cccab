"""Several sockets at once: each with its own units, channels, memories and links, all in lock step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...dialects.machine import Machine
from ..tensors import Array
from .collectives import Exchange
from .engine import Call, KernelRun
from .errors import ExecutionError
from .ledger import KernelTiming
from .memory import Data, MemoryMap


class SocketsRun:
    """A call of a kernel on several sockets: cycle by cycle, on every socket in order.

    What a socket sends reaches the others in a later cycle, so that their order within a cycle is no matter.
    """

    def __init__(self, call: Call, machine: Machine, memory: MemoryMap, sockets: Sequence[Data | None]):
        self._exchange = Exchange(len(sockets))
        self.runs = [
            KernelRun(call, machine, memory, data, socket, self._exchange)
            for socket, data in enumerate(sockets)
        ]

    def run(self) -> None:
        """Go on until everything is done.

        Raises: ExecutionError as `KernelRun.run` does; the message names the socket.
        """
        now = 0
        while now is not None:
            for socket in range(len(self.runs)):
                self._on(socket, lambda run, now=now: run.proceed(now))
            pending = (run.calendar.events[0][0] for run in self.runs if run.calendar.events)
            now = min(pending, default=None)
        self._check_ends()

    def timing(self) -> KernelTiming:
        """What a finished run took on each socket."""
        timing, *others = (run.timing() for run in self.runs)
        assert all(other == timing for other in others), (
            "sockets run the same program in lock step, and no time depends on data"
        )
        return timing

    def _check_ends(self) -> None:
        if (waiting := self._exchange.first_waiting()) is not None:
            step, sent = waiting
            here = {one.unit.around.socket for one in sent}
            missing = next(socket for socket in range(len(self.runs)) if socket not in here)
            what = f"socket {min(here)} has sent tile {step} of {sent[0].unit} and waits for its"
            self._on(missing, KernelRun.check_end, what)
        for socket in range(len(self.runs)):
            self._on(socket, KernelRun.check_end)

    def _on(self, socket: int, action: Callable[[KernelRun], None], note: str = "") -> None:
        """Do something with a socket's run; errors name the socket."""
        try:
            action(self.runs[socket])
        except ExecutionError as error:
            error.message = f"socket {socket}: {error.message}{f'; {note}' if note else ''}"
            raise


def same_on_all(name: str, arrays: Sequence[Array]) -> Array:
    """What the host reads from a region: the same on all sockets, bit for bit.

    Raises: ExecutionError if it is not.
    """
    first, *others = arrays
    for socket, other in enumerate(others, start=1):
        if first.tobytes() != other.tobytes():
            raise ExecutionError(
                f"the host reads '{name}', which differs between socket 0 and socket {socket}"
            )
    return first
