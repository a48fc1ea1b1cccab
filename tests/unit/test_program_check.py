"""Programs that are inconsistent or do not fit their machine are refused with the place and both numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.check_machine import check_memory
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Execute, LoadArguments, LoadProgram, Observe, Program, tier_span
from kl.backends.tensors import TensorSpec
from kl.dialects.loop_tree import Loop
from kl.dialects.machine import SN40L


def test_ddr_follows_hbm() -> None:
    assert tier_span(SN40L, "hbm") == (0, SN40L.hbm_bytes)
    assert tier_span(SN40L, "ddr") == (SN40L.hbm_bytes, SN40L.hbm_bytes + SN40L.ddr_bytes)


def test_a_region_ends_behind_its_last_byte(decoder: Any) -> None:
    x = decoder().regions[0]
    assert (x.address, x.end, x.size_bytes) == (0, 32, 32)


def edit_region(program: Program, name: str, **fields: object) -> Program:
    regions = tuple(replace(r, **fields) if r.name == name else r for r in program.regions)
    return replace(program, regions=regions)


def edit_kernel(program: Program, **fields: object) -> Program:
    return replace(program, kernels=(replace(program.kernels[0], **fields),))


def edit_unit(program: Program, name: str, edit: Callable[[Any], Any]) -> Program:
    units = program.kernels[0].units
    return edit_kernel(program, units=tuple(edit(u) if u.name == name else u for u in units))


def edit_channel(program: Program, index: int, **fields: object) -> Program:
    channels = list(program.kernels[0].channels)
    channels[index] = replace(channels[index], **fields)
    return edit_kernel(program, channels=tuple(channels))


def set_unit(name: str, **fields: object) -> Callable[[Program], Program]:
    return lambda program: edit_unit(program, name, lambda unit: replace(unit, **fields))


def set_pattern(name: str, **fields: object) -> Callable[[Program], Program]:
    return lambda program: edit_unit(
        program, name, lambda unit: replace(unit, pattern=replace(unit.pattern, **fields))
    )


def set_port(name: str, side: str, number: int, **fields: object) -> Callable[[Program], Program]:
    def edit(unit: Any) -> Any:
        ports = list(getattr(unit, side))
        ports[number] = replace(ports[number], **fields)
        return replace(unit, **{side: tuple(ports)})

    return lambda program: edit_unit(program, name, edit)


def set_instruction(name: str, number: int, **fields: object) -> Callable[[Program], Program]:
    return set_port(name, "body", number, **fields)


STRUCTURE: list[tuple[Callable[[Program], Program], str]] = [
    (
        lambda p: replace(p, machine=replace(p.machine, hbm_efficiency_permille=1100)),
        "hbm_efficiency_permille is 1100; above 1000 beats the roofline",
    ),
    (lambda p: replace(p, tokens_per_step=0), "tokens_per_step is 0; it must be positive"),
    (lambda p: replace(p, regions=(*p.regions, p.regions[0])), "two regions are named 'x'"),
    (lambda p: replace(p, kernels=p.kernels * 2), "two kernels are named 'kernel'"),
    (lambda p: edit_region(p, "x", kind="thing"), "region 'x': kind 'thing'; known: weight, state"),
    (lambda p: edit_region(p, "x", tier="disk"), "region 'x': tier 'disk'; known: hbm, ddr, sram"),
    (lambda p: edit_region(p, "x", size_bytes=31), "region 'x': 31 bytes, tensor<1x8xf32> takes 32"),
    (
        lambda p: edit_region(p, "x", tensor=TensorSpec((0,), "f32")),
        "region 'x': tensor<0xf32> has an extent",
    ),
    (lambda p: replace(p, inputs=("w",)), "input 'w' is a weight, not an input region"),
    (lambda p: replace(p, inputs=("v",)), "input 'v' is no region, not an input region"),
    (lambda p: replace(p, outputs=("v",)), "output 'v' is no region"),
    (lambda p: replace(p, commands=(Execute("kernel"),)), "command 0 executes 'kernel', loaded is None"),
    (lambda p: replace(p, commands=(LoadProgram("k"),)), "command 0 names kernel 'k', which does not exist"),
    (
        lambda p: replace(p, commands=(p.commands[0], p.commands[2])),
        "command 1 executes 'kernel' before its arguments are loaded",
    ),
    (
        lambda p: replace(p, commands=(p.commands[0], LoadArguments("kernel", (1,)))),
        "command 1 gives 1 addresses, 'kernel' has 6 parameters",
    ),
    (
        lambda p: replace(p, commands=(p.commands[1],)),
        "command 0 loads arguments of 'kernel', loaded is None",
    ),
    (lambda p: replace(p, commands=(Observe("a", "v"),)), "command 0 observes 'v', which is no region"),
    (
        lambda p: edit_kernel(p, loops=(Loop("iteration", 0),)),
        "kernel 'kernel': loop 'iteration' has 0 iterations; it takes one at least",
    ),
    (
        lambda p: edit_kernel(p, loops=(Loop("inner", 2, "outer"), Loop("outer", 2))),
        "kernel 'kernel': loop 'inner' is in 'outer', no loop before it",
    ),
    (
        lambda p: edit_kernel(p, loops=(*p.kernels[0].loops, Loop("other", 2))),
        "it runs in one of the loops iteration, other; its rate says in which",
    ),
    (lambda p: edit_channel(p, 0, depth=0), "channel 'c0' of depth 0; it takes one at least"),
    (lambda p: edit_channel(p, 0, latency_cycles=-1), "channel 'c0' has a latency of -1 cycles"),
    (set_unit("load x", channels=(44,)), "load 'load x': channel 44 of a kernel with 10 channels"),
    (set_unit("load x", channels=()), "load 'load x': it feeds no channel"),
    (set_unit("load x", channels=(0, 1)), "channel 'c1' has 2 producers ('load x', 'combine'), needs one"),
    (set_unit("append", done=()), "channel 'c9' has 0 producers (none), needs one"),
    (set_unit("store y", channel=3), "channel 'c2' has 0 consumers (none), needs one"),
    (
        set_unit("store y", channel=9),
        "store 'store y': its tile is a tensor<1x8xf32>, channel 'c9' holds None",
    ),
    (set_pattern("load x", parameter=-1), "load 'load x': parameter -1 of a kernel with 6 parameters"),
    (set_pattern("load x", strides=(4,)), "load 'load x': 1 strides for a tile of rank 2"),
    (set_pattern("load x", last=(1, 9)), "load 'load x': its last tile has (1, 9) of (1, 8)"),
    (set_pattern("load x", last=(1, 8)), "load 'load x': its last tile has (1, 8) of (1, 8)"),
    (set_pattern("load x", last=(1, 5)), "its last tile has (1, 5) of (1, 8), and it is the only one"),
    (
        set_pattern("load x", last=(1, 5), tiles=2, tile_stride=36),
        "its tiles are 36 bytes apart, a shorter last one follows after 32",
    ),
    (set_pattern("load x", tiles=0), "load 'load x': it has 0 steps; it takes one at least"),
    (set_pattern("append", position_parameter=0), "position 'x' is a tensor<1x8xf32>, not a scalar"),
    (set_unit("carry", tiles=0), "carry 'carry': it has 0 steps"),
    (set_unit("carry", final=5), "carry 'carry': channel 'c5' holds tensor<1x4xf32>, `init` tensor<1x8xf32>"),
    (set_unit("carry", init=9), "carry 'carry': it copies bare tokens"),
    (set_unit("combine", firings=-2), "stage 'combine': it has -2 steps"),
    (set_unit("combine", ii_cycles=0), "stage 'combine': an II of 0 cycles; it takes one at least"),
    (set_unit("combine", latency_cycles=-1), "stage 'combine': a latency of -1 cycles"),
    (set_unit("combine", flops=-1), "stage 'combine': -1 FLOPs"),
    (set_port("combine", "inputs", 0, period=0), "stage 'combine': a period of 0; it takes one at least"),
    (set_port("combine", "inputs", 0, slices=0), "stage 'combine': an input takes one tile and one slice"),
    (set_port("combine", "inputs", 0, channel=9), "stage 'combine': input 0: channel 'c9' holds bare tokens"),
    (set_port("combine", "inputs", 0, axis=3), "stage 'combine': input 0: axis 3 of a tensor<1x1x8xf32>"),
    (set_port("combine", "inputs", 0, slices=3), "stage 'combine': input 0: 3 slices of a tensor<1x1x8xf32>"),
    (set_port("combine", "inputs", 0, period=2), "stage 'combine': input 0: 4 slices in 2 firings"),
    (
        set_port("combine", "inputs", 2, gathered=4),
        "stage 'combine': input 2 makes (1, 16) of f32, its argument is a tensor<1x8xf32>",
    ),
    (set_port("combine", "outputs", 0, value=7), "stage 'combine': it puts out value 7 of 7"),
    (
        set_port("combine", "outputs", 0, value=1),
        "stage 'combine': value 1 is a tensor<1x1x2x8xf32>, not a tensor<1x8xf32>",
    ),
    (set_unit("combine", next_states=()), "stage 'combine': 0 next states for 1 states"),
    (
        set_instruction("combine", 0, operation="nn.no"),
        "instruction 0: unknown operation 'nn.no'; known: nn.add",
    ),
    (set_instruction("combine", 0, operands=(4,)), "instruction 0 reads value 4, there are 4 before it"),
    (
        set_instruction("combine", 0, result=TensorSpec((-1, -8), "f64")),
        "stage 'combine': its body: tensor<-1x-8xf64> has an extent that is not positive",
    ),
]


@pytest.mark.parametrize(("edit", "message"), STRUCTURE, ids=[message[:60] for _, message in STRUCTURE])
def test_an_inconsistent_program_is_refused_before_it_runs(
    decoder: Any, edit: Callable[[Program], Program], message: str
) -> None:
    program = edit(decoder())
    with pytest.raises(ProgramError) as caught:
        check_program(program)
    assert message in str(caught.value)
    with pytest.raises(ProgramError):
        time_step(program, {"position": 0})


def overlap_alive(program: Program) -> Program:
    address = program.regions[0].address
    return edit_region(program, "position", address=address + 28)


FIT: list[tuple[Callable[[Program], Program], str]] = [
    (
        set_port("project", "outputs", 1, period=2),
        "kernel 'kernel': 'project' puts 3 tiles a call into channel 'c6', 'combine' takes 6",
    ),
    (
        set_port("project", "outputs", 1, period=4),
        "kernel 'kernel', stage 'project': period 4 does not divide its 6 firings a call",
    ),
    (set_unit("project", pcus=(1036, 8)), "PCUs 1036 to 1043 of 'project'; the machine has 1040"),
    (set_unit("project", pcus=(10, 8)), "PCU 10 belongs to 'combine' and to 'project'"),
    (lambda p: edit_channel(p, 0, pmus=(1, 1)), "PMU 1 belongs to 'c0' and to 'c1'"),
    (
        lambda p: edit_channel(p, 4, depth=8192),
        "channel 'c4' holds 8192 tiles of 128 bytes, together 1048576, in 1 PMUs of 524288",
    ),
    (
        set_unit("project", flops=12_289),
        "stage 'project' does 12289 FLOPs in an II of 4 cycles, its 8 PCUs do 12288 at most",
    ),
    (
        lambda p: edit_region(p, "x", address=SN40L.hbm_bytes),
        f"region 'x' takes addresses {SN40L.hbm_bytes} to {SN40L.hbm_bytes + 31}, hbm has 0 to",
    ),
    (lambda p: edit_region(p, "y", live=(3, 1)), "region 'y' is alive from command 3 to 1"),
    (overlap_alive, "region 'x' ends at address 32, region 'position' begins at 28; both are alive"),
    (
        lambda p: replace(
            p,
            commands=(
                p.commands[0],
                LoadArguments("kernel", (32, *p.commands[1].addresses[1:])),
                p.commands[2],
            ),
        ),
        "command 2 executes 'kernel' with parameter 'x' at addresses 32 to 63; no region that is alive holds",
    ),
    (
        lambda p: edit_region(replace(p, commands=(*p.commands, Observe("y", "y"))), "y", live=(1, 2)),
        "command 3 observes 'y', which is alive from command 1 to 2",
    ),
    (
        lambda p: edit_region(replace(p, commands=(*p.commands, *p.commands[:1])), "y", live=(1, 2)),
        "command 3 is followed by a read of output 'y', which is alive from command 1 to 2",
    ),
    (
        lambda p: edit_region(p, "y", live=(0, 1)),
        "command 2 executes 'kernel' with parameter 'y' at addresses",
    ),
]


@pytest.mark.parametrize(("edit", "message"), FIT, ids=[message[:60] for _, message in FIT])
def test_a_program_that_does_not_fit_is_refused(
    decoder: Any, edit: Callable[[Program], Program], message: str
) -> None:
    with pytest.raises(ProgramError) as caught:
        check_program(edit(decoder()))
    assert message in str(caught.value)


def test_the_unit_at_fault_is_located_in_the_source(decoder: Any) -> None:
    with pytest.raises(ProgramError) as caught:
        check_program(set_unit("combine", ii_cycles=0)(decoder()))
    assert caught.value.location == "model.kl:8:1"


def test_values_share_addresses_when_one_dies_before_the_other_lives(decoder: Any) -> None:
    program = decoder()
    y = program.regions[-1]
    later = replace(y, name="later", live=(3, 5))
    program = replace(program, regions=(*program.regions, later))
    check_memory(edit_region(program, "y", live=(1, 2)))
    with pytest.raises(ProgramError, match="both are alive"):
        check_memory(edit_region(program, "y", live=(1, 3)))


def two_loops(network: Any, load: str, store: str) -> Program:
    """A load and a store, two passes each, at these rates; the loops are two in a row."""
    net = network(2)
    x, y, row = net.memory("x", "weight", 2, 4), net.memory("y", "value", 2, 4), net.channel(1, 4)
    net.load("load", x, row)
    net.store("store", row, y)
    program = edit_unit(net.program(), "load", lambda unit: replace(unit, rate=load))
    program = edit_unit(program, "store", lambda unit: replace(unit, rate=store))
    return edit_kernel(program, loops=(Loop("first", 2), Loop("second", 2)))


def test_both_ends_of_a_channel_run_in_one_branch_of_the_loops(network: Any) -> None:
    what = "'load' puts tiles into channel 'c0' at rate 'first', 'store' takes them at rate 'second', a loop"
    program = two_loops(network, "first", "second")
    with pytest.raises(ProgramError, match=what):
        check_program(program)


def test_a_loop_without_units_is_none(network: Any) -> None:
    with pytest.raises(ProgramError, match="no unit runs in loop 'second'"):
        check_program(two_loops(network, "first", "first"))
