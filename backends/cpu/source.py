"""C as data: a module's kernels as functions, and what has to be known to call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..tensors import TensorSpec
from .layouts import Layout


@dataclass(frozen=True)
class RopeTable:
    """Cosines and sines that a kernel is handed: numpy makes them, as it does for the reference.

    They are `[steps, 2, pairs]` of f64: for each decode step of the call a row of cosines and one of sines.
    """

    attributes: Mapping[str, Any]
    """Of the rotation, as `numerics.rope` takes them."""
    position: int
    """Which argument of the kernel is the position of the first step."""
    steps: int


@dataclass(frozen=True)
class KernelFunction:
    """A kernel as a C function `void name(void **arguments)`: inputs, then results, then tables."""

    name: str
    layouts: tuple[Layout, ...]
    """Of its inputs."""
    results: tuple[TensorSpec, ...]
    tables: tuple[RopeTable, ...]


@dataclass(frozen=True)
class Source:
    """The C of a module."""

    text: str
    """All of it but the headers of this package."""
    functions: Mapping[str, KernelFunction]
    """By the symbol of the kernel."""
    messages: tuple[str, ...]
    """What its error codes mean, from 1 on; `{}` stands for the value at fault."""
