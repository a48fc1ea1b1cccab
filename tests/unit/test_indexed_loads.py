"""Loads by index: what they bring, what moves, when, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routed_programs import Routed, build, data_of, gathered, named_by

from kl.backends.routing import Routing
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.errors import HazardError, ProgramError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import LoadArguments, Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import Gate, Load

CUTS = {
    "a slot a tile": Routed(),
    "half a slot": Routed(tile=(4, 3)),
    "two slots": Routed(tile=(4, 12)),
    "all of it": Routed(tile=(4, 36), depth=1),
    "rows of all slots": Routed(tile=(2, 36)),
    "rows with less at the end": Routed(tile=(3, 36)),
    "slots below one another": Routed(along=0, tile=(2, 6)),
    "columns of all slots": Routed(along=0, tile=(24, 4)),
    "as many slots as experts": Routed(rows=5, chosen=2, tile=(4, 6)),
    "gaps between ids": Routed(given=True, tile=(4, 2)),
    "gaps in tiles": Routed(given=True, tile=(2, 36)),
    "from DDR": Routed(tier="ddr"),
    "several stacks": Routed(loads=3),
}
"""What a pass reads is 4 x 36, or 24 x 6 with slots below one another."""


@pytest.mark.parametrize("routed", CUTS.values(), ids=CUTS)
def test_ids_name_what_is_read(network: Any, routed: Routed) -> None:
    program = build(network, routed)
    check_program(program)
    weights, inputs = data_of(routed)
    result = Executor(program, weights).step(inputs)
    for number in range(routed.loads):
        wanted = 2 * gathered(routed, weights[f"stack{number}"], inputs["ids"])
        np.testing.assert_array_equal(result.outputs[f"out{number}"], wanted)


@pytest.mark.parametrize("routed", CUTS.values(), ids=CUTS)
def test_only_what_is_named_moves(network: Any, routed: Routed) -> None:
    weights, inputs = data_of(routed)
    report = Executor(build(network, routed), weights).step(inputs).report
    named = int((named_by(routed, inputs["ids"]) >= 0).sum())
    others = 4 * prod(routed.id_shape)
    read = named * 4 * prod(routed.slice) * routed.loads
    assert report.traffic.hbm_read + report.traffic.ddr_read == read + others
    assert sum(vars(report.ledger).values()) == report.cycles


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99),
    tile=st.sampled_from([(4, 6), (4, 3), (4, 12), (2, 36), (3, 36)]),
    late=st.integers(1, 60),
    depth=st.integers(1, 9),
    loads=st.integers(1, 2),
    bandwidth=st.sampled_from([2, 20, 1800]),
)
def test_counts_alone_take_as_long_as_the_ids(
    network: Any, seed: int, tile: tuple[int, int], late: int, depth: int, loads: int, bandwidth: int
) -> None:
    routed = Routed(tile=tile, late=late, depth=depth, loads=loads)
    program = build(network, routed, calls=2, hbm_bandwidth=bandwidth * 10**9)
    weights, inputs = data_of(routed, seed)
    counts = tuple(len(np.unique(layer)) for layer in inputs["ids"])
    known = Executor(program, weights).step(inputs).report
    timed = time_step(program, {}, routing=Routing("given", given=counts))
    assert replace(timed, experts=None) == known
    rows = tuple(tuple(layer.ravel().tolist()) for layer in inputs["ids"])
    assert time_step(program, {}, routing=Routing("given", given=rows)).cycles == known.cycles
    best, worst = (time_step(program, {}, routing=Routing(form)).traffic.hbm for form in ("best", "worst"))
    assert best <= known.traffic.hbm <= worst


def test_each_socket_reads_what_its_ids_name_and_the_slowest_counts(network: Any) -> None:
    # The ids are a weight of which each socket has its own layers; what is computed goes to no host.
    routed = Routed(given=True, layers=2)
    program = build(network, routed, sockets=2, hbm_bandwidth=10**10)
    regions = [
        replace(one, kind="weight", shard_axis=0, shard_parts=2) if one.name == "ids" else one
        for one in program.regions
    ]
    program = replace(program, regions=tuple(regions), inputs=(), outputs=())
    weights, _ = data_of(routed)
    few, many = [[3, -1, -1, -1, -1, -1]] * 2, [[7, 6, 5, 4, 1, 0]] * 2
    executor = Executor(program, weights | {"ids": np.array(few + many, np.int32)})
    report = executor.step({}).report
    for socket, ids in enumerate((few, many)):
        wanted = 2 * gathered(routed, weights["stack0"], np.array(ids))
        np.testing.assert_array_equal(executor.read("out0", socket), wanted)
    assert report.traffic.hbm_read == 2 * (6 * 4 * 4 * 6 + 4 * 6)
    alike = Executor(program, weights | {"ids": np.array(many + many, np.int32)})
    assert alike.step({}).report == report


def test_a_stack_that_is_read_by_ids_lies_in_no_sram(network: Any) -> None:
    program = build(network, Routed(tier="sram"))
    stack = next(region for region in program.regions if region.name == "stack0")
    there = replace(stack, address=stack.address + 100 * program.machine.pmu_bytes)
    commands = [
        replace(one, addresses=tuple(there.address if a == stack.address else a for a in one.addresses))
        if isinstance(one, LoadArguments)
        else one
        for one in program.commands
    ]
    regions = tuple(there if region is stack else region for region in program.regions)
    with pytest.raises(ProgramError, match="'load stack0' must have one channel in the PMUs of the weight"):
        check_program(replace(program, regions=regions, commands=tuple(commands)))


def test_a_program_with_an_index_survives_saving(network: Any) -> None:
    program = build(network, Routed())
    assert parse_program(dump_program(program)) == program


@pytest.mark.parametrize("wrong", [8, 11, -2])
def test_an_expert_that_is_none_is_named(network: Any, wrong: int) -> None:
    routed = Routed(given=True)
    weights, inputs = data_of(routed)
    inputs["ids"][2, 4] = wrong
    with pytest.raises(
        HazardError, match=rf"expert {wrong} for slot 4; its stack has experts 0 to 7"
    ) as info:
        Executor(build(network, routed), weights).step(inputs)
    assert "load 'load stack0'" in info.value.message
    assert info.value.location.startswith("model.kl:")


def test_a_stack_that_ends_outside_memory_is_a_hazard_without_data(network: Any) -> None:
    program = edited(build(network, Routed()), slot_stride=4096)
    with pytest.raises(HazardError, match=r"load 'load stack0' reads address .* outside every region"):
        time_step(program, {})


def edited(program: Program, **fields: Any) -> Program:
    """The program with other numbers in the index, the pattern or the load that reads by it."""
    (kernel,) = program.kernels
    units = list(kernel.units)
    place = next(n for n, unit in enumerate(units) if unit.name == "load stack0")
    load: Any = units[place]
    for name, value in fields.items():
        if hasattr(load.index, name):
            load = replace(load, index=replace(load.index, **{name: value}))
        elif hasattr(load.pattern, name):
            load = replace(load, pattern=replace(load.pattern, **{name: value}))
        else:
            load = replace(load, **{name: value})
    units[place] = load
    return replace(program, kernels=(replace(kernel, units=tuple(units)),))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ids": 99}, "channel 99 of a kernel with 4 channels"),
    ({"slots": 5}, "its ids are a tensor<6xi32>, 5 slots take a tensor<5xi32>"),
    ({"slices": 0}, "its stack has 0 slices"),
    ({"slices": 99}, "99 slices take 9504 bytes, 'stack0' has 3072"),
    ({"slot_stride": 0}, "its slices are 0 bytes apart"),
    ({"slots_per_tile": 4}, "4 slots per tile of 6 slots"),
    ({"slots_per_tile": 0}, "0 slots per tile of 6 slots"),
    ({"tiles_per_slot": 0}, "0 tiles per slot; it takes one at least"),
    ({"tiles_per_slot": 2}, "6 slots, 1 per tile, 2 tiles per slot make 12 tiles a pass, not 6"),
    ({"axis": 2}, "slots along axis 2 of a tensor<4x6xf32>"),
    ({"gate": Gate(0, 0, 1)}, "a load by index waits for no position"),
    ({"last": (4, 3), "tile_stride": 24}, "its last tile has (4, 3), it must have all of its slots"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=[str(fields) for fields, _ in REFUSED])
def test_an_index_that_makes_no_sense_is_refused(network: Any, fields: dict[str, Any], message: str) -> None:
    program = edited(build(network, Routed()), **fields)
    with pytest.raises(ProgramError) as info:
        check_program(parse_program(dump_program(program)))
    assert info.value.message.endswith(f"load 'load stack0': {message}")


def test_ids_that_are_no_integers_are_refused(network: Any) -> None:
    program = build(network, Routed(given=True))
    (kernel,) = program.kernels
    by = next(unit.index.ids for unit in kernel.units if isinstance(unit, Load) and unit.index is not None)
    channels = list(kernel.channels)
    channels[by] = replace(channels[by], tile=None)
    wrong = replace(program, kernels=(replace(kernel, channels=tuple(channels)),))
    with pytest.raises(ProgramError, match="its ids are bare tokens"):
        check_program(wrong)


def test_what_waits_for_ids_is_the_routers(network: Any) -> None:
    # Choosing takes 100 cycles more than all else; memory idles for them, and says why.
    early, late = (time_step(build(network, Routed(late=one)), {}) for one in (1, 400))
    assert early.ledger.router < late.ledger.router
    assert late.ledger.router > 0.7 * late.calls[0].ledger.total - late.ledger.launch
    for report in (early, late):
        assert sum(vars(report.ledger).values()) == report.cycles


def test_the_layers_say_what_the_ledger_says(network: Any) -> None:
    report = time_step(build(network, Routed(late=90)), {}, details=True)
    (call,) = report.calls
    assert call.details is not None
    assert sum(layer.router for layer in call.details.layers) == call.ledger.router > 0
    assert sum(layer.cycles for layer in call.details.layers) == call.cycles - call.ledger.launch
