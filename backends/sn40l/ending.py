"""The end of a call at a stop token: which rows of the batch are done, and what is left undone with the last.

It is about runs with data; without data a call makes all its steps.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from ...dialects.vocabulary import STEP
from .errors import ExecutionError, HazardError
from .kernel import Kernel, Unit
from .ledger import Made
from .servers import Server

if TYPE_CHECKING:  # without data no row is done
    import numpy as np
    from numpy.typing import NDArray

    RowsDone = NDArray[np.bool_]


class Ended(Protocol):
    """A unit at run time, as the end sees it."""

    firings: int

    @property
    def unit(self) -> Unit:
        """What it is."""
        ...


class Ending:
    """The rows that are done in each decode step of a call on a socket, and the step that is the last."""

    def __init__(self, kernel: Kernel):
        self._kernel = kernel
        self._has_stop = kernel.stop_token is not None
        self._done: list[RowsDone] = []
        """They were done when each step began."""
        self.steps: int | None = None
        """All rows are done after so many, and so no more are made; None where that is not so."""
        self._units: Sequence[Ended] = ()
        self._servers: Sequence[Server] = ()

    def join(self, units: Sequence[Ended], servers: Sequence[Server]) -> None:
        """Let it end what these units and servers do."""
        self._units, self._servers = units, servers

    def done(self, unit: Ended, step: int, now: int) -> RowsDone | None:
        """The rows that are done in a step; None without a stop token.

        Raises: HazardError where a store comes before that is known.
        """
        if not self._has_stop:
            return None
        if step >= len(self._done):
            raise HazardError(
                f"hazard at cycle {now}: {unit} stores rows of step {step} before it is known which are "
                "done; what it stores has to depend on the step's token",
                unit.unit.location,
            )
        return self._done[step]

    def begin_step(self, done: RowsDone) -> None:
        """A step begins with these rows done."""
        self._done.append(done)

    def end(self, kept: Collection[Ended]) -> None:
        """No step follows, as all rows are done; what runs ahead is left, but for units that are kept."""
        self.steps = made = len(self._done)
        kernel, tree = self._kernel, self._kernel.tree
        for unit in self._units:
            if unit not in kept and tree.is_inside(unit.unit.runs(kernel), STEP):
                unit.firings = unit.unit.firings_per_call(kernel) // kernel.steps * made
        for server in self._servers:
            server.drop_abandoned()

    def first_difference(self, other: Ending) -> int | None:
        """The first step that begins with other rows done than that of another socket; None if none does."""
        if len(self._done) != len(other._done):
            return min(len(self._done), len(other._done))
        pairs = enumerate(zip(self._done, other._done, strict=True))
        return next((step for step, (mine, its) in pairs if mine.tolist() != its.tolist()), None)

    @property
    def made(self) -> Made | None:
        """What the call has made, where that is less than all tokens of all steps."""
        tokens = sum(done.size - int(done.sum()) for done in self._done)
        less = self.steps is not None or tokens < sum(done.size for done in self._done)
        return Made(len(self._done), tokens) if less else None


def check_alike(endings: Sequence[Ending]) -> None:
    """Raises: ExecutionError where sockets do not take the same rows to be done; their tokens differ then."""
    first, *others = endings
    for socket, other in enumerate(others, start=1):
        step = first.first_difference(other)
        if step is not None:
            raise ExecutionError(
                f"decode step {step} begins with other rows at the stop token on socket {socket} than on 0"
            )
