"""What stages take in vain, and what sockets do not agree on, is refused with the place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import kl
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.check_experts import check_experts
from kl.backends.sn40l.check_sockets import check_sockets
from kl.backends.sn40l.check_work import check_work
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.program import Observe, Program, Region
from kl.backends.sn40l.region_weights import check_weight
from kl.backends.sn40l.units import Stage
from kl.backends.tensors import TensorSpec
from kl.dialects.stored_formats import StoredPart


def edited(program: Program, name: str, edit: Callable[[Any], Any]) -> Program:
    """The program with one unit of its kernel edited."""
    (kernel,) = program.kernels
    units = tuple(edit(unit) if unit.name == name else unit for unit in kernel.units)
    assert units != kernel.units
    return replace(program, kernels=(replace(kernel, units=units),))


def reading(operand: int) -> Callable[[Stage], Stage]:
    """The last instruction of a stage reads one value only."""

    def edit(stage: Stage) -> Stage:
        last = stage.body[-1]
        return replace(
            stage, body=(*stage.body[:-1], replace(last, operands=(operand,) * len(last.operands)))
        )

    return edit


def test_an_input_that_nothing_uses_is_refused(decoder: Any) -> None:
    check_work(decoder())
    with pytest.raises(
        ProgramError,
        match=r"stage 'project': value 1, an input or a state, is read by nothing",
    ):
        check_work(edited(decoder(), "project", reading(0)))


def test_a_state_that_never_changes_is_refused(decoder: Any) -> None:
    stage = next(u for u in decoder().kernels[0].units if isinstance(u, Stage))
    state = replace(
        stage, states=(stage.inputs[0].argument,), next_states=(len(stage.inputs),), body=stage.body
    )
    with pytest.raises(ProgramError, match=f"state 0 becomes value {len(stage.inputs)}, which"):
        check_work(edited(decoder(), stage.name, lambda _: state))


def split(net: Any) -> Program:
    """On four sockets: what is made of a part of a weight is observed behind its exchange."""
    w, y = net.memory("w", "weight", 1, 8, split=(1, 4)), net.memory("y", "value", 1, 8, output=True)
    part, total = net.channel(1, 8), net.channel(1, 8)
    net.load("load", w, part)
    net.collective("sum", "all_reduce", part, total)
    net.store("store", total, y)
    return net.program()


def test_what_sockets_do_not_share_is_not_read_by_the_host(network: Any) -> None:
    program = split(network(sockets=4))
    check_program(program)
    (kernel,) = program.kernels
    store = replace(kernel.units[-1], channel=0)
    bare = replace(program, kernels=(replace(kernel, units=(kernel.units[0], store)),))
    with pytest.raises(ProgramError, match="output 'y' is made of a part of 'w'; sockets differ in it"):
        check_sockets(bare)
    observed = replace(program, commands=(*program.commands, Observe("weight", "w")))
    with pytest.raises(ProgramError, match="command 3 observes 'w', made of a part of 'w'; sockets differ"):
        check_sockets(observed)
    alone = replace(bare, machine=replace(bare.machine, sockets=1))
    check_sockets(alone)


def test_a_sum_over_sockets_has_no_axis(network: Any) -> None:
    with pytest.raises(ProgramError, match="axis 0 of an all_reduce, which has none"):
        check_program(edited(split(network(sockets=4)), "sum", lambda unit: replace(unit, axis=0)))


def test_a_store_is_done_with_bare_tokens(decoder: Any) -> None:
    (kernel,) = (program := decoder()).kernels
    tile = kernel.channels[0].tile
    channels = tuple(replace(c, tile=tile) if c.tile is None else c for c in kernel.channels)
    with pytest.raises(ProgramError, match=r"channel 'c9' holds tensor<1x8xf32>, not bare tokens"):
        check_program(replace(program, kernels=(replace(kernel, channels=channels),)))


def test_a_stored_part_has_the_shape_of_its_codes_or_scales() -> None:
    tensor, stored = TensorSpec((16, 8), "f8E4M3FN"), StoredPart("codes", "f8e4m3", (16, 8), (8, 8))
    region = Region("w", "weight", "hbm", 0, tensor.size_bytes, tensor, stored=stored)
    check_weight(region)
    scales = replace(region, tensor=TensorSpec((2, 1), "f32"), stored=replace(stored, part="scales"))
    check_weight(scales)
    for wrong in (replace(region, tensor=TensorSpec((8, 16), "f8E4M3FN")), replace(scales, tensor=tensor)):
        with pytest.raises(
            ProgramError, match=r"region 'w': \[.*\] for .* of \[16, 8\] in f8e4m3, which are"
        ):
            check_weight(wrong)


def test_a_stack_has_as_many_slices_as_there_are_ids() -> None:
    program = kl.compile("mixture", param={"layers": 1, "hidden": 16, "ffn": 8, "vocab": 16}).program
    check_experts(program)

    def fewer(unit: Any) -> Any:
        if not isinstance(unit, Stage) or not any("experts" in one.attributes for one in unit.body):
            return unit
        body = tuple(replace(one, attributes={**one.attributes, "experts": 7}) for one in unit.body)
        return replace(unit, body=body)

    kernels = tuple(replace(one, units=tuple(map(fewer, one.units))) for one in program.kernels)
    with pytest.raises(
        ProgramError, match=r"reads a stack of 8 by ids, nn.distinct gives those of 7 experts"
    ):
        check_experts(replace(program, kernels=kernels))


def test_a_parameter_has_elements(decoder: Any) -> None:
    (kernel,) = (program := decoder()).kernels
    first = replace(kernel.parameters[0], tensor=TensorSpec((0, 8), "f32"))
    kernel = replace(kernel, parameters=(first, *kernel.parameters[1:]))
    with pytest.raises(ProgramError, match=r"parameter '\w+': tensor<0x8xf32> has an extent"):
        check_program(replace(program, kernels=(kernel,)))
