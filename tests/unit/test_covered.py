"""What a stream covers of a tensor, from its strides, against the elements that its passes really touch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from random import Random

import pytest

from kl.backends.sn40l.address import packed
from kl.backends.sn40l.covered import Covered
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.units import AddressPattern
from kl.backends.sn40l.units.covering import covered_by
from kl.backends.tensors import TensorSpec
from kl.dialects.loop_tree import Loop
from kl.dialects.tiles import last_tile
from kl.tools.kl import main

Walk = tuple[AddressPattern, TensorSpec, tuple[Loop, ...]]


def random_walk(random: Random) -> Walk:
    """A stream that covers a tensor, or slices of it in some loops."""
    shape = tuple(random.choice((1, 2, 3, 4)) for _ in range(random.choice((1, 2, 3))))
    loops = tuple(Loop(f"l{n}", random.choice((1, 2, 3))) for n in range(random.choice((0, 1, 2))))
    strides = packed(shape, 2).strides
    axis = random.randrange(len(shape))
    extent = random.randint(1, shape[axis])
    tile = (*shape[:axis], extent, *shape[axis + 1 :])
    tiles = -(-shape[axis] // extent)
    distance = extent * strides[axis] if tiles > 1 else 0
    pattern = AddressPattern(
        0, TensorSpec(tile, "bf16"), strides, tiles, distance, last=last_tile(shape, tile)
    )
    if not loops or random.random() < 0.3:
        return pattern, TensorSpec(shape, "bf16"), loops
    slices = prod(loop.count for loop in loops)
    size, inner = 2 * prod(shape), loops[-1].count
    outer = tuple(prod(loop.count for loop in loops[n + 1 :]) * size for n in range(len(loops) - 1))
    pattern = replace(pattern, pass_stride=size, outer_strides=outer)
    if random.random() < 0.3:  # the other way round
        pattern = replace(pattern, pass_stride=-size, start=(inner - 1) * size)
    return pattern, TensorSpec((slices, *shape), "bf16"), loops


def mutated(random: Random, pattern: AddressPattern) -> AddressPattern:
    """A pattern with one number changed."""
    by = random.choice((-16, -4, -2, -1, 1, 2, 4, 16))
    match random.randrange(6):
        case 0:
            return replace(pattern, start=pattern.start + by)
        case 1:
            return replace(pattern, pass_stride=pattern.pass_stride + by)
        case 2:
            return replace(pattern, tile_stride=pattern.tile_stride + by)
        case 3:
            return replace(pattern, tiles=max(1, pattern.tiles + random.choice((-1, 1))))
        case 4:
            place = random.randrange(len(pattern.strides))
            strides = [*pattern.strides]
            strides[place] = random.choice((*strides, strides[place] + by))
            return replace(pattern, strides=tuple(strides))
        case _:
            shape = [*pattern.tile.shape]
            place = random.randrange(len(shape))
            shape[place] = max(1, shape[place] + random.choice((-1, 1)))
            return replace(pattern, tile=replace(pattern.tile, shape=tuple(shape)), last=())


def elements(walk: Walk) -> Iterator[list[int]]:
    """The bytes at which elements begin, of each pass in the order of its tiles and their elements."""
    pattern, _, loops = walk
    strides = pattern.loop_strides(len(loops))
    for numbers in product(*(range(loop.count) for loop in loops)):
        begin = pattern.start + sum(n * stride for n, stride in zip(numbers, strides, strict=True))
        touched: list[int] = []
        for tile in range(pattern.tiles):
            shape = pattern.last if pattern.last and tile == pattern.tiles - 1 else pattern.tile.shape
            for index in product(*map(range, shape)):
                inside = sum(i * stride for i, stride in zip(index, pattern.strides, strict=True))
                touched.append(begin + tile * pattern.tile_stride + inside)
        yield touched


def wanted(walk: Walk, covered: Covered) -> Iterator[list[int]]:
    """The same, as the answer says it: the slices in turn, each with all of its elements."""
    _, tensor, loops = walk
    size = tensor.elements // covered.slices
    for numbers in product(*(range(loop.count) for loop in loops)):
        slice_ = covered.first + sum(n * by for n, (_, by) in zip(numbers, covered.moves, strict=True))
        yield [2 * (slice_ * size + element) for element in range(size)]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_accepted_is_what_is_touched(seed: int) -> None:
    random = Random(seed)
    refused = 0
    for _ in range(300):
        pattern, tensor, loops = random_walk(random)
        covered_by(pattern, tensor, "x", loops)
        walk = mutated(random, pattern), tensor, loops
        try:
            covered = covered_by(walk[0], tensor, "x", loops)
        except ProgramError:
            refused += 1
            continue
        for touched, all_of_it in zip(elements(walk), wanted(walk, covered), strict=True):
            assert sorted(touched) == all_of_it
            assert min(touched) >= 0
            assert max(touched) < tensor.size_bytes
    assert 100 < refused < 290


@pytest.mark.parametrize("seed", range(4))
def test_what_is_refused_touches_something_else(seed: int) -> None:
    # One pass over all of a tensor: it is refused unless it reads each element once, row by row in a tile.
    random = Random(seed)
    for _ in range(300):
        pattern, tensor, loops = random_walk(random)
        if loops:
            continue
        walk = mutated(random, pattern), tensor, loops
        (before,), (after,) = elements((pattern, tensor, loops)), elements(walk)
        try:
            covered_by(*walk[:2], "x", loops)
        except ProgramError:
            assert before != after


@pytest.mark.parametrize("seed", range(4))
def test_a_slice_is_touched_once_or_not(seed: int) -> None:
    random = Random(seed)
    for _ in range(500):
        moves = tuple((random.randint(1, 4), random.randint(-6, 6)) for _ in range(random.randint(0, 3)))
        numbers = product(*(range(count) for count, _ in moves))
        slices = [sum(n * by for n, (_, by) in zip(one, moves, strict=True)) for one in numbers]
        covered = Covered(100, 0, moves)
        assert covered.is_once == (len({*slices}) == len(slices))
        assert covered.span == (min(slices), max(slices))


def test_both_numbers_are_named() -> None:
    tensor = TensorSpec((4, 8), "bf16")
    pattern = AddressPattern(0, TensorSpec((2, 8), "bf16"), (16, 2), 2, 32)
    covered_by(pattern, tensor, "x", ())
    for change, message in (
        ({"tiles": 3}, "it has 3 tiles of 2 indices along axis 0 of 'x', a tensor<4x8xbf16>, which takes 2"),
        ({"tile_stride": 16}, "its tiles are 16 bytes apart; those that cut 'x', a tensor<4x8xbf16>, are 32"),
        ({"strides": (2, 16)}, "axis 1 of its tile, of 8 indices, has a stride of 16 bytes"),
        ({"start": 2}, "it begins at byte 2; a pass touches all of 'x'"),
        ({"last": (1, 8)}, "its last tile has (1, 8) in memory"),
        ({"tile": TensorSpec((2, 8), "f16")}, "its tile is of f16, 'x' of bf16"),
    ):
        with pytest.raises(ProgramError) as caught:
            covered_by(replace(pattern, **change), tensor, "x", ())
        assert message in str(caught.value)


@pytest.mark.parametrize("more", [["--param", "kv_heads=1"], ["--sockets", "2"]])
def test_a_cache_of_one_position_has_slices_as_long_as_it(more: list[str]):
    tiny = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")
    assert main(["run", tiny, "--check", "--param", "context=1", *more]) == 0
