"""What holds for every program: the data decides the result, the rules decide the time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from drawn_times import check_but_pace
from hypothesis import given, settings
from hypothesis import strategies as st

from kl.backends.sn40l.errors import DeadlockError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import Array, TensorSpec

WIDTH = 16
"""Elements of the row that goes through a network."""


@dataclass(frozen=True)
class Timing:
    """What must not change a result: depths beyond the least, IIs and latencies."""

    extra_depth: tuple[int, ...]
    ii: tuple[int, ...]
    latency: tuple[int, ...]
    channel_latency: int


@dataclass(frozen=True)
class Shape:
    """What a network computes: the widths of its tiles, from stage to stage, how often, and from where."""

    widths: tuple[int, ...]
    iterations: int
    tiers: tuple[str, ...]


timings = st.builds(
    Timing,
    st.tuples(*[st.integers(0, 3)] * 5),
    st.tuples(*[st.integers(1, 40)] * 5),
    st.tuples(*[st.integers(0, 60)] * 5),
    st.integers(0, 9),
)
shapes = st.builds(
    Shape,
    st.lists(st.sampled_from([2, 4, 8, 16]), min_size=1, max_size=4).map(lambda w: (*w, w[0])),
    st.integers(1, 3),
    st.tuples(*[st.sampled_from(["hbm", "ddr"])] * 5),
)


def row(width: int) -> TensorSpec:
    return TensorSpec((1, width), "f32")


def build(net: Any, shape: Shape, timing: Timing) -> Program:
    """A loop of stages; each cuts or gathers the tiles before it and multiplies them by weights."""
    x, y = net.memory("x", "input", 1, WIDTH), net.memory("y", "value", 1, WIDTH, output=True)
    first = shape.widths[0]
    tiles = WIDTH // first
    init, current, final = (net.channel(1, first, latency=timing.channel_latency) for _ in range(3))
    net.load("load x", x, init, once=True)
    before, width = current, first
    last = len(shape.widths) - 1
    for number, wide in enumerate(shape.widths):
        w = net.memory(f"w{number}", "weight", shape.iterations, 1, WIDTH, tier=shape.tiers[number])
        weights = net.channel(1, wide, depth=1 + timing.extra_depth[number])
        net.load(f"load w{number}", w, weights, stacked=True)
        gathered = max(1, wide // width)
        slices = max(1, width // wide)
        held = net.channels[before]
        net.channels[before] = replace(held, depth=max(held.depth, gathered))
        # The carry takes a whole row of the next iteration only when it has put out this one's.
        least = tiles if number == last else 1
        depth = least + timing.extra_depth[number]
        after = net.channel(1, wide, depth=depth, latency=timing.channel_latency)
        axis = 1 if gathered * slices > 1 else None
        ports = [InputPort(before, row(wide), slices, gathered, slices, axis), InputPort(weights, row(wide))]
        body = [Instruction("nn.mul", (0, 1), row(wide))]
        schedule = {"ii": timing.ii[number], "latency": timing.latency[number]}
        net.stage(f"stage {number}", WIDTH // wide, ports, [OutputPort(after, 2)], body, **schedule)
        before, width = after, wide
    net.carry("carry", tiles, init, before, final, current)
    net.store("store y", final, y, once=True)
    return net.program()


def weights_of(shape: Shape) -> dict[str, Array]:
    """Small whole numbers, whose products are exact."""
    rng = np.random.default_rng(11)
    wanted = (shape.iterations, 1, WIDTH)
    return {
        f"w{number}": rng.choice([-1, 1, 2], wanted).astype(np.float32) for number in range(len(shape.widths))
    }


X = np.arange(1, WIDTH + 1, dtype=np.float32).reshape(1, WIDTH)


def product(shape: Shape, weights: Mapping[str, Array]) -> Array:
    """What a network computes."""
    result = X
    for iteration in range(shape.iterations):
        for number in range(len(shape.widths)):
            result = result * weights[f"w{number}"][iteration]
    return result


@settings(max_examples=60, deadline=None)
@given(shapes, timings)
def test_the_result_is_numpys_and_the_ledger_is_right(network: Any, shape: Shape, timing: Timing) -> None:
    program = build(network(shape.iterations), shape, timing)
    check_but_pace(program)
    assert parse_program(dump_program(program)) == program
    weights = weights_of(shape)
    result = Executor(program, weights).step({"x": X})
    assert np.array_equal(result.outputs["y"], product(shape, weights))
    report = time_step(program, {})
    assert report == result.report
    assert report.ledger.total == report.cycles >= report.roofline_cycles
    assert report.traffic.hbm + report.traffic.ddr == 4 * WIDTH * (2 + shape.iterations * len(shape.widths))
    assert report.flops == WIDTH * shape.iterations * len(shape.widths)


@settings(max_examples=40, deadline=None)
@given(shapes, timings, timings)
def test_depths_and_latencies_do_not_change_the_result(
    network: Any, shape: Shape, one: Timing, other: Timing
) -> None:
    weights = weights_of(shape)
    results = [
        Executor(build(network(shape.iterations), shape, timing), weights).step({"x": X}).outputs["y"]
        for timing in (one, other)
    ]
    assert np.array_equal(*results)


def chain(net: Any, widths: tuple[int, ...], timing: Timing) -> Program:
    """Stages in a row, from an input in HBM to a value in DDR: each memory serves one stream."""
    x = net.memory("x", "input", 1, WIDTH)
    y = net.memory("y", "value", 1, WIDTH, tier="ddr", output=True)
    before = net.channel(1, widths[0], depth=8 + timing.extra_depth[0], latency=timing.channel_latency)
    net.load("load x", x, before)
    width = widths[0]
    for number, wide in enumerate(widths[1:], 1):
        gathered, slices = max(1, wide // width), max(1, width // wide)
        depth = 8 + timing.extra_depth[number]
        after = net.channel(1, wide, depth=depth, latency=timing.channel_latency)
        axis = 1 if gathered * slices > 1 else None
        port = InputPort(before, row(wide), slices, gathered, slices, axis)
        body = [Instruction("nn.add", (0, 0), row(wide))]
        schedule = {"ii": timing.ii[number], "latency": timing.latency[number]}
        net.stage(f"stage {number}", WIDTH // wide, [port], [OutputPort(after, 1)], body, **schedule)
        before, width = after, wide
    net.store("store y", before, y)
    return net.program()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([2, 4, 8, 16]), min_size=2, max_size=5).map(tuple), timings, st.data())
def test_nothing_faster_makes_a_chain_slower(
    network: Any, widths: tuple[int, ...], slow: Timing, data: st.DataObject
) -> None:
    # Only where each memory serves one stream: with several, which request comes first depends on times, and
    # a faster unit may delay another one (Graham's scheduling anomalies).
    fast = Timing(
        tuple(depth + data.draw(st.integers(0, 3)) for depth in slow.extra_depth),
        tuple(data.draw(st.integers(1, ii)) for ii in slow.ii),
        tuple(data.draw(st.integers(0, latency)) for latency in slow.latency),
        data.draw(st.integers(0, slow.channel_latency)),
    )
    factor = data.draw(st.integers(1, 4))
    machine = {"hbm_bandwidth": 10_000_000_000, "ddr_bandwidth": 5_000_000_000}
    before = time_step(chain(network(**machine), widths, slow), {}).cycles
    machine = {name: factor * value for name, value in machine.items()}
    assert time_step(chain(network(**machine), widths, fast), {}).cycles <= before


def with_depth(program: Program, index: int, depth: int) -> Program:
    """The program with another depth of one channel."""
    (kernel,) = program.kernels
    channels = list(kernel.channels)
    channels[index] = replace(channels[index], depth=depth)
    return replace(program, kernels=(replace(kernel, channels=tuple(channels)),))


def deeper(program: Program, message: str) -> Program:
    """The program with the depth that an error names."""
    found = re.search(r"depth (\d+) of channel 'c(\d+)' breaks the circle$", message)
    assert found is not None, message
    depth, index = map(int, found.groups())
    assert depth > program.kernels[0].channels[index].depth
    return with_depth(program, index, depth)


@settings(max_examples=60, deadline=None)
@given(shapes, timings, st.data())
def test_a_deadlock_names_a_depth_that_leads_out(
    network: Any, shape: Shape, timing: Timing, data: st.DataObject
) -> None:
    # With depths cut at random a program still never gives a wrong result; the depths that the errors name,
    # one after the other, make it run.
    program = build(network(shape.iterations), shape, timing)
    for index, channel in enumerate(program.kernels[0].channels):
        program = with_depth(program, index, data.draw(st.integers(1, channel.depth)))
    weights = weights_of(shape)
    for _ in range(20):
        try:
            result = Executor(program, weights).step({"x": X})
        except DeadlockError as error:
            program = deeper(program, str(error))
        else:
            assert np.array_equal(result.outputs["y"], product(shape, weights))
            return
    raise AssertionError("the depths that the errors name never lead out")
