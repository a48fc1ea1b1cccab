"""No context, width or vocabulary is a cliff: it takes no longer than a larger one, and no prime does."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from steady_programs import compiled

from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import position_inputs, timed_position

EXAMPLES = Path(__file__).parents[2] / "examples"

PER_CENT = 3
"""A smaller extent may take so much longer: tiles are counted in whole ones, memory moves whole requests."""

PRIMES = [
    prime for prime in range(2, 5000) if all(prime % number for number in range(2, int(prime**0.5) + 1))
]

EXTENTS = {"context": 5000, "ffn": 5000, "vocab": 20000}
"""The largest extent of each parameter."""


@cache
def cycles(example: str, parameter: str, extent: int) -> int:
    """What a step of an example takes that has two layers, in cycles."""
    program = compiled(EXAMPLES / f"{example}.kl", 2, **{parameter: extent})
    return time_step(program, position_inputs(program, timed_position(program, None))).cycles


@settings(max_examples=3, deadline=None, phases=[Phase.generate])  # each takes seconds
@given(st.data())
@pytest.mark.parametrize("parameter", EXTENTS)
@pytest.mark.parametrize("example", ["llama3_tiny", "llama3_2_1b"])
def test_an_extent_takes_no_longer_than_a_larger_one(
    example: str, parameter: str, data: st.DataObject
) -> None:
    any_extent = st.one_of(st.integers(1, EXTENTS[parameter]), st.sampled_from(PRIMES))
    smaller, larger = sorted((data.draw(any_extent), data.draw(any_extent)))
    taken, allowed = (cycles(example, parameter, extent) for extent in (smaller, larger))
    assert 100 * taken <= (100 + PER_CENT) * allowed


@pytest.mark.parametrize("example", ["llama3_tiny", "llama3_2_1b"])
@pytest.mark.parametrize("prime", [97, 4099])
def test_a_prime_takes_what_its_neighbours_do(example: str, prime: int) -> None:
    below, here, above = (cycles(example, "context", prime + distance) for distance in (-1, 0, 1))
    assert 100 * abs(here - below) <= PER_CENT * here
    assert 100 * abs(here - above) <= PER_CENT * here


def test_tiles_of_streams_that_fill_a_fifo_do_not_wait_for_memory_one_by_one() -> None:
    small, large = (cycles("llama3_tiny", "context", extent) for extent in (31, 811))
    assert 100 * small <= (100 + PER_CENT) * large
