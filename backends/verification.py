"""What a target can prove of a program, and what it knows of where one came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

P = TypeVar("P")


@dataclass(frozen=True)
class Provenance:
    """What is known of where a program came from."""

    edited: tuple[str, ...] = ()
    """What is not as it was when the program was emitted: `kernel 'decoder'`."""
    untied: str = ""
    """Why the program, or a part of it, is tied to no IR; empty if all of it is."""


@dataclass(frozen=True)
class StaticCheck(Generic[P]):
    """One thing that is certain of a program before it runs."""

    name: str
    proves: str
    """A clause: what holds of a program that passes."""
    run: Callable[[P], None]
    """Raises: TargetError for the first thing that is wrong."""


@dataclass(frozen=True)
class Verification(Generic[P]):
    """How a target's programs are verified: what it refuses at once elsewhere, check by check."""

    checks: Callable[[], Sequence[StaticCheck[P]]]
    """In the order in which they are made: later ones rely on earlier ones."""
    compile: Callable[[ModuleOp, str], P]
    """The program of a module at the target's level, not yet checked."""
    load: Callable[[bytes], P]
    """The program that was saved, not yet checked."""
    of_other_ir: Callable[[P, Mapping[str, str]], Sequence[str]] | None = None
    """What of a program was made of other IR than this, which is the generic text of each symbol."""
    differences: Callable[[P, P], Sequence[str]] | None = None
    """What of a program another one has otherwise, which was compiled of the IR that it may be of."""
