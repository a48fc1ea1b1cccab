"""The engine's arithmetic of cycles, checked by hand on small kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kl.backends.sn40l import launch
from kl.backends.sn40l.engine import KernelRun, resolve
from kl.backends.sn40l.errors import ExecutionError
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.memory import MemoryMap
from kl.backends.sn40l.program import Observe, Program
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort
from kl.backends.tensors import TensorSpec

ROUND = {
    "clock_hz": 1_000_000_000,
    "hbm_bandwidth": 64_000_000_000,
    "ddr_bandwidth": 16_000_000_000,
    "hbm_efficiency_permille": 1000,
    "hbm_latency_cycles": 100,
}
"""HBM moves 64 bytes a cycle, DDR 16; both have a latency of 100 cycles."""

LAUNCH = 4_000 + 3_000
"""Of a step of a single kernel, which stays loaded."""
"""One program load, argument load and execute, in ns and, at 1 GHz, in cycles."""

TILE = TensorSpec((1, 16), "f32")


def kernel_run(program: Program, scalars: Mapping[str, int] | None = None) -> KernelRun:
    """The run of the program's only kernel, at its beginning."""
    memory = MemoryMap(program)
    memory.begin_step(scalars or {})
    addresses = tuple(region.address for region in program.regions)
    return KernelRun(resolve(program.kernels[0], addresses, memory), program.machine, memory)


def square(net: Any, *, depth: int = 2, tier: str = "hbm", values: int = 64) -> Program:
    """Load a row in tiles of 64 bytes, square each, store it."""
    x = net.memory("x", "input", 1, values, tier=tier)
    y = net.memory("y", "value", 1, values, tier=tier, output=True)
    before = net.channel(1, 16, depth=depth, latency=3)
    after = net.channel(1, 16, depth=depth, latency=5)
    net.load("load", x, before)
    port, out = InputPort(before, TILE), OutputPort(after, 1)
    body = [Instruction("nn.mul", (0, 0), TILE)]
    net.stage("square", values // 16, [port], [out], body, ii=10, latency=20)
    net.store("store", after, y)
    return net.program()


def test_a_pipeline_takes_the_cycles_that_the_rules_give(network: Any) -> None:
    # Four tiles, two slots. Tiles 0 and 1 are read in cycles 0 and 1; tile 0 is there at 1 + 100 + 3 = 104.
    # It is squared from 104 on, and tile 1 from 114 on, when the slot of tile 0 is free again: tile 2 is read
    # at 114, there at 218. Tile 3 is read at 124, there at 228, squared from 228 on and put out at
    # 228 + 20 + 5 = 253. The store takes it in cycle 253, and it has landed at 254 + 100 = 354.
    report = time_step(square(network(**ROUND)), {})
    assert report.cycles == LAUNCH + 354
    assert report.ledger.memory_busy == 8
    assert report.ledger.fill == 0
    assert report.ledger.drain == 100
    assert report.ledger.exposed == 354 - 8 - 100


def test_deep_channels_hide_the_latency_of_memory(network: Any) -> None:
    # All four tiles are read in cycles 0 to 3; squaring is never starved: it ends put out at 104 + 30 + 25.
    report = time_step(square(network(**ROUND), depth=4), {})
    assert report.cycles == LAUNCH + 104 + 3 * 10 + 25 + 1 + 100


def test_a_stream_from_ddr_has_its_own_server_and_bandwidth(network: Any) -> None:
    # 64 bytes take 4 cycles of DDR: tiles are there at 4 + 103 = 107, 111, …; HBM idles, all is exposed.
    report = time_step(square(network(**ROUND), depth=4, tier="ddr"), {})
    assert report.cycles == LAUNCH + 107 + 3 * 10 + 25 + 4 + 100
    assert report.ledger.memory_busy == 0
    assert report.ledger.exposed == report.cycles - LAUNCH
    assert report.traffic.ddr == 2 * 256


def test_data_and_no_data_take_the_same_cycles(network: Any) -> None:
    program = square(network(**ROUND))
    x = np.arange(64, dtype=np.float32).reshape(1, 64)
    result = Executor(program, {}).step({"x": x})
    assert np.array_equal(result.outputs["y"], x * x)
    assert result.report == time_step(program, {})


def test_the_next_iterations_weights_are_loaded_while_this_one_computes(decoder: Any) -> None:
    # Two slots hold the two tiles of layer 0. The projection lets them go at 332 and 336 (the row arrives at
    # 328, a firing takes 4 cycles), and layer 1 is asked for at once, long before layer 0 is done.
    run = kernel_run(decoder(), {"position": 0})
    units = {unit.unit.name: unit for unit in run.units}
    run.run(until=331)
    assert units["load w"].firing == 2
    run.run(until=336)
    assert units["load w"].firing == 4
    assert units["combine"].firing == 0


def test_short_runs_of_bytes_cost_whole_requests(network: Any) -> None:
    # A column of 4 bytes in each of 8 rows takes 8 requests of 64 bytes, so 8 cycles; asked for are 32 bytes.
    net = network(**ROUND)
    w = net.memory("w", "weight", 8, 4)
    y = net.memory("y", "value", 8, 1, output=True)
    column = net.channel(8, 1, depth=4)
    sums = net.channel(8, 1)
    net.load("load", w, column)
    spec = TensorSpec((8, 1), "f32")
    body = [Instruction("nn.add", (0, 1), spec)]
    port, out = InputPort(column, spec), OutputPort(sums, 2, 4)
    net.stage("sum", 4, [port], [out], body, states=(spec,), next_states=(2,))
    net.store("store", sums, y)
    report = time_step(net.program(), {})
    assert report.ledger.memory_busy == 4 * 8 + 1
    assert report.traffic.hbm == 4 * 32 + 32


def test_requests_of_earlier_iterations_go_first(network: Any) -> None:
    # Four slots hold two tiles of two iterations: all are requested at once, and wait for HBM in this order.
    net = network(2, **ROUND)
    for name in ("first", "second"):
        w = net.memory(name, "weight", 2, 1, 16)
        y = net.memory(f"{name} out", "value", 2, 1, 16)
        channel = net.channel(1, 16)
        net.load(name, w, channel, stacked=True)
        net.store(f"{name} store", channel, y, stacked=True)
    run = kernel_run(net.program())
    for unit in run.units:
        unit.advance(0)
    order: list[tuple[int, str]] = []
    for now in range(4):
        stream = run.hbm.queue[0][2]
        order.append((stream.walk.placement.iterations(stream.served)[0], stream.unit.name))
        run.hbm.dispatch(now, 0, None)
    assert order == [(0, "first"), (0, "second"), (1, "first"), (1, "second")]


def test_a_gather_reads_the_rows_that_its_indices_name(network: Any) -> None:
    net = network(**ROUND)
    ids = net.memory("ids", "input", 3, dtype="i32")
    table = net.memory("table", "weight", 5, 16)
    rows = net.memory("rows", "value", 3, 16, output=True)
    wanted, found = net.channel(3, dtype="i32"), net.channel(3, 16)
    net.load("load ids", ids, wanted)
    net.gather("gather", wanted, table, found)
    net.store("store", found, rows)
    program = net.program()
    values = np.arange(80, dtype=np.float32).reshape(5, 16)
    result = Executor(program, {"table": values}).step({"ids": np.array([4, 0, 4], np.int32)})
    assert np.array_equal(result.outputs["rows"], values[[4, 0, 4]])
    # 12 bytes of indices take a request of 64, there at 101; three rows of 64 bytes follow, there at 204.
    assert result.report.cycles == LAUNCH + 1 + 100 + 3 + 100 + 3 + 100
    assert result.report == time_step(program, {})


def test_states_stay_from_step_to_step(decoder: Any, decoder_data: Any, decoder_result: Any) -> None:
    weights, inputs = decoder_data
    executor = Executor(decoder(), weights)
    cache = np.zeros_like(executor.read("cache"))
    for position in range(8):
        result = executor.step(inputs | {"position": np.array(position, np.int32)})
        assert np.array_equal(result.outputs["y"], decoder_result(weights, inputs, cache, position))
        assert np.array_equal(executor.read("cache"), cache)
        assert result.report == time_step(executor.program, {"position": position})


def test_the_host_pays_for_every_command_in_software_orchestration(network: Any) -> None:
    program = square(network(**ROUND))
    program = replace(program, commands=(*program.commands, Observe("row", "y")))
    hardware, software = (time_step(program, {}, mode) for mode in ("hardware", "software"))
    assert hardware.ledger.launch == LAUNCH + 10_000
    assert software.cycles - hardware.cycles == 3 * 10_000
    assert (hardware.first_step_extra_cycles, software.first_step_extra_cycles) == (20_000, 30_000)


def test_the_host_observes_values_in_order(network: Any) -> None:
    program = square(network(**ROUND))
    program = replace(program, commands=(*program.commands, Observe("row", "y"), Observe("again", "y")))
    x = np.full((1, 64), 3, np.float32)
    result = Executor(program, {}).step({"x": x})
    assert [label for label, _ in result.observed] == ["row", "again"]
    assert np.array_equal(result.observed[0][1], x * x)


def test_calls_under_the_same_conditions_are_simulated_once(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[KernelRun] = []

    class Counted(KernelRun):
        def run(self, until: int | None = None) -> None:
            runs.append(self)
            super().run(until)

    monkeypatch.setattr(launch, "KernelRun", Counted)
    net = network(**ROUND)
    square(net)
    one, many = time_step(net.program(), {}), time_step(net.program(calls=50), {})
    assert len(runs) == 2
    assert many.kernel_calls == 50
    assert many.cycles == 50 * one.cycles


def test_progress_is_told_after_each_command(network: Any) -> None:
    told: list[tuple[int, int]] = []
    time_step(square(network()), {}, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_run_can_be_stopped_and_goes_on_to_the_same_end(network: Any) -> None:
    program = square(network(**ROUND))
    run = kernel_run(program)
    for cycle in (0, 50, 104, 105, 230):
        run.run(until=cycle)
        assert run.now <= cycle
    run.run()
    assert run.timing().cycles == time_step(program, {}).cycles - LAUNCH


@pytest.mark.parametrize(
    ("scalars", "message"),
    [
        ({}, "a position is read from address 64 (byte 0 of 'position'), which is no scalar input"),
        ({"position": 8}, "position 8 is outside what store 'append' stores to, 0 to 7"),
        ({"position": -1}, "position -1 is outside what store 'append' stores to, 0 to 7"),
        ({"place": 1}, "the program has no scalar input 'place'"),
        ({"x": 1}, "the program has no scalar input 'x'"),
    ],
)
def test_positions_must_be_known_and_inside_the_context(
    decoder: Any, scalars: dict[str, int], message: str
) -> None:
    with pytest.raises(ExecutionError) as caught:
        time_step(decoder(), scalars)
    assert message in str(caught.value)


def test_weights_and_inputs_must_be_given_and_fit(decoder: Any, decoder_data: Any) -> None:
    weights, inputs = decoder_data
    with pytest.raises(ExecutionError, match="no value for weight 'w', a tensor<3x8x8xf32>"):
        Executor(decoder(), {})
    with pytest.raises(
        ExecutionError, match=r"weight 'w' is a tensor<3x8x8xf32>, the value given is float64"
    ):
        Executor(decoder(), {"w": weights["w"].astype(np.float64)})
    executor = Executor(decoder(), weights)
    with pytest.raises(ExecutionError, match="no value for input 'position'"):
        executor.step({"x": inputs["x"], "probabilities": inputs["probabilities"]})
    with pytest.raises(ExecutionError, match="the program has no region 'z'"):
        executor.read("z")


def test_an_unknown_orchestration_is_named(decoder: Any) -> None:
    with pytest.raises(ExecutionError, match="unknown orchestration 'magic'; known: hardware, software"):
        time_step(decoder(), {"position": 0}, "magic")


def test_an_operation_that_cannot_be_computed_names_stage_and_firing(network: Any) -> None:
    # Softmax at position 9 of a row of 4: the numerics refuse, the error says where.
    net = network()
    x = net.memory("x", "input", 1, 1, 4)
    position = net.memory("position", "input", dtype="i32")
    y = net.memory("y", "value", 1, 1, 4, output=True)
    row, place, out = net.channel(1, 1, 4), net.channel(dtype="i32"), net.channel(1, 1, 4)
    net.load("load x", x, row)
    net.load("load position", position, place)
    spec = TensorSpec((1, 1, 4), "f32")
    inputs = [InputPort(row, spec), InputPort(place, TensorSpec((), "i32"))]
    net.stage("softmax", 1, inputs, [OutputPort(out, 2)], [Instruction("nn.attention_softmax", (0, 1), spec)])
    net.store("store", out, y)
    executor = Executor(net.program(), {})
    with pytest.raises(ExecutionError) as caught:
        executor.step({"x": np.zeros((1, 1, 4), np.float32), "position": np.array(9, np.int32)})
    assert "stage 'softmax', firing 0 of iteration 0: nn.attention_softmax: position 9" in str(caught.value)
    assert caught.value.location == "model.kl:3:1"
