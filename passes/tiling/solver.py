"""Which tiles each stage of a kernel works in: a pure solver.

A stage that streams a tensor from memory cuts it into tiles of at most a given size; a stage that only
follows others (elementwise work) fires once per tile that its producers share. Of a producer and a consumer
one's tiles make the other's, so that tiles are gathered or sliced alike (`dialects/cuts.py`).

Slices that are read by index lie in slots side by side: a tile is part of one of them, or has them all.

Tiles divide an extent where a divisor makes about as many as are wanted. Elsewhere the last one hangs over,
and stages that hang together have one tile: so no extent, prime or not, is worse than its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, lcm

from ...dialects.cuts import cuts_fit

WINDOW = 2
"""Tiles that divide an extent may be so many times as many as are wanted, more are too small. Assumed."""


@dataclass(frozen=True)
class Source:
    """An earlier stage whose result another one reads along the axis that both are cut along."""

    stage: int
    made: int = 1
    """Elements of the axis that an index of the earlier stage stands for."""
    read: int = 1
    """Those that an index of the reader stands for: a whole head, where the other one cuts anywhere."""


@dataclass(frozen=True)
class TiledStage:
    """A stage that may be cut along one axis of `extent` indices; extent 1 where it may not.

    `streamed_bytes` is the size per index of what it streams from memory (0: nothing). `multiple` divides
    tiles that divide the extent. `sources` are the earlier stages whose results it reads along this axis;
    `carried` are stages, before or behind it, whose results of the iteration before it reads along this axis.
    All of them have the same extent, in elements.
    """

    extent: int = 1
    streamed_bytes: int = 0
    multiple: int = 1
    sources: tuple[Source, ...] = ()
    carried: tuple[int, ...] = ()
    limit_bytes: int | None = None
    """The largest tile that it streams, where that is not the same for all stages."""
    step: int | None = 1
    """It divides the extent of tiles of which the last hangs over; None where none may."""
    slots: int = 1
    """The extent is so many equal slots; a tile that is not whole divides a slot."""

    def fits(self, tile: int) -> bool:
        """Whether it may be cut into tiles of an extent."""
        whole = tile >= self.extent
        return whole or self._divides(tile) or (self.step is not None and tile % self.step == 0)

    def _divides(self, tile: int) -> bool:
        return self.extent // self.slots % tile == 0 and tile % self.multiple == 0


LARGEST_FACTOR = 2**20
"""What is left of a number without smaller factors counts as a prime: no tile is that large."""


def divisors(number: int) -> list[int]:
    """All divisors of a positive number, ascending.

    Of one above the square of `LARGEST_FACTOR`, those with all or nothing of the rest that smaller factors
    leave.
    """
    found, rest, factor = [1], number, 2
    while rest > 1:
        if factor * factor > rest or factor > LARGEST_FACTOR:
            factor = rest
        powers = [1]
        while rest % factor == 0:
            rest //= factor
            powers.append(powers[-1] * factor)
        found = [one * power for power in powers for one in found]
        factor += 1
    return sorted(found)


def possible_counts(extent: int, multiple: int, slots: int = 1) -> list[int]:
    """Into how many tiles an extent of so many slots can be cut, ascending; whole is always possible."""
    slot = extent // slots
    counts = [slots * count for count in divisors(slot) if (slot // count) % multiple == 0]
    return counts if 1 in counts else [1, *counts]


@dataclass(frozen=True)
class Bursts:
    """The runs of neighbouring elements that may be read at once along an extent without waste.

    Memory moves whole requests; runs may make it move a fiftieth more than they are.
    """

    extent: int
    element_bytes: int
    request_bytes: int

    @property
    def run(self) -> int:
        """The shortest run that divides the extent; where only the whole is good, that is not to be cut."""
        runs = divisors(self.extent)
        fine = (run for run in runs if 50 * self._moved(run) <= 51 * run * self.element_bytes)
        return next(fine, self.extent)

    @property
    def step(self) -> int | None:
        """The shortest run of whole requests; None where what is left over would cost more than a tenth."""
        step = self.request_bytes // gcd(self.request_bytes, self.element_bytes)
        return step if 10 * self._moved(self.extent) <= 11 * self.extent * self.element_bytes else None

    def _moved(self, elements: int) -> int:
        return -(-elements * self.element_bytes // self.request_bytes) * self.request_bytes


def tile_count(
    extent: int, bytes_per_index: int, limit_bytes: int, least: int, multiple: int = 1, slots: int = 1
) -> int:
    """The fewest tiles, at least `least` where that many exist, that are no larger than `limit_bytes`.

    Every tile has extent / count indices, a multiple of `multiple`, in one of the `slots` or in all. Where
    even the most tiles are larger than the limit, the most tiles it is.
    """
    counts = possible_counts(extent, multiple, slots)
    for count in counts:
        if count >= min(least, counts[-1]) and extent // count * bytes_per_index <= limit_bytes:
            return count
    return counts[-1]


def even_tile(stage: TiledStage, limit_bytes: int, least: int) -> int:
    """The tile of a stage on its own, of those that divide its extent; whole where it streams nothing."""
    if not stage.streamed_bytes:
        return stage.extent
    limit = limit_bytes if stage.limit_bytes is None else stage.limit_bytes
    count = tile_count(stage.extent, stage.streamed_bytes, limit, least, stage.multiple, stage.slots)
    return stage.extent // count


def _limit(stage: TiledStage, limit_bytes: int) -> int:
    """The most indices of a tile that a stage streams; at least one."""
    limit = limit_bytes if stage.limit_bytes is None else stage.limit_bytes
    return max(1, limit // stage.streamed_bytes)


def least_count(stages: Sequence[TiledStage], limit_bytes: int, least: int) -> int:
    """How many tiles stages of one extent that stream want at least."""
    extent = stages[0].extent
    return max(min(least, extent), *(-(-extent // _limit(one, limit_bytes)) for one in stages))


def common_tile(stages: Sequence[TiledStage], limit_bytes: int, least: int) -> int:
    """A tile for stages of one extent, the last of which may hang over.

    There are at least `least`, and none is larger than the limit, as far as the steps of those that stream
    let it be; where those of the others are not too large, it is a multiple of them, too.
    """
    streams, extent = [stage for stage in stages if stage.streamed_bytes], stages[0].extent
    even = -(-extent // least_count(streams, limit_bytes, least))
    step = lcm(*(stage.step or 1 for stage in stages))
    if step > even:
        step = lcm(*(stage.step or 1 for stage in streams))
    largest = min(_limit(stage, limit_bytes) for stage in streams) // step * step
    tile = _rounded_up(even, step)
    if tile > largest > 0:
        tile = _rounded_up(-(-extent // -(-extent // largest)), step)
    return min(tile, extent)


def _rounded_up(number: int, step: int) -> int:
    return -(-number // step) * step


def _wanted(stages: Sequence[TiledStage], limit_bytes: int, least: int) -> list[int]:
    """The tile that each stage wants, not knowing those of others: one that divides, or that of its group."""
    tiles = [even_tile(stage, limit_bytes, least) for stage in stages]
    for group in _groups(stages):
        streams = [number for number in group if stages[number].streamed_bytes]
        may_hang_over = all(stages[number].step is not None for number in streams)
        if may_hang_over and any(_is_poor(stages[n], tiles[n], limit_bytes, least) for n in streams):
            tile = common_tile([stages[number] for number in group], limit_bytes, least)
            for number in group:
                tiles[number] = tile
    return tiles


def _is_poor(stage: TiledStage, tile: int, limit_bytes: int, least: int) -> bool:
    """Whether a tile that divides makes far more tiles than are wanted, or too few where others make more."""
    count, wanted = stage.extent // tile, least_count([stage], limit_bytes, least)
    if count >= wanted:
        return count > WINDOW * wanted
    return -(-stage.extent // common_tile([stage], limit_bytes, least)) > count


def _groups(stages: Sequence[TiledStage]) -> list[list[int]]:
    """The stages that read one another's results, by number; one that reads none is alone."""
    group = list(range(len(stages)))
    for number, stage in enumerate(stages):
        alike = (source.stage for source in stage.sources if source.made == source.read)
        for other in (*alike, *stage.carried):
            old, new = group[number], group[other]
            group = [new if one == old else one for one in group]
    return [[n for n, one in enumerate(group) if one == name] for name in dict.fromkeys(group)]


def choose_tiles(stages: Sequence[TiledStage], limit_bytes: int, least: int) -> tuple[int, ...]:
    """The extent of each stage's tiles, so that of every producer and consumer one's make the other's.

    What a stage makes for the next iteration is known only at the end, so the tiles are found again with
    it until they agree. From pass to pass a maker's tiles are made of the ones before, so this ends.
    """
    wanted = _wanted(stages, limit_bytes, least)
    makers = {maker for stage in stages for maker in stage.carried}
    made: dict[int, int] = {}
    while True:
        tiles: list[int] = []
        for number, stage in enumerate(stages):
            partners = [(tiles[source.stage] * source.made, source.read) for source in stage.sources]
            partners += [(made[maker], 1) for maker in stage.carried if maker in made]
            tiles.append(_choose(stage, wanted[number], partners, made.get(number)))
        found = {maker: tiles[maker] for maker in makers}
        if found == made:
            return tuple(tiles)
        made = found


def _choose(stage: TiledStage, wanted: int, partners: Sequence[tuple[int, int]], made: int | None) -> int:
    """The tile of one stage that goes together with those of its partners and is made of the one before.

    Of each partner there are the elements of its tile, and those of an index of this stage.
    """
    extent = stage.extent
    even = (extent // count for count in possible_counts(extent, stage.multiple, stage.slots))
    others = (-(-tile // unit) for tile, unit in partners)
    known = (tile for tile in (wanted, *others) if stage.fits(tile))
    fitting = [
        tile
        for tile in sorted({*even, *known}, reverse=True)
        if (made is None or (tile >= made and cuts_fit(extent, tile, made)))
        and all(cuts_fit(extent * unit, tile * unit, other) for other, unit in partners)
    ]
    if stage.streamed_bytes:
        return next((tile for tile in fitting if tile <= wanted), fitting[-1])
    indices = (-(-other // unit) for other, unit in partners if other < extent * unit)
    coarsest = max(indices, default=extent)
    return min(tile for tile in fitting if tile >= coarsest)
