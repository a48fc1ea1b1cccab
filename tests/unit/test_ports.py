"""At which firings units take and put tokens, and where their passes stand in program order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.kernel import Kernel
from kl.backends.sn40l.ports import Port
from kl.backends.sn40l.units import Carry, Gate, InputPort, OutputPort
from kl.backends.tensors import TensorSpec
from kl.dialects.loop_tree import Placement

ROW = TensorSpec((1, 4), "f32")


@st.composite
def ports(draw: Any) -> Port:
    """Ports whose bursts follow one another without overlap."""
    burst, period, starts = draw(st.integers(1, 4)), draw(st.integers(1, 5)), [draw(st.integers(0, 9))]
    for _ in range(draw(st.integers(0, 4))):
        starts.append(starts[-1] + burst * period + draw(st.integers(0, 6)))
    return Port(0, burst * len(starts), period, draw(st.integers(1, 3)), starts=tuple(starts))


@given(ports(), st.integers(0, 120))
def test_groups_before_a_firing_are_those_that_begin_there(port: Port, firing: int) -> None:
    begins = [port.firing_of(group) for group in range(port.groups)]
    assert begins == sorted({*begins})
    assert port.groups_before(firing) == sum(begin < firing for begin in begins)
    assert port.tokens_by(firing) == port.size * sum(begin <= firing for begin in begins)
    assert [port.firing_putting(token) for token in range(port.tokens)] == [
        b for b in begins for _ in range(port.size)
    ]


def kernel(network: Any) -> Kernel:
    """Three steps of two iterations: units of all rates before, in and behind the loop."""
    net = network(6)
    net.steps = 3
    x, position = net.memory("x", "weight", 1, 4), net.memory("position", "input", dtype="i32")
    cache = net.memory("cache", "state", 2, 8, 4)
    channels = [net.channel(1, 4) for _ in range(9)]
    token = net.token()
    net.load("call", x, channels[0], once=True)
    net.load("first", x, channels[1])
    net.once_a_step()
    net.carry("carry", 2, channels[1], channels[2], channels[3], channels[4])
    net.load("gated", cache, channels[5], stacked=True, gate=Gate(token, position, 2))
    net.stage("stage", 4, [InputPort(channels[4], ROW, 2)], [OutputPort(channels[2], 0, 4)], [])
    net.load("behind", x, channels[6])
    net.once_a_step()
    net.carry("outer", 1, channels[0], channels[6], None, channels[7])
    net.once_a_step()
    net.counter("count", position, channels[8])
    net.store("end", channels[7], net.memory("y", "value", 1, 4), once=True)
    return net.program().kernels[0]


PASSES = {
    "call": (1, 1, 1),
    "first": (1, 3, 3),
    "carry": (3, 2, 9),
    "gated": (3, 2, 6),
    "stage": (3, 2, 6),
    "behind": (1, 3, 3),
    "outer": (1, 3, 4),
    "count": (1, 3, 3),
    "end": (1, 1, 1),
}
"""Per unit: how often it begins anew, its passes then, and all passes, with those that end a carry."""

STEPS, LOOP = (3, 10), (2, 3)
"""A step is the load before the loop, six passes in its two iterations, and three units behind it."""
PLACEMENTS = {
    "call": Placement(0),
    "first": Placement(1, (STEPS,)),
    "carry": Placement(2, (STEPS, LOOP)),
    "gated": Placement(3, (STEPS, LOOP)),
    "stage": Placement(4, (STEPS, LOOP)),
    "behind": Placement(8, (STEPS,)),
    "outer": Placement(9, (STEPS,)),
    "count": Placement(10, (STEPS,)),
    "end": Placement(31),
}


@pytest.mark.parametrize("number", range(len(PASSES)))
def test_units_run_at_their_rates(network: Any, number: int) -> None:
    one = kernel(network)
    unit = one.units[number]
    assert (*unit.rounds(one), unit.passes(one)) == PASSES[unit.name]
    assert one.placements[number] == PLACEMENTS[unit.name]


def test_a_carry_begins_anew_in_each_step(network: Any) -> None:
    one = kernel(network)
    carry, outer = (unit for unit in one.units if isinstance(unit, Carry))
    # Two tiles of `init`, two iterations of two tiles of `next`: six firings a decode step.
    init, following = carry.takes(one)
    assert [init.firing_of(group) for group in range(init.groups)] == [0, 1, 6, 7, 12, 13]
    assert [following.firing_of(group) for group in range(4)] == [2, 3, 4, 5]
    assert (following.groups, following.firing_of(4)) == (12, 8)
    current, final = carry.puts(one)
    assert [current.firing_of(group) for group in range(6)] == [0, 1, 2, 3, 6, 7]
    assert [final.firing_of(group) for group in range(final.groups)] == [4, 5, 10, 11, 16, 17]
    assert [port.channel for port in outer.puts(one)] == [*outer.current]
    assert outer.takes(one)[1].groups == 3


def test_a_gate_moves_with_the_position(network: Any) -> None:
    one = kernel(network)
    load = next(unit for unit in one.units if unit.name == "gated")
    tiles = load.firings_per_pass
    (gate,) = load.takes(one, (1, 2, 2))
    assert tiles == 8
    begins = [gate.firing_of(group) for group in range(gate.groups)]
    assert [divmod(begin, tiles) for begin in begins] == [(0, 1), (1, 1), (2, 2), (3, 2), (4, 2), (5, 2)]
