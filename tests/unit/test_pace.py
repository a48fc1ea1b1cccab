"""No program is faster than its machine: passes write the fastest schedules there are, faster are refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import kl
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.check_pace import least_hops, pace_of
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.kernel import Kernel, Unit
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import position_inputs, timed_position
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import parse_program
from kl.backends.sn40l.units import Carry, Stage
from kl.dialects.grid import Grid, distance, way
from kl.dialects.machine import SN40L
from kl.dialects.pacing import Read, StagePace, Write, stage_pace
from kl.tools.kl import main
from kl.tools.variants import DEMANDED, VARIANTS

EXAMPLES = Path(__file__).parents[2] / "examples"
MINI = str(EXAMPLES / "mini.kl")
OTHERS: dict[str, tuple[str, dict[str, Any]]] = {
    "one die": ("mini", {"set": {"dies": 1, "grid_columns": 40}}),
    "sockets": ("llama3_tiny", {"sockets": 2}),
    "unfused": ("llama3_tiny", {"loop": False, "fusion": "op"}),
    "resident": ("llama3_tiny", {"resident": True, "steps_per_call": 4}),
    "experts": ("mixture", {}),
}
DETOURS: dict[str, Any] = {"single_call": True, "set": {"rdn_bytes_per_cycle": 2}}
"""By the usual ways a link would carry more."""
SLOW_PORTS: dict[str, Any] = {"set": {"pmu_port_bytes_per_cycle": 4}}
"""Stages take several cycles a firing."""


def made(model: str, **options: Any) -> Program:
    return parse_program(kl.compile(str(EXAMPLES / f"{model}.kl"), **options).text("program"))


def variant(name: str) -> dict[str, Any]:
    choice = VARIANTS[name].choice
    return {one.name: getattr(choice, one.name) for one in fields(choice) if one.name in DEMANDED}


def slack(program: Program) -> list[int]:
    """Cycles by which channels are slower than they could be; of stages it must be none."""
    found = list[int]()
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Stage):
                pace = pace_of(unit, kernel, program.machine)
                assert (unit.ii_cycles, unit.latency_cycles) == (pace.interval, pace.latency), unit.name
        hops = least_hops(kernel, program.machine, program.resident_places)
        cycles = [program.machine.hop_latency_cycles * one for one in hops]
        found += [c.latency_cycles - least for c, least in zip(kernel.channels, cycles, strict=True)]
    return found


@pytest.mark.parametrize("name", VARIANTS)
def test_passes_write_the_fastest_there_is(name: str) -> None:
    program = made("mini", **variant(name))
    assert {*slack(program)} == {0}
    check_program(program)


@pytest.mark.parametrize("name", OTHERS)
def test_passes_write_the_fastest_of_other_models(name: str) -> None:
    model, options = OTHERS[name]
    program = made(model, **options)
    assert {*slack(program)} == {0}
    check_program(program)


def test_a_detour_is_slower_and_may_be() -> None:
    found = slack(made("mini", **DETOURS))
    assert min(found) == 0
    assert max(found) > 0


Edit = Callable[[Kernel], Kernel]


def with_kernel(program: Program, number: int, edit: Edit) -> Program:
    kernels = list(program.kernels)
    kernels[number] = edit(kernels[number])
    return replace(program, kernels=tuple(kernels))


def with_unit(kernel: Kernel, number: int, unit: Unit) -> Kernel:
    return replace(kernel, units=(*kernel.units[:number], unit, *kernel.units[number + 1 :]))


def with_channel(kernel: Kernel, number: int, **changed: Any) -> Kernel:
    channels = list(kernel.channels)
    channels[number] = replace(channels[number], **changed)
    return replace(kernel, channels=tuple(channels))


def changes(program: Program, by: int) -> list[tuple[Program, str, int, int]]:
    """Each interval, latency and time on the network alone by so many cycles more: with the name of what it
    is of, what it is then, and what it was."""
    found = list[tuple[Program, str, int, int]]()
    for at, kernel in enumerate(program.kernels):
        for number, unit in enumerate(kernel.units):
            for name in ("ii_cycles", "latency_cycles") if isinstance(unit, Stage) else ():
                old = getattr(unit, name)
                edited = replace(unit, **{name: old + by})
                program_then = with_kernel(program, at, lambda k, n=number, u=edited: with_unit(k, n, u))
                found.append((program_then, unit.name, old + by, old))
        for number, channel in enumerate(kernel.channels):
            old = channel.latency_cycles
            program_then = with_kernel(
                program, at, lambda k, n=number, c=old + by: with_channel(k, n, latency_cycles=c)
            )
            found.append((program_then, channel.name, old + by, old))
    return found


@pytest.mark.parametrize(("model", "options"), [("mini", SLOW_PORTS), OTHERS["resident"]])
def test_a_cycle_less_is_refused_with_both_numbers(model: str, options: dict[str, Any]) -> None:
    mutants = [one for one in changes(made(model, **options), -1) if one[2] > 0]
    assert len(mutants) > 10
    for mutant, name, given, least in mutants:
        with pytest.raises(ProgramError) as caught:
            check_program(mutant)
        assert f"'{name}'" in caught.value.message
        assert re.search(rf"\b{given} cycles.* take {least} at least", caught.value.message), caught.value


def test_more_cycles_are_a_choice_and_take_no_less_time() -> None:
    program = made("mini")
    inputs = position_inputs(program, timed_position(program, None))
    fastest = time_step(program, inputs).cycles
    for slower, name, *_ in changes(program, 7):
        check_program(slower)
        assert time_step(slower, inputs).cycles >= fastest, name


def test_what_is_moved_away_takes_as_long_as_its_way() -> None:
    program = made("mini")
    stages = [(n, unit) for n, unit in enumerate(program.kernels[0].units) if isinstance(unit, Stage)]
    number, stage = next(pair for pair in stages if pair[1].name == "silu.w")
    first = min(unit.pcus[0] for _, unit in stages)
    assert first >= stage.pcus[1], "there is room in front of all"
    there = replace(stage, pcus=(0, stage.pcus[1]))
    moved = with_kernel(program, 0, lambda kernel: with_unit(kernel, number, there))
    least = [2 * hops for hops in least_hops(moved.kernels[0], program.machine, set())]
    given = [channel.latency_cycles for channel in program.kernels[0].channels]
    at = next(n for n in range(len(least)) if given[n] < least[n])
    with pytest.raises(ProgramError, match=rf"{given[at]} cycles on the network.* take {least[at]} at least"):
        check_program(moved)
    for channel, cycles in enumerate(least):
        moved = with_kernel(moved, 0, lambda k, n=channel, c=cycles: with_channel(k, n, latency_cycles=c))
    check_program(moved)


def test_fewer_pmus_are_slower_ports() -> None:
    program = made("mini", **SLOW_PORTS)
    kernel = program.kernels[0]
    stage, port = max(
        ((unit, port) for unit in kernel.units if isinstance(unit, Stage) for port in unit.inputs),
        key=lambda pair: kernel.channels[pair[1].channel].pmus[1],
    )
    pace = pace_of(stage, kernel, program.machine)
    first, count = kernel.channels[port.channel].pmus
    assert count > 1
    fewer = with_channel(kernel, port.channel, pmus=(first, 1), depth=1)
    assert pace_of(stage, fewer, program.machine).inputs > pace.inputs


def test_a_carry_lies_at_what_it_feeds_first() -> None:
    kernel = made("mini").kernels[0]
    carry = next(unit for unit in kernel.units if isinstance(unit, Carry))
    assert carry.beside == carry.current[0]
    assert replace(carry, current=()).beside == carry.final


def test_a_stage_is_as_fast_as_its_slowest_part() -> None:
    machine = SN40L.with_values({"stage_latency_cycles": 48, "pmu_port_bytes_per_cycle": 64})
    reads = [Read(640, 2, changes=True), Read(6400, 0, changes=False), Read(64, 1, changes=True)]
    writes = [Write(1280, 1, 4), Write(64, 0, 1)]
    pace = stage_pace(machine, 3, reads, writes)
    assert pace == StagePace(compute=3, inputs=5, outputs=5, held=100, late=20, pipeline=48)
    assert (pace.interval, pace.latency) == (5, 5 + 100 + 20 + 48)
    assert pace.trouble(5, 173) is None
    assert pace.trouble(4, 173) == (
        "an II of 4 cycles; its body and its ports take 5 at least (inputs 5, compute 3, outputs 5)"
    )
    assert pace.trouble(9, 172) == (
        "a latency of 172 cycles; its body and its ports take 173 at least "
        "(II 5, held inputs 100, late outputs 20, pipeline 48)"
    )
    assert stage_pace(machine, 0, [], []).interval == 1


def test_a_way_leads_through_the_buffer_and_over_the_nearer_edge() -> None:
    grid = Grid.of(SN40L.with_values({"pcus": 40, "pmus": 40, "dies": 1, "grid_columns": 8}))
    assert grid.units[:6] == ((0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (4, 1))
    assert way(grid, (0, 1), (2, 1), (4, 1)).hops == 2 + 2
    assert way(grid, (0, 0), (5, 1), (4, 1)).hops == 1 + 1
    assert way(grid, (0, 0), (5, 0), (0, 0)).hops == 1 + 1
    assert way(grid, (4, 1), (0, 0), (6, 1)).hops == 2
    assert way(grid, (0, 0), (5, 1), (5, 1), in_place=True).hops == 0
    assert (grid.range(99, 1), grid.range(-3, 1)) == (grid.units[-1:], grid.units[:1])
    assert distance([(0, 0), (0, 1)], [(3, 3)]) == 6


@pytest.mark.parametrize("level", ["dataflow", "rdu"])
@pytest.mark.parametrize("name", ["ii", "latency"])
def test_a_schedule_by_hand_is_refused_where_it_stands(
    level: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = kl.compile(MINI, **SLOW_PORTS).text(level).split("\n")
    at = next(n for n, line in enumerate(lines) if "dataflow.stage" in line and f" {name} = " in line)
    old = int(re.findall(rf" {name} = (\d+)", lines[at])[0])
    path = tmp_path / "m.mlir"

    def timed(number: int) -> int:
        text = lines[at].replace(f" {name} = {old} ", f" {name} = {number} ")
        path.write_text("\n".join([*lines[:at], text, *lines[at + 1 :]]), encoding="utf-8")
        return main(["time", str(path)])

    assert timed(old - 1) == 1
    error = capsys.readouterr().err
    assert f"m.mlir:{at + 1}:" in error
    assert re.search(rf" {old - 1} cycles; its body and its ports take {old} at least", error)
    assert timed(old) == 0
    fastest = capsys.readouterr().out
    assert timed(old + 1000) == 0
    assert capsys.readouterr().out != fastest


def test_hops_by_hand_are_refused_where_they_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = kl.compile(MINI).text("rdu").split("\n")
    at, old = next(
        (n, int(hops)) for n, line in enumerate(lines) for hops in re.findall(r"hops = ([1-9]\d*)", line)
    )
    path = tmp_path / "m.mlir"
    for hops, code in ((old - 1, 1), (old, 0), (old + 5, 0)):
        text = lines[at].replace(f"hops = {old} ", f"hops = {hops} ")
        path.write_text("\n".join([*lines[:at], text, *lines[at + 1 :]]), encoding="utf-8")
        assert main(["time", str(path)]) == code
        error = capsys.readouterr().err
        if code:
            assert f"m.mlir:{at + 1}:" in error
            assert f" has {hops} hops; its places take {old} at least" in error
