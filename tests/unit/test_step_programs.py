"""Kernels of several decode steps in the engine: what runs once a step, and what depends on what."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.engine import KernelRun, resolve
from kl.backends.sn40l.errors import DeadlockError, ExecutionError, HazardError, ProgramError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.kernel import Unit
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.memory import MemoryMap
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import AddressPattern, Gate, InputPort, Instruction, OutputPort
from kl.backends.sn40l.units.common import ServedRun
from kl.backends.tensors import Array, TensorSpec
from kl.dialects.loop_tree import Loop

LAYERS, CONTEXT, WIDTH = 2, 8, 4
ROW = TensorSpec((1, WIDTH), "f32")


def add(*operands: int) -> Instruction:
    return Instruction("nn.add", operands, ROW)


def mul(*operands: int) -> Instruction:
    return Instruction("nn.mul", operands, ROW)


def build(network: Any, steps: int, *, depth: int = 3, gated: bool = True, **machine: int) -> Program:
    """Per step `h = x + table[position]`, per layer `k = h * w; h = k + rows of cache`, then `x = h * head`.

    Without gates, the rows do not wait for the append of their layer.
    """
    net = network(LAYERS * steps, **machine)
    net.steps = steps
    x, position = net.memory("x", "input", 1, WIDTH), net.memory("position", "input", dtype="i32")
    table, head = net.memory("table", "weight", CONTEXT, WIDTH), net.memory("head", "weight", 1, WIDTH)
    y = net.memory("y", "value", steps, 1, WIDTH, output=True)
    first, following, token = net.channel(1, WIDTH), net.channel(1, WIDTH), net.channel(1, WIDTH)
    net.load("load x", x, first, once=True)
    net.carry("outer carry", 1, first, following, None, token)
    net.once_a_step()
    count, placed, init = net.channel(dtype="i32"), net.channel(1, WIDTH), net.channel(1, WIDTH, latency=2)
    net.counter("count", position, count)
    net.gather("positions", count, table, placed)
    net.once_a_step()
    ports = [InputPort(token, ROW), InputPort(placed, ROW)]
    net.stage("begin", 1, ports, [OutputPort(init, 2)], [add(0, 1)])
    net.once_a_step()
    final = add_layers(net, position, init, depth, gated=gated)
    weights, made = net.channel(1, WIDTH, depth=depth), net.channel(1, WIDTH)
    net.load("load head", head, weights)
    net.once_a_step()
    ports = [InputPort(final, ROW), InputPort(weights, ROW)]
    net.stage("end", 1, ports, [OutputPort(following, 2), OutputPort(made, 2)], [mul(0, 1)])
    net.once_a_step()
    net.store("store y", made, y, stacked=True)
    net.once_a_step()
    return net.program()


def add_layers(net: Any, position: int, init: int, depth: int, *, gated: bool) -> int:
    """The loop over layers; the channel of what it makes."""
    w, cache = (
        net.memory("w", "weight", LAYERS, 1, WIDTH),
        net.memory("cache", "state", LAYERS, CONTEXT, WIDTH),
    )
    hidden, following, final = net.channel(1, WIDTH), net.channel(1, WIDTH), net.channel(1, WIDTH)
    weights, new, kept = net.channel(1, WIDTH, depth=depth), net.channel(1, WIDTH), net.channel(1, WIDTH)
    rows, total = net.channel(1, WIDTH, depth=depth), net.channel(1, WIDTH)
    done = (net.token(),) if gated else ()
    net.carry("carry", 1, init, following, final, hidden)
    net.load("load w", w, weights, stacked=True)
    ports = [InputPort(hidden, ROW), InputPort(weights, ROW)]
    net.stage("project", 1, ports, [OutputPort(new, 2), OutputPort(kept, 2)], [mul(0, 1)])
    append = AddressPattern(
        cache,
        ROW,
        (4 * WIDTH, 4),
        tiles=1,
        tile_stride=0,
        pass_stride=4 * CONTEXT * WIDTH,
        position_parameter=position,
        position_stride=4 * WIDTH,
    )
    net.store("append", new, cache, done=done, pattern=append)
    net.load("load rows", cache, rows, stacked=True, gate=Gate(done[0], position, 1) if gated else None)
    ports = [InputPort(rows, ROW)]
    out = [OutputPort(total, 2, CONTEXT)]
    net.stage("sum", CONTEXT, ports, out, [add(0, 1)], states=(ROW,), next_states=(2,))
    net.stage(
        "mix", 1, [InputPort(total, ROW), InputPort(kept, ROW)], [OutputPort(following, 2)], [add(0, 1)]
    )
    return final


def data() -> dict[str, Array]:
    """Weights: small whole numbers, whose sums and products are exact."""
    rng = np.random.default_rng(3)
    shapes = {"table": (CONTEXT, WIDTH), "head": (1, WIDTH), "w": (LAYERS, 1, WIDTH)}
    return {name: rng.choice([-1, 1, 2], shape).astype(np.float32) for name, shape in shapes.items()}


X = np.array([[1, -2, 3, 1]], np.float32)


def decoded(weights: dict[str, Array], x: Array, position: int, steps: int, cache: Array) -> Array:
    """What the program computes, in numpy; it appends to the cache."""
    made: list[Array] = []
    for at in range(position, position + steps):
        h = x + weights["table"][at]
        for layer in range(LAYERS):
            k = h * weights["w"][layer]
            cache[layer, at] = k[0]
            h = k + cache[layer].sum(0)
        x = h * weights["head"]
        made.append(x)
    return np.stack(made)


def run(program: Program, position: int, executor: Executor | None = None) -> tuple[Array, Array]:
    """The results of a call and the cache behind it."""
    executor = executor or Executor(program, data())
    result = executor.step({"x": X, "position": np.array(position, np.int32)})
    assert result.report == time_step(program, {"position": position})
    assert result.report == time_step(program, {"position": position}, jump=False)
    return result.outputs["y"], executor.read("cache")


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("position", [0, 3])
@pytest.mark.parametrize("depth", [1, 2, 20])
def test_a_call_makes_all_its_steps(network: Any, steps: int, position: int, depth: int) -> None:
    program = build(network, steps, depth=depth)
    check_program(program)
    assert parse_program(dump_program(program)) == program
    cache = np.zeros((LAYERS, CONTEXT, WIDTH), np.float32)
    wanted = decoded(data(), X, position, steps, cache)
    result, kept = run(program, position)
    assert np.array_equal(result.reshape(wanted.shape), wanted)
    assert np.array_equal(kept, cache)


def test_states_stay_from_call_to_call(network: Any) -> None:
    program, cache = build(network, 3), np.zeros((LAYERS, CONTEXT, WIDTH), np.float32)
    executor = Executor(program, data())
    for position in (0, 3):
        wanted = decoded(data(), X, position, 3, cache)
        result, kept = run(program, position, executor)
        assert np.array_equal(result, wanted)
        assert np.array_equal(kept, cache)


def test_one_call_is_shorter_than_its_steps(network: Any) -> None:
    single = time_step(build(network, 1), {"position": 0})
    several = time_step(build(network, 5), {"position": 0})
    assert several.kernel_calls == 1
    assert several.steps == 5
    assert several.cycles < 5 * single.cycles
    # In each step two stages around the loop; in each layer one firing of two stages, and eight of one.
    assert several.flops == 5 * single.flops == 5 * WIDTH * (2 + LAYERS * (2 + CONTEXT))
    # Only the first value comes from memory, and each step's leaves for it.
    moved = several.traffic.hbm - 5 * single.traffic.hbm
    assert moved == -4 * X.nbytes


def test_weights_of_the_next_step_are_loaded_during_this_one(network: Any) -> None:
    # Slow stages around the loop: with room for them, the weights of the next layers are there already.
    slow = {"hbm_latency_cycles": 400}
    deep, flat = (time_step(build(network, 4, depth=depth, **slow), {"position": 0}) for depth in (6, 1))
    assert deep.cycles < flat.cycles


def test_all_sockets_take_the_same_time(network: Any) -> None:
    program = build(network, 3, sockets=2)
    one = time_step(program, {"position": 2})
    assert time_step(program, {"position": 2}, every_socket=True) == one


def test_what_runs_once_a_step_is_as_urgent_as_the_iteration_that_it_belongs_to(network: Any) -> None:
    net = network(6, sockets=2)
    net.steps = 3
    x, w = net.memory("x", "weight", 1, WIDTH), net.memory("w", "weight", 2, 1, WIDTH)
    y, z = net.memory("y", "value", 3, 1, WIDTH), net.memory("z", "value", 2, 1, WIDTH)
    first, summed, weights = net.channel(1, WIDTH // 2), net.channel(1, WIDTH // 2), net.channel(1, WIDTH)
    net.load("before", x, first)
    net.once_a_step()
    net.load("loop", w, weights, stacked=True)
    net.store("kept", weights, z, stacked=True)
    net.collective("behind", "all_reduce", first, summed, tiles=2)
    net.once_a_step()
    net.store("end", summed, y, stacked=True)
    net.once_a_step()
    program = net.program()
    memory = MemoryMap(program)
    call = resolve(program.kernels[0], tuple(region.address for region in program.regions), memory)
    units = [unit for unit in KernelRun(call, program.machine, memory).units if isinstance(unit, ServedRun)]
    numbers = {str(unit): [unit.number(firing) for firing in range(unit.firings)] for unit in units}
    assert numbers == {
        "load 'before'": [0, 0, 7, 7, 14, 14],
        "load 'loop'": [1, 3, 8, 10, 15, 17],
        "store 'kept'": [2, 4, 9, 11, 16, 18],
        "collective 'behind'": [5, 5, 12, 12, 19, 19],
        "store 'end'": [6, 6, 13, 13, 20, 20],
    }


def test_what_a_later_step_writes_is_not_there_yet(network: Any) -> None:
    # Layer 1 of step 0 reads what step 1 writes.
    net = network(4)
    net.steps = 2
    x, y = net.memory("x", "weight", 1, WIDTH), net.memory("y", "value", 2, 1, WIDTH)
    z, made, read = net.memory("z", "value", 2, 1, WIDTH), net.channel(1, WIDTH), net.channel(1, WIDTH)
    net.load("load x", x, made)
    net.once_a_step()
    net.store("store y", made, y, stacked=True)
    net.once_a_step()
    net.load("load y", y, read, stacked=True)
    net.store("store z", read, z, stacked=True)
    with pytest.raises(
        HazardError, match="of 'y'\\) in step 0, iteration 1; nothing has written it in this step"
    ):
        time_step(net.program(), {})


def test_a_position_behind_the_context_is_an_error(network: Any) -> None:
    program = build(network, 4)
    time_step(program, {"position": CONTEXT - 4})
    with pytest.raises(ExecutionError, match="position 8 is outside what store 'append' stores to, 0"):
        time_step(program, {"position": CONTEXT - 3})


def change(program: Program, name: str, edit: Callable[[Any], Unit]) -> Program:
    """The program with one unit of its kernel edited."""
    (kernel,) = program.kernels
    units = tuple(edit(old) if old.name == name else old for old in kernel.units)
    assert units != kernel.units
    return replace(program, kernels=(replace(kernel, units=units),))


def rate(**fields: Any) -> Callable[[Any], Unit]:
    return lambda unit: replace(unit, **fields)


WRONG = {
    "no steps": (lambda p: kernel(p, loops=(Loop("step", 0),)), "loop 'step' has 0 iterations; it takes one"),
    "inner steps": (
        lambda p: kernel(p, loops=(Loop("iteration", 2), Loop("step", 3, "iteration"))),
        "the loop over decode steps is in 'iteration'; it has to be the outermost",
    ),
    "a call's head": (lambda p: change(p, "begin", rate(rate="call")), "puts 3 tiles a call"),
    "a call's carry": (
        lambda p: change(p, "carry", rate(rate="call")),
        "carry 'carry': rate 'call'; it belongs to a loop",
    ),
    "an unknown loop": (
        lambda p: change(p, "begin", rate(rate="layer")),
        "stage 'begin': rate 'layer'; its kernel has call, step, iteration",
    ),
    "a fast counter": (
        lambda p: change(p, "count", rate(rate="iteration")),
        "rate 'iteration'; it counts at rate 'step'",
    ),
    "a fast head": (
        lambda p: change(p, "load head", rate(rate="iteration")),
        "'load head' puts 6 tiles a call",
    ),
    "slow weights": (lambda p: change(p, "load w", rate(rate="step")), "'load w' puts 3 tiles a call"),
    "a slow carry": (lambda p: change(p, "carry", rate(rate="step")), "'begin' puts 3 tiles a call"),
    "a fast carry": (
        lambda p: change(p, "outer carry", rate(rate="iteration")),
        "'load x' puts 1 tiles a call",
    ),
    "a counter of rows": (lambda p: change(p, "count", rate(position_parameter=0)), "position 'x' is a"),
    "a counter of nothing": (
        lambda p: change(p, "count", rate(position_parameter=9)),
        "parameter 9 of a kernel",
    ),
    "a counter of tiles": (lambda p: change(p, "count", rate(channels=(4,))), "its tile is a tensor<i32>"),
}


def kernel(program: Program, **fields: int) -> Program:
    return replace(program, kernels=(replace(program.kernels[0], **fields),))


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rates_are_found_before_a_run(network: Any, name: str) -> None:
    edit, message = WRONG[name]
    with pytest.raises(ProgramError) as caught:
        check_program(edit(build(network, 3)))
    assert message in str(caught.value)


def test_a_step_that_does_not_wait_for_its_appends_is_a_hazard(network: Any) -> None:
    with pytest.raises(HazardError, match="before store 'append'"):
        time_step(build(network, 3, depth=20, gated=False), {"position": 0})


@pytest.mark.parametrize(
    ("unit", "fields"),
    [
        ("append", {"pass_stride": 0}),
        ("append", {"position_stride": 0}),
        ("load rows", {"pass_stride": 0}),
        ("load w", {"pass_stride": 0}),
        ("store y", {"pass_stride": 0}),
    ],
)
def test_a_wrong_stride_is_seen(network: Any, unit: str, fields: dict[str, int]) -> None:
    program = change(
        build(network, 3), unit, lambda old: replace(old, pattern=replace(old.pattern, **fields))
    )
    wanted = decoded(data(), X, 2, 3, np.zeros((LAYERS, CONTEXT, WIDTH), np.float32))
    try:
        result, _ = run(program, 2)
    except (HazardError, DeadlockError):
        return
    assert not np.array_equal(result, wanted)


VERSION_1 = Path(__file__).parent / "program_version_1.json"
"""`build(network, 3)` as it was saved when units had flags, `once` and `per_step`, instead of a rate."""


def test_a_program_of_version_1_is_read(network: Any) -> None:
    document = json.loads(VERSION_1.read_text(encoding="utf-8"))
    assert document["version"] == 1
    machine = network(stage_latency_cycles=48, hop_latency_cycles=2).machine
    program = replace(build(network, 3), machine=machine)
    assert parse_program(json.dumps(document)) == program
    assert json.loads(dump_program(program))["version"] == 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"once": True, "per_step": True}, "it runs once a call, and once a decode step; it can do one"),
        ({"once": 1}, "program.kernels[0].units[0].once: expected true or false, found 1"),
        ({"per_step": "x"}, 'program.kernels[0].units[0].per_step: expected true or false, found "x"'),
    ],
)
def test_flags_of_version_1_must_make_a_rate(fields: dict[str, object], message: str) -> None:
    document = json.loads(VERSION_1.read_text(encoding="utf-8"))
    document["program"]["kernels"][0]["units"][0] |= fields
    with pytest.raises(ProgramError) as caught:
        parse_program(json.dumps(document))
    assert message in str(caught.value)


@pytest.mark.parametrize("program", [None, [], {"kernels": 3}, {"kernels": [None, {"units": [1, None]}]}])
def test_a_malformed_document_of_version_1_is_refused(program: object) -> None:
    with pytest.raises(ProgramError, match=r"^program"):
        parse_program(json.dumps({"format": "kl-program", "version": 1, "program": program}))
