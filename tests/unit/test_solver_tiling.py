"""Tiles per stage: what is made of what, on chosen cases and on random chains with carried values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kl.dialects.cuts import cuts_fit
from kl.passes.tiling.solver import (
    WINDOW,
    Bursts,
    Source,
    TiledStage,
    choose_tiles,
    common_tile,
    divisors,
    least_count,
    possible_counts,
    tile_count,
)


def test_divisors_are_sorted_and_complete() -> None:
    assert divisors(1) == [1]
    assert divisors(36) == [1, 2, 3, 4, 6, 9, 12, 18, 36]
    assert divisors(13) == [1, 13]
    assert divisors(2**63 - 1)[:4] == [1, 7, 49, 73]
    for number in range(1, 400):
        assert divisors(number) == [one for one in range(1, number + 1) if number % one == 0]


def test_an_extent_that_is_no_multiple_can_only_stay_whole() -> None:
    assert possible_counts(12, 4) == [1, 3]
    assert possible_counts(12, 5) == [1]


def test_the_fewest_tiles_below_the_limit_but_no_fewer_than_the_least() -> None:
    # 64 indices of 10 bytes: 4 tiles are of 160 bytes.
    assert tile_count(64, 10, 160, least=1) == 4
    assert tile_count(64, 10, 160, least=8) == 8
    assert tile_count(64, 10, 160, least=5) == 8
    # There are no 8 tiles of 7 indices, and no smaller ones than 7.
    assert tile_count(7, 10, 1000, least=8) == 7
    assert tile_count(7, 10, 5, least=1) == 7
    # A multiple of 16 leaves 4 tiles at most.
    assert tile_count(64, 10, 1, least=1, multiple=16) == 4


def test_neighbours_fill_requests_of_the_memory() -> None:
    # 32 elements of 2 bytes are a request of 64. 30 of them waste a fifteenth of it, 125 a fortieth of four.
    assert Bursts(4096, 2, 64).run == 32
    assert Bursts(60, 2, 64).run == 60
    assert Bursts(125 * 127, 2, 64).run == 127
    assert Bursts(13, 2, 64).run == 13
    assert Bursts(13, 8, 8).run == 1


def test_whole_requests_are_a_step_where_the_rest_costs_little() -> None:
    assert Bursts(4099, 2, 64).step == 32
    assert Bursts(4099, 4, 64).step == 16
    assert Bursts(13, 8, 8).step == 1
    # 325 x 2 bytes are 10.2 requests, moved as 11: less than a tenth more. 33 x 2 are moved as 2, not as 66.
    assert Bursts(325, 2, 64).step == 32
    assert Bursts(33, 2, 64).step is None


@given(st.integers(1, 3000), st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 32, 64, 128]))
def test_runs_waste_as_little_as_is_asked_for_where_that_is_possible(
    extent: int, size: int, request: int
) -> None:
    def waste(run: int) -> float:
        return -(-run * size // request) * request / (run * size) - 1

    bursts = Bursts(extent, size, request)
    parts = divisors(extent)[:-1]
    fine = [part for part in parts if waste(part) <= 0.02 + 1e-12]
    assert bursts.run == (fine[0] if fine else extent)
    if bursts.step is not None:
        assert waste(bursts.step) == 0
        assert waste(extent) <= 0.1 + 1e-12


def test_a_follower_fires_once_per_tile_that_its_producers_share() -> None:
    stages = [
        TiledStage(24, streamed_bytes=100),
        TiledStage(24, streamed_bytes=300),
        TiledStage(24, sources=(Source(0), Source(1))),
        TiledStage(24, sources=()),
    ]
    # 24 x 100 / 600 = 4 tiles, 24 x 300 / 600 = 12; they share 4. Who follows nobody stays whole.
    assert choose_tiles(stages, limit_bytes=600, least=1) == (6, 2, 6, 24)


def test_a_stream_goes_together_with_all_its_producers() -> None:
    # 12 tiles of its own would go together with 2 but not with 9; the next that go with both are 18.
    stages = [
        TiledStage(36, streamed_bytes=2),
        TiledStage(36, streamed_bytes=9),
        TiledStage(36, streamed_bytes=12, sources=(Source(0), Source(1))),
    ]
    assert choose_tiles(stages, limit_bytes=36, least=1) == (18, 4, 2)


def test_a_reader_of_a_carried_value_learns_its_tiles_from_the_maker() -> None:
    # Around the loop: 0 reads along the axis what 2 makes. 2 could follow 1's 8 tiles, and then 0 does.
    stages = [
        TiledStage(32, carried=(2,)),
        TiledStage(32, streamed_bytes=100),
        TiledStage(32, sources=(Source(1),)),
    ]
    assert choose_tiles(stages, limit_bytes=400, least=1) == (4, 4, 4)


def test_counts_are_found_again_until_they_agree_around_a_loop() -> None:
    # Possible are 1, 2, 4 tiles of stage 0 and 1, 2, 3, 6 of the others; they want 4, 3 and 3. In turn:
    # 4, then 2 that go with 4, then 6 that go with 2; 2 that go with 6, then 6, then 3;
    # 1 that goes with 3, then 3, then 3, as before.
    stages = [
        TiledStage(12, streamed_bytes=3, multiple=3, carried=(2,), step=3),
        TiledStage(12, streamed_bytes=3, multiple=2, sources=(Source(0),), step=2),
        TiledStage(12, streamed_bytes=3, multiple=2, sources=(Source(1),), step=2),
    ]
    assert choose_tiles(stages, limit_bytes=12, least=1) == (12, 4, 4)


def test_the_last_tile_of_a_prime_extent_hangs_over() -> None:
    # 8 tiles of 513, the last of which has 508; in steps of 32 they are 544, and 291 are left.
    assert choose_tiles([TiledStage(4099, streamed_bytes=1)], limit_bytes=4096, least=8) == (513,)
    stage = TiledStage(4099, streamed_bytes=1, multiple=4099, step=32)
    assert choose_tiles([stage], limit_bytes=4096, least=8) == (544,)
    # The limit holds: 4099 / 520 are 8 tiles, too large in steps of 32. So there are 9.
    assert choose_tiles([stage], limit_bytes=520, least=8) == (480,)
    # Where the last may not hang over, it is 4099 tiles, or one.
    stage = TiledStage(4099, streamed_bytes=1, step=None)
    assert choose_tiles([stage], limit_bytes=4096, least=8) == (1,)


def test_tiles_divide_where_about_as_many_do_as_are_wanted() -> None:
    # 14 tiles are less than twice 8, 17 more.
    for extent, tile in ((14 * 127, 127), (17 * 127, 270)):
        assert choose_tiles([TiledStage(extent, streamed_bytes=1)], limit_bytes=4096, least=8) == (tile,)


def test_stages_that_hang_together_have_one_tile() -> None:
    # Alone, 0 would have 8 tiles of 513, 1 41 of 100. The heads of 2 have 64 indices, more than a tile: it
    # gathers all. 3 follows both, and 4 streams what it adds.
    stages = [
        TiledStage(4099, streamed_bytes=1),
        TiledStage(4099, streamed_bytes=10),
        TiledStage(4099, sources=(Source(0), Source(1))),
        TiledStage(4099, streamed_bytes=1, sources=(Source(2),)),
        TiledStage(4099, streamed_bytes=1),
    ]
    assert choose_tiles(stages, limit_bytes=1000, least=8) == (100, 100, 100, 100, 513)


def test_a_common_tile_has_whole_heads_where_they_are_not_too_large() -> None:
    stream = TiledStage(17 * 64, streamed_bytes=1, multiple=32, step=32)
    assert common_tile([stream, TiledStage(17 * 64, multiple=64, step=64)], 4096, 8) == 192
    assert common_tile([stream, TiledStage(17 * 64, multiple=544, step=544)], 4096, 8) == 160


@st.composite
def chains(draw: st.DrawFn) -> list[TiledStage]:
    """Stages of one extent that read earlier ones along it, and any through carried values."""
    count, extent = draw(st.integers(1, 7)), draw(st.sampled_from([360, 360, 359, 361, 22 * 17, 1021]))
    cut = [draw(st.integers(0, 4)) > 0 for _ in range(count)]
    stages: list[TiledStage] = []
    for number in range(count):
        if not cut[number]:
            stages.append(TiledStage())
            continue
        earlier = [other for other in range(number) if cut[other]]
        makers = [other for other in range(count) if cut[other]]
        rule = draw(st.sampled_from([1, 1, 2, 12, 45]))
        run = draw(st.sampled_from([rule, rule, extent]))
        step = None if extent % rule else draw(st.sampled_from([rule, rule, 8 * rule, None]))
        slots = draw(st.sampled_from([1, 1, 2, 3, 8])) if extent == 360 else 1
        stages.append(
            TiledStage(
                extent,
                draw(st.sampled_from([0, 1, 3, 8, 100])),
                run,
                tuple(map(Source, sorted(draw(st.sets(st.sampled_from(earlier), max_size=3)))))
                if earlier
                else (),
                tuple(sorted(draw(st.sets(st.sampled_from(makers), max_size=2)))),
                step=step if slots == 1 else None,
                slots=slots,
            )
        )
    return stages


@given(chains(), st.integers(1, 4000), st.integers(1, 16))
def test_tiles_fit_their_stages_and_each_other(stages: list[TiledStage], limit: int, least: int) -> None:
    tiles = choose_tiles(stages, limit, least)
    for stage, tile in zip(stages, tiles, strict=True):
        assert 0 < tile <= stage.extent
        divides = stage.extent // stage.slots % tile == 0 and tile % stage.multiple == 0
        hangs_over = stage.step is not None and tile % stage.step == 0
        assert tile == stage.extent or divides or hangs_over
        for other in (*(source.stage for source in stage.sources), *stage.carried):
            assert cuts_fit(stage.extent, tile, tiles[other])


@given(
    st.integers(1, 50),
    st.sampled_from([1, 2, 3, 8, 12]),
    st.sampled_from([1, 5, 6, 8]),
    st.sampled_from([0, 1, 7]),
    st.tuples(st.integers(1, 12), st.integers(1, 500), st.integers(1, 16)),
)
def test_heads_are_made_of_columns_and_columns_of_heads(
    heads: int, inner: int, outer: int, streamed: int, limits: tuple[int, int, int]
) -> None:
    """Columns, then a product of each head, then columns of that: tiles make one another, in elements."""
    bytes_per_column, limit, least = limits
    stages = [
        TiledStage(heads * inner, bytes_per_column),
        TiledStage(heads, streamed, sources=(Source(0, 1, inner),)),
        TiledStage(heads * outer, sources=(Source(1, outer, 1),)),
    ]
    columns, some, behind = choose_tiles(stages, limit, least)
    assert cuts_fit(heads * inner, columns, some * inner)
    assert cuts_fit(heads * outer, some * outer, behind)


@given(st.integers(1, 20), st.integers(1, 40), st.integers(1, 40))
def test_tiles_that_fit_make_one_another(extent: int, one: int, other: int) -> None:
    """By indices: each larger tile is of as many smaller ones, in which the last one does not run short."""
    if max(one, other) > extent:
        return
    small, large = sorted((one, other))
    parts = [range(begin, min(begin + large, extent)) for begin in range(0, extent, large)]
    groups = [[*range(begin, begin + large, small)] for begin in range(0, extent, large)]
    made = [begin for group in groups for begin in group]
    alike = made == [*range(0, extent, small)] and all(len(group) * small == large for group in groups)
    assert cuts_fit(extent, one, other) == (alike or len(parts) == 1)


@given(st.integers(1, 100_000), st.integers(1, 100), st.integers(1, 10_000), st.integers(1, 16))
def test_no_extent_is_a_cliff(extent: int, bytes_per_index: int, limit: int, least: int) -> None:
    stage = TiledStage(extent, bytes_per_index)
    (tile,) = choose_tiles([stage], limit, least)
    wanted, count = least_count([stage], limit, least), -(-extent // tile)
    assert wanted / 2 <= count <= WINDOW * wanted
    assert tile * bytes_per_index <= max(limit, bytes_per_index)


@given(
    st.integers(1, 100_000),
    st.integers(1, 100),
    st.integers(1, 10_000),
    st.integers(1, 16),
    st.integers(1, 64),
)
def test_a_common_tile_keeps_the_limit_where_its_step_does(
    extent: int, bytes_per_index: int, limit: int, least: int, step: int
) -> None:
    tile = common_tile([TiledStage(extent, bytes_per_index, multiple=step, step=step)], limit, least)
    assert tile == extent or tile % step == 0
    assert tile * bytes_per_index <= max(limit, step * bytes_per_index)


@given(st.integers(1, 12), st.integers(1, 60), st.integers(1, 8))
def test_tiles_of_slots_are_those_that_cross_no_end(slots: int, slot: int, multiple: int) -> None:
    """By indices: a tile that is not whole begins and ends in one slot, and all are as large."""
    extent = slots * slot

    def crosses(tile: int) -> bool:
        ends = (range(begin, begin + tile) for begin in range(0, extent, tile))
        return extent % tile > 0 or any(part[0] // slot != part[-1] // slot for part in ends)

    cuts = [tile for tile in range(1, extent) if not crosses(tile) and tile % multiple == 0]
    assert possible_counts(extent, multiple, slots) == [extent // tile for tile in (extent, *cuts[::-1])]


def test_a_tile_has_part_of_a_slot_or_all_of_one() -> None:
    # 4 slots of 24 indices: 8 tiles are of 12; 6 would be of 16, which cross the end of a slot.
    stage = TiledStage(96, streamed_bytes=10, slots=4, step=None)
    assert choose_tiles([stage], limit_bytes=1000, least=8) == (12,)
    assert choose_tiles([stage], limit_bytes=160, least=6) == (12,)
    assert choose_tiles([stage], limit_bytes=240, least=1) == (24,)
    assert choose_tiles([stage], limit_bytes=960, least=1) == (96,)
    # A tile of 16 would go with the maker's, and crosses the end of a slot.
    maker, reader = (
        TiledStage(96, streamed_bytes=10),
        TiledStage(96, streamed_bytes=5, sources=(Source(0),), slots=4, step=None),
    )
    assert choose_tiles([maker, reader], limit_bytes=160, least=1) == (16, 8)
    # Who follows has what it is given; who has slots of its own has a tile that goes with both.
    follower = TiledStage(96, sources=(Source(0),))
    other = TiledStage(96, streamed_bytes=10, sources=(Source(1),), slots=6, step=None)
    assert choose_tiles([stage, follower, other], limit_bytes=240, least=1) == (24, 24, 8)


@given(st.integers(1, 400), st.integers(1, 100), st.integers(1, 4000), st.integers(1, 16), st.integers(1, 8))
def test_a_tile_is_no_larger_than_the_limit_where_that_is_possible(
    extent: int, bytes_per_index: int, limit: int, least: int, multiple: int
) -> None:
    count = tile_count(extent, bytes_per_index, limit, least, multiple)
    possible = possible_counts(extent, multiple)
    assert count in possible
    assert count >= min(least, possible[-1])
    if extent // possible[-1] * bytes_per_index <= limit:
        assert extent // count * bytes_per_index <= limit
