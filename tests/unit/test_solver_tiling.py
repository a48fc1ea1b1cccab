"""Tiles per stage: what divides what, on chosen cases and on random chains with carried values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kl.passes.tiling.solver import (
    TiledStage,
    burst_multiple,
    choose_tiles,
    divisors,
    possible_counts,
    tile_count,
)


def test_divisors_are_sorted_and_complete() -> None:
    assert divisors(1) == [1]
    assert divisors(36) == [1, 2, 3, 4, 6, 9, 12, 18, 36]
    assert divisors(13) == [1, 13]


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
    # 32 elements of 2 bytes are a request of 64. 30 of them waste less than a tenth of it; 24 waste more.
    assert burst_multiple(4096, 2, 64) == 32
    assert burst_multiple(60, 2, 64) == 30
    assert burst_multiple(48, 2, 64) == 48
    assert burst_multiple(13, 2, 64) == 13
    assert burst_multiple(13, 8, 8) == 1


@given(st.integers(1, 3000), st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 32, 64, 128]))
def test_runs_waste_as_little_as_is_asked_for_where_that_is_possible(
    extent: int, size: int, request: int
) -> None:
    def waste(run: int) -> float:
        return -(-run * size // request) * request / (run * size) - 1

    run = burst_multiple(extent, size, request)
    assert extent % run == 0
    parts = divisors(extent)[:-1]
    fine = [part for limit in (0.02, 0.1) for part in parts if waste(part) <= limit + 1e-12]
    assert run == (fine[0] if fine else extent)


def test_a_follower_fires_once_per_tile_that_its_producers_share() -> None:
    stages = [
        TiledStage(24, streamed_bytes=100),
        TiledStage(24, streamed_bytes=300),
        TiledStage(24, sources=(0, 1)),
        TiledStage(24, sources=()),
    ]
    # 24 x 100 / 600 = 4 tiles, 24 x 300 / 600 = 12; they share 4. Who follows nobody stays whole.
    assert choose_tiles(stages, limit_bytes=600, least=1) == (4, 12, 4, 1)


def test_a_stream_goes_together_with_all_its_producers() -> None:
    # 12 tiles of its own would go together with 2 but not with 9; the next that go with both are 18.
    stages = [
        TiledStage(36, streamed_bytes=2),
        TiledStage(36, streamed_bytes=9),
        TiledStage(36, streamed_bytes=12, sources=(0, 1)),
    ]
    assert choose_tiles(stages, limit_bytes=36, least=1) == (2, 9, 18)


def test_a_reader_of_a_carried_value_learns_its_tiles_from_the_maker() -> None:
    # Around the loop: 0 reads along the axis what 2 makes. 2 could follow 1's 8 tiles, and then 0 does.
    stages = [
        TiledStage(32, carried=(2,)),
        TiledStage(32, streamed_bytes=100),
        TiledStage(32, sources=(1,)),
    ]
    assert choose_tiles(stages, limit_bytes=400, least=1) == (8, 8, 8)


def test_counts_are_found_again_until_they_agree_around_a_loop() -> None:
    # Possible are 1, 2, 4 tiles of stage 0 and 1, 2, 3, 6 of the others; they want 4, 3 and 3. In turn:
    # 4, then 2 that go with 4, then 6 that go with 2; 2 that go with 6, then 6, then 3;
    # 1 that goes with 3, then 3, then 3, as before.
    stages = [
        TiledStage(12, streamed_bytes=3, multiple=3, carried=(2,)),
        TiledStage(12, streamed_bytes=3, multiple=2, sources=(0,)),
        TiledStage(12, streamed_bytes=3, multiple=2, sources=(1,)),
    ]
    assert choose_tiles(stages, limit_bytes=12, least=1) == (1, 3, 3)


EXTENT = 360


@st.composite
def chains(draw: st.DrawFn) -> list[TiledStage]:
    """Stages of one extent that read earlier ones along it, and any through carried values."""
    count = draw(st.integers(1, 7))
    stages: list[TiledStage] = []
    for number in range(count):
        if draw(st.integers(0, 4)) == 0:
            stages.append(TiledStage())
            continue
        earlier = st.sets(st.integers(0, number - 1), max_size=3) if number else st.just(set[int]())
        stages.append(
            TiledStage(
                EXTENT,
                draw(st.sampled_from([0, 1, 3, 8, 100])),
                draw(st.sampled_from([1, 1, 2, 12, 45])),
                tuple(sorted(draw(earlier))),
                tuple(sorted(draw(st.sets(st.integers(0, count - 1), max_size=2)))),
            )
        )
    return stages


@given(chains(), st.integers(1, 4000), st.integers(1, 16))
def test_counts_divide_extents_and_each_other(stages: list[TiledStage], limit: int, least: int) -> None:
    counts = choose_tiles(stages, limit, least)
    for stage, count in zip(stages, counts, strict=True):
        assert stage.extent % count == 0
        assert count == 1 or (stage.extent // count) % stage.multiple == 0
        for other in (*stage.sources, *stage.carried):
            assert count % counts[other] == 0 or counts[other] % count == 0


@given(chains(), st.integers(1, 4000), st.integers(1, 16))
def test_a_stream_without_partners_keeps_the_limit(stages: list[TiledStage], limit: int, least: int) -> None:
    makers = {maker for stage in stages for maker in stage.carried}
    counts = choose_tiles(stages, limit, least)
    for number, (stage, count) in enumerate(zip(stages, counts, strict=True)):
        free = not stage.sources and not stage.carried and number not in makers
        if not free or not stage.streamed_bytes:
            continue
        possible = possible_counts(stage.extent, stage.multiple)
        small = [c for c in possible if stage.extent // c * stage.streamed_bytes <= limit and c >= least]
        assert count == (small[0] if small else possible[-1])


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
