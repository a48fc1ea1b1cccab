"""Which units a kernel has and what flows between them: plain data of a picture."""

from __future__ import annotations

from dataclasses import dataclass

NodeKind = str
"""`load` and `store` are streams from and to memory; all others are boxes, whatever they are called."""


@dataclass(frozen=True)
class Node:
    """A unit of a kernel; loads and stores are drawn at the units that they serve, if there are such."""

    name: str
    """Unique within the kernel."""
    kind: NodeKind
    units: int = 0
    """Compute units that it has."""
    busy: float | None = None
    """The share of the time in which it works; None where it is not known."""
    waiting: float | None = None
    """The share in which it waits for tiles, or for room."""
    location: str = ""
    """The line of the model that it comes from."""

    @property
    def is_memory(self) -> bool:
        """Whether it is a stream from or to memory."""
        return self.kind in ("load", "store")


@dataclass(frozen=True)
class Edge:
    """A channel from one unit to another, by their names."""

    start: str
    end: str
    name: str
    depth: int
    """Tiles that it holds."""
    bytes: int
    """Carried in an iteration."""
    is_back: bool = False
    """Whether it brings the next iteration what that begins with."""


@dataclass(frozen=True)
class Network:
    """A kernel, and the unit for which all others wait, if there is one."""

    kernel: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    bottleneck: str = ""

    def check(self) -> None:
        """Raises: ValueError if an edge names no unit, or two units have one name."""
        names = {node.name for node in self.nodes}
        if len(names) < len(self.nodes):
            raise ValueError(f"two units of {self.kernel} have one name")
        for edge in self.edges:
            if missing := {edge.start, edge.end} - names:
                raise ValueError(f"{edge.name} of {self.kernel} joins {min(missing)}, which is no unit")
