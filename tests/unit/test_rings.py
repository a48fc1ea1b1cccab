"""Rings in programs: where positions go, which tiles wait, what is timed without replay, what is saved."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from steady_programs import Jumps, note_jumps, skipped

from kl.backends.sn40l.binding import Arguments
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.kernel import Kernel
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import (
    check_position,
    context_length,
    context_read,
    position_inputs,
    timed_position,
)
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import AddressPattern, Store
from kl.backends.sn40l.units.load import Gate, Load
from kl.backends.targets import Choice
from kl.backends.tensors import TensorSpec
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

EXTENT, LAYERS, STEPS = 12, 3, 30
MODEL = """model m
param layers = 3
param context = 64
weight embedding[64, 32]
weight head[32, 64]
layer l[layers](x[1, 32], position: i32) {{
  weight wk[32, 16]
  cache k[1, 2, {extent}
  cache v[1, 2, {extent}
  append(k, x @ wk, position)
  append(v, x @ wk, position)
  return x + attention(x, k, v, position)
}}
step(token[1]: i32, position: i32) {{
  x = embedding[token]
  for i in 0..layers {{ x = l[i](x, position) }}
  return argmax(x @ head)
}}"""


@cache
def program(extent: str = f"{EXTENT}, 8] ring", steps: int = STEPS) -> Program:
    """Three layers with caches of this extent, so many steps in a call."""
    module = load_model(MODEL.format(extent=extent), "m.kl")
    lower(make_context(), module, "rdu", Choice(steps_per_call=steps))
    return emit_program(module, "m")


def bound(kernel: Kernel, unit: Load | Store, position: int):
    """What a unit is bound to where all memory begins at 0 and the position is given."""
    arguments = Arguments((0,) * len(kernel.parameters), lambda _: position)
    return unit.bind(kernel, kernel.units.index(unit), arguments)


@settings(deadline=None)
@given(position=st.integers(0, 100))
def test_a_ring_is_written_slot_by_slot_and_round(position: int):
    (kernel,) = program().kernels
    stores = [u for u in kernel.units if isinstance(u, Store) and u.pattern.ring is not None]
    assert len(stores) == 2
    for store in stores:
        walk, pattern = bound(kernel, store, position).walk, store.pattern
        assert walk is not None
        for step in range(STEPS):
            for layer in range(LAYERS):
                firing = (step * LAYERS + layer) * walk.tiles
                slot = (position + step) % EXTENT
                assert walk.address(firing) == layer * pattern.pass_stride + slot * pattern.position_stride
        low, high = walk.span
        assert (low, high) == (0, LAYERS * pattern.pass_stride)  # the whole cache, and nothing else


@settings(deadline=None)
@given(position=st.integers(0, 100))
def test_the_tile_of_the_slot_waits(position: int):
    (kernel,) = program().kernels
    loads = [u for u in kernel.units if isinstance(u, Load) and u.gate is not None]
    assert len(loads) == 2
    for load in loads:
        assert load.gate is not None
        wanted = [(position + step) % EXTENT // load.gate.positions_per_tile for step in range(STEPS)]
        assert [*bound(kernel, load, position).gates] == wanted


def test_a_gate_of_a_ring_is_that_of_its_slot():
    gate = Gate(0, 0, 4, ring=12)
    load = Load("rows", (0,), AddressPattern(0, TensorSpec((4, 8), "f32"), (32, 4), 3, 128), gate)
    assert gate.tiles(load, 8, 10) == (2, 2, 0, 0, 0, 0, 1, 1)


@pytest.mark.parametrize("position", [0, 5, 11, 40])
def test_steps_around_a_ring_take_the_cycles_of_the_full_replay(
    position: int, monkeypatch: pytest.MonkeyPatch
):
    jumps: Jumps = note_jumps(monkeypatch)
    made = program("64, 8] ring", 150)
    scalars = position_inputs(made, position)
    report = time_step(made, scalars, details=True)
    assert skipped(jumps) > 0
    assert report == time_step(made, scalars, jump=False, details=True)


def test_what_is_asked_of_the_context():
    ringed, full = program(), program("context, 8]", 2)
    assert (context_length(ringed), context_read(ringed)) == (None, EXTENT)
    assert (context_length(full), context_read(full)) == (64, 64)
    check_position(ringed, 10**6)
    assert timed_position(program(steps=1), None) == EXTENT - 1


def test_programs_keep_their_rings_and_old_ones_have_none():
    made = program()
    assert parse_program(dump_program(made)) == made
    full = program("context, 8]", 2)
    text = json.loads(dump_program(full))
    for kernel in text["program"]["kernels"]:
        for unit in kernel["units"]:
            for part in (unit.get("pattern"), unit.get("gate")):
                assert part is None or part.pop("ring") is None
    assert parse_program(json.dumps(text)) == full
