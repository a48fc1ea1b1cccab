"""Jumping over iterations changes nothing: every number is that of the full replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from steady_loops import Loop, block, loop_of, loops
from steady_programs import EXAMPLES, Jumps, add_aside, build, compiled, note_jumps, outcome, skipped

from kl.backends.sn40l.engine import KernelRun, resolve
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.fast_forward.turns import Leader
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.memory import MemoryMap
from kl.backends.sn40l.positions import position_inputs
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.units import Load


@pytest.fixture
def jumps(monkeypatch: pytest.MonkeyPatch) -> Jumps:
    """What runs jump over."""
    return note_jumps(monkeypatch)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(loops)
def test_every_number_is_that_of_the_full_replay(network: Any, jumps: Jumps, loop: Loop) -> None:
    program = build(network, loop)
    before = len(jumps)
    report = outcome(program, loop, jump=True)
    event(f"{len(jumps) - before} jumps, {'an error' if isinstance(report, str) else 'no error'}")
    assert report == outcome(program, loop, jump=False)


JUMPED = {
    "weights that keep up": loop_of(block()),
    "weights that do not": loop_of(block(), bandwidth=1),
    "weights of all iterations at once": loop_of(block(depth=100)),
    "far ahead, and never waiting": loop_of(block(depth=40, ii=30)),
    "a tile held for the whole call": loop_of(block(held=-1)),
    "a cache behind a gate": loop_of(block(), cache=True, position=3),
    "a store in each iteration": loop_of(block(stored="hbm")),
    "weights whose last tile is shorter": loop_of(block(width=5), block(width=3, stored="hbm", reduced=True)),
    "weights in SRAM": loop_of(block(weights="sram"), block()),
    "collectives": loop_of(block(reduced=True), block(reduced=True)),
    "tiles on their way all the time": loop_of(
        block(), aside=1, aside_reduced=True, bandwidth=2, latency=200
    ),
    "no memory at all": loop_of(block(weights=None)),
    "collectives without memory": loop_of(block(weights=None, reduced=True)),
}


@pytest.mark.parametrize("loop", JUMPED.values(), ids=JUMPED)
def test_a_steady_loop_is_not_replayed(network: Any, jumps: Jumps, loop: Loop) -> None:
    program = build(network, loop)
    report = outcome(program, loop, jump=True)
    assert skipped(jumps) >= 40
    assert report == outcome(program, loop, jump=False)


def test_what_changes_every_other_iteration_is_a_period_of_two(network: Any, jumps: Jumps) -> None:
    # The weights' channel holds two rows, and the load comes round to it late: one iteration finds its row
    # there, the next one waits for it.
    chain = block(width=4, ii=8, latency=9, depth=8)
    loop = loop_of(chain, depth=17, bandwidth=8, latency=200)
    report = outcome(build(network, loop), loop, jump=True)
    assert [iterations for iterations, _ in jumps] == [2]
    assert report == outcome(build(network, loop), loop, jump=False)


def test_chains_that_do_not_keep_step_are_replayed(network: Any, jumps: Jumps) -> None:
    # The chain at the side is faster, and nothing holds it back: it is further ahead in each iteration.
    # When it has come to its end, the other one is alone and steady.
    loop = loop_of(block(ii=90), iterations=400, aside=20)
    report = outcome(build(network, loop), loop, jump=True)
    assert 0 < skipped(jumps) < 300
    assert report == outcome(build(network, loop), loop, jump=False)


def test_a_stream_that_is_half_through_its_one_pass_is_waited_for(network: Any, jumps: Jumps) -> None:
    # A load that runs once brings a tile for each iteration: no state is like another one.
    loop = loop_of(block(held=1))
    report = outcome(build(network, loop), loop, jump=True)
    assert jumps == []
    assert report == outcome(build(network, loop), loop, jump=False)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("layers", [None, 5])
def test_examples_take_the_cycles_of_the_full_replay(path: Path, layers: int | None, jumps: Jumps) -> None:
    program = compiled(path, layers)
    scalars = position_inputs(program, 0)
    details = layers is not None
    report = time_step(program, scalars, details=details)
    assert report == time_step(program, scalars, jump=False, details=details)
    longest = max(kernel.iterations for kernel in program.kernels)
    if longest >= 16:
        assert skipped(jumps) > longest // 2


def test_prime_extents_take_the_cycles_of_the_full_replay(jumps: Jumps) -> None:
    path = next(path for path in EXAMPLES if path.stem == "llama3_tiny")
    program = compiled(path, 40, context=97, ffn=347, vocab=1009)
    layers = max(program.kernels, key=lambda kernel: kernel.iterations)
    assert any(isinstance(unit, Load) and unit.pattern.last for unit in layers.units)
    scalars = position_inputs(program, 96)
    report = time_step(program, scalars, details=True)
    assert report == time_step(program, scalars, jump=False, details=True)
    assert skipped(jumps) > 20


def test_data_is_never_jumped_over(decoder: Any, decoder_data: Any, jumps: Jumps) -> None:
    weights, inputs = decoder_data
    Executor(decoder(), weights).step(inputs)
    assert jumps == []


def kernel_run(program: Program) -> KernelRun:
    """The run of the program's only kernel, at its beginning."""
    memory = MemoryMap(program)
    memory.begin_step({})
    addresses = tuple(region.address for region in program.regions)
    return KernelRun(resolve(program.kernels[0], addresses, memory), program.machine, memory)


def test_an_iteration_begins_with_the_first_carry_else_the_first_stage(network: Any) -> None:
    (leader,) = Leader.all_of(kernel_run(build(network, loop_of(block()))))
    assert str(leader.run) == "carry 'carry'"
    net = network(3)
    add_aside(net, loop_of(block(), iterations=3, aside=4))
    (leader,) = Leader.all_of(kernel_run(net.program()))
    assert str(leader.run) == "stage 'aside'"
    once = network(1)
    add_aside(once, loop_of(block(), iterations=1, aside=4))
    assert Leader.all_of(kernel_run(once.program())) == []


def test_an_error_after_a_jump_is_that_of_the_full_replay(network: Any, jumps: Jumps) -> None:
    # The tile that is held for the whole call is loaded twice, and nobody takes the second one.
    loop = loop_of(block(held=-1))
    program = build(network, loop)
    (kernel,) = program.kernels
    units, channels = list(kernel.units), list(kernel.channels)
    at, load = next((i, unit) for i, unit in enumerate(units) if unit.name == "load held0")
    assert isinstance(load, Load)
    units[at] = replace(load, pattern=replace(load.pattern, tiles=2, tile_stride=0))
    (channel,) = load.channels
    channels[channel] = replace(channels[channel], depth=2)
    kernel = replace(kernel, units=tuple(units), channels=tuple(channels))
    program = replace(program, kernels=(kernel,))
    message = outcome(program, loop, jump=True)
    assert skipped(jumps) >= 80
    assert "unread tokens" in message
    assert message == outcome(program, loop, jump=False)
