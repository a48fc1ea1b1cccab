"""How many tiles each stage of a kernel works in: a pure solver.

A stage that streams a tensor from memory cuts it into tiles of at most a given size; a stage that only
follows others (elementwise work) fires once per tile that its producers share. Of a producer and a consumer
one count divides the other, so that tiles are gathered or sliced evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True)
class TiledStage:
    """A stage that may be cut along one axis of `extent` indices; extent 1 where it may not.

    `streamed_bytes` is the size per index of what it streams from memory (0: nothing). `multiple` divides
    every tile's extent. `sources` are the earlier stages whose results it reads along this axis; `carried`
    are stages, before or behind it, whose results of the iteration before it reads along this axis.
    """

    extent: int = 1
    streamed_bytes: int = 0
    multiple: int = 1
    sources: tuple[int, ...] = ()
    carried: tuple[int, ...] = ()
    limit_bytes: int | None = None
    """The largest tile that it streams, where that is not the same for all stages."""


def divisors(number: int) -> list[int]:
    """All divisors of a positive number, ascending."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def possible_counts(extent: int, multiple: int) -> list[int]:
    """Into how many tiles an extent can be cut, ascending; whole is always possible."""
    return [count for count in divisors(extent) if count == 1 or (extent // count) % multiple == 0]


def burst_multiple(extent: int, element_bytes: int, request_bytes: int) -> int:
    """The fewest neighbouring elements that may be read at once without waste along an extent.

    Memory moves whole requests; a run of elements may make it move a fiftieth more than the run, or a tenth
    where only the whole extent is better. Where only the whole is as good as that, it is not to be cut.
    """

    def moved(elements: int) -> int:
        return -(-elements * element_bytes // request_bytes) * request_bytes

    runs = divisors(extent)[:-1]
    fine = (
        run for parts in (50, 10) for run in runs if parts * moved(run) <= (parts + 1) * run * element_bytes
    )
    return next(fine, extent)


def tile_count(extent: int, bytes_per_index: int, limit_bytes: int, least: int, multiple: int = 1) -> int:
    """The fewest tiles, at least `least` where that many exist, that are no larger than `limit_bytes`.

    Every tile has extent / count indices, a multiple of `multiple`. Where even the most tiles are larger
    than the limit, the most tiles it is.
    """
    counts = possible_counts(extent, multiple)
    for count in counts:
        if count >= min(least, counts[-1]) and extent // count * bytes_per_index <= limit_bytes:
            return count
    return counts[-1]


def choose_tiles(stages: Sequence[TiledStage], limit_bytes: int, least: int) -> tuple[int, ...]:
    """Tiles per stage, so that of every producer and consumer one count divides the other.

    What a stage makes for the next iteration is known only at the end, so the counts are found again with
    it until they agree. From pass to pass a maker's count divides the one before, so this ends.
    """
    makers = {maker for stage in stages for maker in stage.carried}
    made: dict[int, int] = {}
    while True:
        counts: list[int] = []
        for number, stage in enumerate(stages):
            partners = [counts[source] for source in stage.sources]
            partners += [made[maker] for maker in stage.carried if maker in made]
            counts.append(_choose(stage, partners, made.get(number), limit_bytes, least))
        found = {maker: counts[maker] for maker in makers}
        if found == made:
            return tuple(counts)
        made = found


def _choose(stage: TiledStage, partners: Sequence[int], cap: int | None, limit_bytes: int, least: int) -> int:
    """Tiles of one stage that go together with those of its partners and divide `cap`."""
    fitting = [
        count
        for count in possible_counts(stage.extent, stage.multiple)
        if (cap is None or cap % count == 0) and all(_fit(count, other) for other in partners)
    ]
    if stage.streamed_bytes:
        limit_bytes = limit_bytes if stage.limit_bytes is None else stage.limit_bytes
        wanted = tile_count(stage.extent, stage.streamed_bytes, limit_bytes, least, stage.multiple)
        return next((count for count in fitting if count >= wanted), fitting[-1])
    shared = gcd(*(other for other in partners if other > 1)) or 1
    return max(count for count in fitting if shared % count == 0)


def _fit(count: int, other: int) -> bool:
    return count % other == 0 or other % count == 0
