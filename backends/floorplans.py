"""Where a program lies on a chip: plain data for pictures and scripts."""

from __future__ import annotations

from dataclasses import dataclass

Place = tuple[int, int]
"""Column and row of a cell, counted over all dies from the left, and from the top."""


@dataclass(frozen=True)
class PlacedStage:
    """A stage and the compute units that it has."""

    name: str
    """Unique within its kernel; made of its operation and what it reads."""
    location: str
    """The line of the model that it comes from, `file:line:column`; empty where none is known."""
    cells: tuple[Place, ...]


@dataclass(frozen=True)
class PlacedChannel:
    """A channel and the memory units that hold it."""

    name: str
    stages: tuple[str, ...]
    """The stages that read it, by name."""
    depth: int
    """Tiles that it holds."""
    tile_bytes: int
    cells: tuple[Place, ...]
    resident: bool = False
    """Whether it holds weights from call to call."""


@dataclass(frozen=True)
class LinkLoad:
    """A link between two neighbours, in one direction, and what it carries."""

    start: Place
    end: Place
    bytes_per_cycle: float
    """What the pass that routes has counted and checked."""


@dataclass(frozen=True)
class KernelPlan:
    """What lies where while a kernel runs."""

    kernel: str
    stages: tuple[PlacedStage, ...]
    channels: tuple[PlacedChannel, ...]
    links: tuple[LinkLoad, ...]


@dataclass(frozen=True)
class Floorplan:
    """A chip and the kernels on it; all sockets are alike."""

    dies: int
    columns: int
    """Of each die."""
    rows: int
    link_bytes_per_cycle: float
    """What a link can carry."""
    kernels: tuple[KernelPlan, ...]
    source: str
    """Where the dimensions come from, or that they are assumed."""
