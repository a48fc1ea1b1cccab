"""Decode steps in numbers, whatever the target: what a run begins with, and what its calls give."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..dialects.vocabulary import Orchestration

if TYPE_CHECKING:  # so that who reads a command line waits for neither xDSL nor numpy
    from .signatures import Signature
    from .tensors import Array, TensorSpec

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
    """Of random weights, and of the first inputs where none are given."""
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
    cycles: int | None
    """Of the call; None where it runs on no machine that is modelled."""
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

    @property
    def is_exact(self) -> bool:
        """Whether it is to give the bits of the reference, and not only about its numbers."""
        ...

    def steps(
        self, count: int, progress: Progress, given: Sequence[Mapping[str, Array]] = ()
    ) -> Iterator[Step]:
        """Run `count` calls, or fewer where all rows of the batch end at a stop token before.

        The first calls take the `given` inputs, one after the other: by name, those that are no position;
        where none are given, the first one takes seeded random ones. Each call behind them takes what the one
        before gave. Whoever has enough takes no more steps of the iterator.

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


@dataclass(frozen=True)
class Called:
    """What a target says of one call that it has made."""

    outputs: Mapping[str, Array]
    """By name; of several decode steps, those of all, stacked."""
    observed: tuple[tuple[str, Array], ...]
    """What the host has read, by label and in order."""
    cycles: int | None
    """None where it runs on no machine that is modelled."""
    made: int = 1
    """Decode steps of the call."""


@dataclass(frozen=True)
class CallLoop:
    """How the calls of a program follow one another: what each takes, and when the last is made.

    All targets share it, so that a prompt is fed, and tokens go round, in the same way everywhere.
    """

    inputs: Mapping[str, TensorSpec]
    """What a call takes, by name and in order; scalar integers are the position of its first decode step."""
    rows: int
    """Of the smallest table that rows are read of by their number; 1 if there is none."""
    steps: int = 1
    """Decode steps that a call makes."""
    stop_token: int | None = None
    """Rows of the batch end at this token in the program, if at any."""

    def run(
        self,
        call: Callable[[int, Mapping[str, Array]], Called],
        count: int,
        given: Sequence[Mapping[str, Array]],
        seed: int,
    ) -> Iterator[Step]:
        """Make `count` calls, as `Run.steps` says; `call` takes the number of one, and all its inputs.

        Rows that stand at the stop token while inputs are still given do not end the loop.
        """
        import numpy as np

        from .signatures import first_inputs

        inputs = {} if given else first_inputs(self.inputs, self.rows, seed)
        for number in range(count):
            position = number * self.steps
            inputs |= given[number] if number < len(given) else {}
            at = self.position_inputs(position)
            inputs |= {name: np.asarray(value, self.inputs[name].numpy_dtype) for name, value in at.items()}
            taken = {name: inputs[name] for name in self.inputs if name in inputs}
            made = call(number, taken)
            yield Step(position, taken, made.outputs, made.observed, made.cycles, self.stop_token, made.made)
            inputs |= self.fed_back(self._of_last_step(made.outputs))
            if number + 1 >= len(given) and self._all_ended(made.outputs):
                return

    def position_inputs(self, position: int) -> dict[str, int]:
        """The inputs that are the position of a token."""
        return {name: position for name, spec in self.inputs.items() if _is_position(spec)}

    def fed_back(self, outputs: Mapping[str, Array]) -> dict[str, Array]:
        """Each output of a step becomes the first input like it that is no position: tokens go round."""
        fed: dict[str, Array] = {}
        for value in outputs.values():
            free = (n for n, spec in self.inputs.items() if not _is_position(spec) and spec.fits(value))
            if (name := next((one for one in free if one not in fed), None)) is not None:
                fed[name] = value
        return fed

    def _of_last_step(self, outputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """What the last decode step of a call gave."""
        return {name: value[-1] for name, value in outputs.items()} if self.steps > 1 else outputs

    def _all_ended(self, outputs: Mapping[str, Array]) -> bool:
        last = self._of_last_step(outputs).values()
        return self.stop_token is not None and all((value == self.stop_token).all() for value in last)


def _is_position(spec: TensorSpec) -> bool:
    return spec.shape == () and spec.is_integer
