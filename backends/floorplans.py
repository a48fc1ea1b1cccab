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
    """What the pass that routes has counted and checked: on average, in the busiest of the kernel's turns."""


@dataclass(frozen=True)
class PortLoad:
    """What a port to memory and other sockets moves, at an end of a row of cells."""

    place: Place
    """The outer cell beside it."""
    in_bytes_per_cycle: float
    out_bytes_per_cycle: float


@dataclass(frozen=True)
class NetworkLoads:
    """What the network carries while a kernel runs; links and ports that carry nothing are left out."""

    links: tuple[LinkLoad, ...]
    ports: tuple[PortLoad, ...] = ()


@dataclass(frozen=True)
class KernelPlan:
    """What lies where while a kernel runs."""

    kernel: str
    stages: tuple[PlacedStage, ...]
    channels: tuple[PlacedChannel, ...]
    """Those with memory units of their own; and resident weights that other kernels read, without stages."""
    links: tuple[LinkLoad, ...]
    ports: tuple[PortLoad, ...] = ()


@dataclass(frozen=True)
class Floorplan:
    """A chip and the kernels on it; all sockets are alike."""

    dies: int
    columns: int
    """Of each die."""
    rows: int
    pcus: int
    """Compute units of the machine; cells behind the last of them have none."""
    pmus: int
    """Memory units of the machine."""
    link_bytes_per_cycle: float
    """What a link can carry."""
    kernels: tuple[KernelPlan, ...]
    source: str
    """Where the dimensions come from, or that they are assumed."""
