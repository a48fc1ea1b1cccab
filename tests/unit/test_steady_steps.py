"""Jumping changes nothing in calls of several decode steps either, over layers or over whole steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from steady_loops import Loop, block, loop_of, step_loops
from steady_programs import EXAMPLES, Jumps, build, compiled, note_jumps, outcome, skipped

from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import position_inputs
from kl.backends.targets import Choice


@pytest.fixture
def jumps(monkeypatch: pytest.MonkeyPatch) -> Jumps:
    """What runs jump over."""
    return note_jumps(monkeypatch)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(step_loops)
def test_every_number_of_several_steps_is_that_of_the_full_replay(
    network: Any, jumps: Jumps, loop: Loop
) -> None:
    program = build(network, loop)
    before = len(jumps)
    report = outcome(program, loop, jump=True)
    event(f"{len(jumps) - before} jumps, {'an error' if isinstance(report, str) else 'no error'}")
    assert report == outcome(program, loop, jump=False)


def test_the_layers_of_each_step_are_not_replayed(network: Any, jumps: Jumps) -> None:
    loop = loop_of(block(), iterations=60, steps=3)
    report = outcome(build(network, loop), loop, jump=True)
    assert [iterations * times for iterations, times in jumps] == [54, 52, 52]
    assert report == outcome(build(network, loop), loop, jump=False)


def test_whole_steps_are_not_replayed(network: Any, jumps: Jumps) -> None:
    loop = loop_of(block(), iterations=6, steps=60)
    report = outcome(build(network, loop), loop, jump=True)
    assert jumps == [(1, 57)]
    assert report == outcome(build(network, loop), loop, jump=False)


def test_a_position_in_the_next_tile_ends_what_steps_have_in_common(jumps: Jumps) -> None:
    # A tile of the cache has 16 positions: of 56 steps from position 4 on, 12, 16, 16 and 12 lie in one tile.
    path = next(path for path in EXAMPLES if path.stem == "llama3_tiny")
    program = compiled(path, 3, Choice(steps_per_call=56), context=128)
    scalars = position_inputs(program, 4)
    report = time_step(program, scalars, details=True)
    assert len(jumps) >= 3
    assert 20 <= skipped(jumps) < 56
    assert report == time_step(program, scalars, jump=False, details=True)


@pytest.mark.parametrize("stem", ["llama3_8b", "llama3_2_1b"])
def test_steps_of_examples_take_the_cycles_of_the_full_replay(stem: str, jumps: Jumps) -> None:
    path = next(path for path in EXAMPLES if path.stem == stem)
    program = compiled(path, 5, Choice(steps_per_call=8))
    scalars = position_inputs(program, 508)  # the tiles of its caches have 512 positions
    report = time_step(program, scalars, details=True)
    assert report == time_step(program, scalars, jump=False, details=True)
    assert jumps
