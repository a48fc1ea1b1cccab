"""How many tiles each stage of a kernel works in: a pure solver.

A stage that streams a tensor from memory cuts it into tiles of at most a given size; a stage that only
follows others (elementwise work) fires once per tile that its producers share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd


@dataclass(frozen=True)
class TiledStage:
    """A stage that may be cut along one axis of `extent` indices; extent 1 where it may not.

    `streamed_bytes` is the size per index of what it streams from memory (0: nothing). `multiple` divides
    every tile's extent. `sources` are the earlier stages whose results it reads along this axis;
    `carried` says that it reads the loop-carried value along it.
    """

    extent: int = 1
    streamed_bytes: int = 0
    multiple: int = 1
    sources: tuple[int, ...] = ()
    carried: bool = False


def divisors(number: int) -> list[int]:
    """All divisors of a positive number, ascending."""
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def tile_count(extent: int, bytes_per_index: int, limit_bytes: int, least: int, multiple: int = 1) -> int:
    """The fewest tiles, at least `least` where that many exist, that are no larger than `limit_bytes`.

    Every tile has extent / count indices, a multiple of `multiple`. Where even the most tiles are larger
    than the limit, the most tiles it is.
    """
    counts = [count for count in divisors(extent) if (extent // count) % multiple == 0] or [1]
    for count in counts:
        if count >= min(least, counts[-1]) and extent // count * bytes_per_index <= limit_bytes:
            return count
    return counts[-1]


def _shared_tiles(stage: TiledStage, counts: Sequence[int], carried_tiles: int | None) -> int:
    """Tiles of a stage that follows its producers: what the cut ones have in common, 1 if none is cut."""
    given = [counts[source] for source in stage.sources if counts[source] > 1]
    if stage.carried and carried_tiles is not None and carried_tiles > 1:
        given.append(carried_tiles)
    shared = gcd(*given) if given else 1
    return max(
        count
        for count in divisors(shared)
        if (stage.extent % count == 0 and (stage.extent // count) % stage.multiple == 0) or count == 1
    )


def _compatible(count: int, other: int) -> int:
    """`count`, or the largest number of tiles that both sides can divide."""
    return count if count % other == 0 or other % count == 0 else gcd(count, other)


def _one_pass(
    stages: Sequence[TiledStage], limit_bytes: int, least: int, carried_tiles: int | None
) -> list[int]:
    counts: list[int] = []
    for stage in stages:
        if stage.extent == 1:
            counts.append(1)
            continue
        if stage.streamed_bytes:
            count = tile_count(stage.extent, stage.streamed_bytes, limit_bytes, least, stage.multiple)
        else:
            count = _shared_tiles(stage, counts, carried_tiles)
        for source in stage.sources:
            count = _compatible(count, counts[source])
        if stage.carried and carried_tiles is not None:
            count = _compatible(count, carried_tiles)
        counts.append(count)
    return counts


def choose_tiles(
    stages: Sequence[TiledStage], limit_bytes: int, least: int, carried_from: int | None = None
) -> tuple[int, ...]:
    """Tiles per stage, so that of every producer and consumer one count divides the other.

    `carried_from` is the stage that makes the loop-carried value: its tiles come back as the carried
    value's, so the counts are found again until they agree.
    """
    carried_tiles: int | None = None
    while True:
        counts = _one_pass(stages, limit_bytes, least, carried_tiles)
        found = counts[carried_from] if carried_from is not None else None
        if found == carried_tiles:
            return tuple(counts)
        carried_tiles = found if carried_tiles is None or found is None else gcd(found, carried_tiles)
