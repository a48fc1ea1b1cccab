"""What can be wrong with a program: as a document, or when it runs; and what checks require of it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ..safetensors import CheckpointError
from ..targets import TargetError
from ..tensors import TensorSpec


class _Located(Exception):
    """`location` is the source location of the unit at fault, empty where none is known."""

    def __init__(self, message: str, location: str = ""):
        super().__init__(message)
        self.message = message
        self.location = location

    def __str__(self) -> str:
        return self.message


class ProgramError(_Located, ValueError):
    """A program that is malformed, inconsistent or does not fit its machine."""


class ExecutionError(_Located):
    """A program that cannot run to its end as it is meant to; the base of all that the engine reports."""


class HazardError(ExecutionError):
    """Data is read before it is written, lost, out of order or outside memory."""


class DeadlockError(ExecutionError):
    """Work remains and nothing can fire."""


class RoofError(ExecutionError):
    """A time below the roofline: the program or the engine contradicts the machine."""


def require(condition: bool, message: str, location: str = "") -> None:
    """Raises: ProgramError unless the condition holds."""
    if not condition:
        raise ProgramError(message, location)


def require_extents(spec: TensorSpec, what: str) -> None:
    """Raises: ProgramError unless all extents are positive."""
    if min(spec.shape, default=1) <= 0:
        raise ProgramError(f"{what}: {spec} has an extent that is not positive")


def require_parts(parts: int, sockets: int, what: str) -> None:
    """Raises: ProgramError unless so many sockets can share a tensor in so many parts."""
    even = 0 < parts <= sockets and sockets % parts == 0
    require(even, f"{what}; {sockets} socket{'s' if sockets > 1 else ''} cannot share them evenly")


@contextmanager
def target_errors() -> Generator[None]:
    """Turn what a program or a checkpoint does wrong into what tools understand.

    Raises: TargetError.
    """
    try:
        yield
    except (ExecutionError, ProgramError) as error:
        raise TargetError(error.message, error.location) from error
    except CheckpointError as error:
        raise TargetError(str(error), way_out=error.way_out) from error
