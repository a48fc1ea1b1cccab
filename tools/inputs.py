"""What the tools are given: IR, with the text that it was read from, or a saved program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xdsl.dialects.builtin import ModuleOp

from ..backends.targets import AnyTarget
from ..dialects.vocabulary import IrLevel


@dataclass(frozen=True)
class Published:
    """What a published model has besides its text."""

    checkpoint: str | None
    """Where its weights are; None for a config alone."""
    unread: tuple[str, ...]
    """The tensors there that the text is known not to read, or not wholly."""
    patterns: tuple[str, ...]
    """Those of `--ignore` that match no key of the config."""


@dataclass(frozen=True)
class Source:
    """The text that lines of locations are counted in."""

    place: str
    """What locations call it: a path, `stdin`, the text of a published model."""
    text: str


@dataclass(frozen=True)
class ModuleInput:
    """IR, with the name of its model, the level that it was given at, and the target to compile it for."""

    path: str
    name: str
    level: IrLevel
    module: ModuleOp
    target: AnyTarget
    published: Published | None = None
    """The published model that it is, if it is one."""
    source: Source | None = None
    """What it was read from."""


@dataclass(frozen=True)
class ProgramInput:
    """A saved program, and the target that it is for."""

    path: str
    program: Any
    target: AnyTarget
    level: Literal["program"] = "program"
    """Below all levels of the IR; tells it from a module."""


Input = ModuleInput | ProgramInput
