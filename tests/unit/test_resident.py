"""Resident weights: fewer bytes from HBM, the same numbers, and what the checks refuse."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kl.backends.runs import RunOptions
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.check_machine import check_resident_weights
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.execution import Executor, ProgramRun, read_weights
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.memory import Data
from kl.backends.sn40l.positions import position_inputs
from kl.backends.sn40l.program import Program, Region, tier_span
from kl.backends.sn40l.report import Report
from kl.backends.sn40l.serialize import load_program
from kl.tools.kl import main

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples/llama3_tiny.kl")
LLAMA = str(ROOT / "examples/llama3_8b.kl")

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny Llama for some sockets, with and without resident weights."""
    folder = tmp_path_factory.mktemp("programs")

    @cache
    def program(sockets: int, resident: bool) -> Program:
        path, flag = folder / f"{sockets}{resident}.json", "--resident" if resident else "--no-resident"
        where = ["--to", "program", "-o", str(path), "--sockets", str(sockets)]
        assert main(["compile", TINY, *where, flag]) == 0
        return load_program(path)

    return program


def timed(program: Program, **options: bool) -> Report:
    return time_step(program, position_inputs(program, 3), **options)


def resident_regions(program: Program) -> list[Region]:
    return [region for region in program.regions if region.tier == "sram"]


@pytest.mark.parametrize("sockets", [1, 2])
def test_numbers_are_those_of_the_reference(sockets: int, capsys: Capture) -> None:
    for flag in ("--resident", "--no-resident"):
        given = ["run", TINY, "--check", "--steps", "3", "--sockets", str(sockets), flag]
        assert document(capsys, *given)["check"]["equal"] is True


@pytest.mark.parametrize("sockets", [1, 2])
def test_cycles_with_data_are_those_without(sockets: int, compiled: Any) -> None:
    program = compiled(sockets, True)
    steps = ProgramRun(program, read_weights(program, RunOptions()).arrays, 0, "hardware")
    *_, last = steps.steps(4, lambda *_: None)
    assert last.cycles == timed(program).cycles == timed(program, jump=False).cycles
    assert timed(program, every_socket=True).cycles == timed(program).cycles


@pytest.mark.parametrize("sockets", [1, 2])
def test_hbm_reads_less_by_just_what_is_resident(sockets: int, compiled: Any) -> None:
    program = compiled(sockets, True)
    held = sum(region.tensor.size_bytes for region in resident_regions(program))
    streamed, resident = timed(compiled(sockets, False)).traffic, timed(program).traffic
    assert held > 0
    assert streamed.sram_read == 0
    assert resident.sram_read == held == streamed.hbm_read - resident.hbm_read
    assert resident.without_resident_weights == streamed


def test_tables_of_which_rows_are_read_stay_in_hbm(compiled: Any) -> None:
    tiers = {region.name: region.tier for region in compiled(1, True).regions}
    assert tiers["embedding"] == "hbm"
    assert tiers["decoder.w_gate"] == tiers["head"] == "sram"


def test_no_kernel_has_the_pmus_of_a_weight_that_it_does_not_read(compiled: Any) -> None:
    program = compiled(1, True)
    places = {region.pmus(program.machine) for region in resident_regions(program)}
    lowest = min(first for first, _ in places)
    for kernel in program.kernels:
        for channel in kernel.channels:
            assert channel.pmus in places or sum(channel.pmus) <= lowest


def test_compare_shows_the_roofline_move(capsys: Capture) -> None:
    variants = {one["variant"]: one for one in document(capsys, "compare", LLAMA, "--sockets", "16")}
    looped, resident = variants["looped"], variants["resident"]
    both = "roofline_without_residence_tokens_per_second"
    assert resident[both] == looped[both] == looped["roofline_tokens_per_second"]
    assert resident[both] < resident["tokens_per_second"] < resident["roofline_tokens_per_second"]
    assert resident["kernel_calls_per_token"] == looped["kernel_calls_per_token"] == 4
    assert sum(resident["ledger_cycles"].values()) == resident["cycles"]
    assert resident["bytes"]["hbm_read"] + resident["bytes"]["sram_read"] == looped["bytes"]["hbm_read"]


def changed(program: Program, **changes: Any) -> Program:
    """A program with its last resident region changed, which has the lowest address."""
    first = resident_regions(program)[-1]
    regions = (replace(r, **changes) if r is first else r for r in program.regions)
    return replace(program, regions=tuple(regions))


def test_the_checks_refuse_what_is_not_in_place(compiled: Any) -> None:
    program: Program = compiled(1, True)
    check_program(program)
    machine, first = program.machine, resident_regions(program)[-1]
    _, end = tier_span(machine, "sram")
    for change, message in (
        ({"address": first.address - 64}, "no multiple of the 524288 bytes"),
        ({"kind": "value"}, "a value in SRAM"),
        ({"address": end}, "sram has"),
        ({"size_bytes": first.size_bytes - machine.pmu_bytes}, "belongs to"),
    ):
        with pytest.raises(ProgramError, match=message):
            check_program(changed(program, **change))


def test_a_channel_in_the_pmus_of_a_weight_is_refused(compiled: Any) -> None:
    program: Program = compiled(1, True)
    place = resident_regions(program)[0].pmus(program.machine)
    kernel = program.kernels[0]
    channels = (replace(kernel.channels[0], pmus=place), *kernel.channels[1:])
    kernels = (replace(kernel, channels=channels), *program.kernels[1:])
    with pytest.raises(ProgramError, match="or else none in such PMUs"):
        check_program(replace(program, kernels=kernels))


def test_weights_are_loaded_into_sram_once(compiled: Any) -> None:
    program = compiled(1, True)
    weights = read_weights(program, RunOptions()).arrays
    executor = Executor(program, weights)
    for region in resident_regions(program):
        assert (executor.read(region.name) == weights[region.name]).all()


def test_resident_comes_too_late_for_networks(tmp_path: Path, capsys: Capture) -> None:
    path = str(tmp_path / "step.mlir")
    assert main(["compile", TINY, "--to", "dataflow", "-o", path]) == 0
    assert main(["time", path, "--resident"]) == 1
    assert "has its units already" in capsys.readouterr().err


def test_a_weight_in_sram_is_read_in_place(compiled: Any) -> None:
    program: Program = compiled(1, True)
    last = resident_regions(program)[-1]
    place = last.pmus(program.machine)
    elsewhere = (place[0], 0)
    kernels = tuple(
        replace(k, channels=tuple(replace(c, pmus=elsewhere) if c.pmus == place else c for c in k.channels))
        for k in program.kernels
    )
    with pytest.raises(ProgramError, match="must have one channel in the PMUs of the weight"):
        check_resident_weights(replace(program, kernels=kernels))


def test_memory_is_taken_for_weights_not_for_whole_units(compiled: Any):
    program = compiled(1, True)
    units = sum(region.size_bytes for region in resident_regions(program))
    tensors = sum(region.tensor.size_bytes for region in program.regions)
    assert units > 20 * tensors
    tracemalloc.start()
    data = Data(program)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 2 * tensors
    for region in resident_regions(program):
        assert data.read_region(region).shape == region.tensor.shape


def test_a_remark_says_where_resident_weights_make_a_step_longer(capsys: Capture):
    for model, is_longer in ((TINY, True), (str(ROOT / "examples/mini.kl"), False)):
        plain = document(capsys, "time", model)["seconds"]
        assert main(["time", model, "--resident", "--json"]) == 0
        out, err = capsys.readouterr()
        seconds = json.loads(out)["seconds"]
        assert (seconds > plain) is is_longer
        remark = f"--resident makes a step {seconds / plain:.3f} times as long"
        assert (remark in err) is is_longer
