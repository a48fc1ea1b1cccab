"""Decode steps in numbers, whatever the target: what a run begins with, and what its calls give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..dialects.vocabulary import Orchestration

if TYPE_CHECKING:  # so that who reads a command line waits for neither xDSL nor numpy
    from .signatures import Signature
    from .tensors import Array

Progress = Callable[[int, int], None]
"""Told how many parts of how many are done."""


@dataclass(frozen=True)
class RunOptions:
    """What decode steps begin with."""

    steps: int = 1
    """In all; there must be room for them."""
    weights: str | None = None
    """A checkpoint, all of which is read; seeded random numbers if None."""
    seed: int = 0
    """Of random weights and of the first inputs."""
    orchestration: Orchestration = "hardware"
    ignore: tuple[str, ...] = ()
    """Patterns of the names of tensors that the checkpoint may have besides."""


@dataclass(frozen=True)
class Step:
    """What one call took in, what it gave, and what the host has read, by label and in order.

    It is one decode step, or several from `position` on; outputs then have those of all, stacked. Rows that
    have ended have the stop token in all that follow.
    """

    position: int
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    observed: tuple[tuple[str, Array], ...]
    cycles: int
    stop_token: int | None = None
    """Rows end at this token, if at any."""
    made: int = 1
    """Decode steps of the call: fewer than it can make where all rows have ended."""


class Run(Protocol):
    """A program in memory, from position 0 on; what a call gave goes into the next one."""

    @property
    def inputs(self) -> Sequence[str]:
        """The names of what a call takes, in order."""
        ...

    @property
    def weights(self) -> Mapping[str, Array]:
        """By name, with the parts of all sockets."""
        ...

    @property
    def ignored(self) -> Mapping[str, str]:
        """What of tensors of the checkpoint is not read, as `RunOptions.ignore` says."""
        ...

    @property
    def signature(self) -> Signature:
        """What the program takes, gives, keeps and reads."""
        ...

    def steps(
        self, count: int, progress: Progress, first: Mapping[str, Array] | None = None
    ) -> Iterator[Step]:
        """Run `count` calls, or fewer where all rows of the batch end at a stop token before.

        The first call takes the `first` inputs, by name and in order; seeded random ones if None.

        Raises: TargetError where the program cannot run to its end.
        """
        ...

    def position_inputs(self, position: int) -> Mapping[str, int]:
        """The inputs that are the position of a token."""
        ...

    def fed_back(self, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """The inputs of the next decode step that are outputs of one."""
        ...

    def read(self, state: str, socket: int) -> Array:
        """A state as it is now, on a socket."""
        ...
