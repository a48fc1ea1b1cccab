"""The facts of a step on a machine that runs one kernel after another; plain data without xDSL and numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...dialects.vocabulary import Exchange as ExchangeKind


@dataclass(frozen=True)
class Product:
    """A product of matrices."""

    element_type: str
    """At the peak of which it runs: `bf16` (FP16, too), `f32`, `fp8`, `fp4`."""
    rows: int
    flops: int


@dataclass(frozen=True)
class CacheRead:
    """Attention over a cache: of all positions that it holds; a step reads those up to its own."""

    positions: int
    """That the cache has room for; a ring's are its window."""
    bytes: int
    product: Product


@dataclass(frozen=True)
class Exchange:
    """A collective of all sockets."""

    kind: ExchangeKind
    bytes: int
    """That each socket brings."""


@dataclass(frozen=True)
class Phase:
    """What a kernel does between two points at which all of a processor waits."""

    name: str
    weight_bytes: float = 0
    value_bytes: float = 0
    """Of values and rows of caches that it reads and writes in memory."""
    element_flops: int = 0
    """Elementwise work, sums, and what else is no product of matrices."""
    products: tuple[Product, ...] = ()
    cache_reads: tuple[CacheRead, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    quantised: int = 0
    """Kernels that quantise the rows of its products, before it."""


@dataclass(frozen=True)
class Kernel:
    """What one call runs: phases, each so many times."""

    name: str
    phases: tuple[tuple[Phase, int], ...]

    @property
    def barriers(self) -> int:
        """Points within it at which all of the processor waits."""
        return sum(times for _, times in self.phases) - 1

    @property
    def is_persistent(self) -> bool:
        """Whether it goes on behind such a point."""
        return self.barriers > 0


@dataclass(frozen=True)
class StepWork:
    """All calls of a step, as facts that depend on no machine but on the number of its sockets."""

    name: str
    sockets: int
    kernels: tuple[Kernel, ...]
    calls: tuple[int, ...]
    """In order, the number of the kernel that is called."""
    context: int = 0
    """Positions that the largest cache has room for; 0 without a cache."""
    tokens: int = 1
    memory_bytes: int = 0
    """Weights and caches of a socket."""

    @property
    def counts(self) -> Iterator[tuple[Kernel, int]]:
        """Each kernel, and how often it is called."""
        return ((kernel, self.calls.count(number)) for number, kernel in enumerate(self.kernels))
