"""Programs say of each instruction what it makes, of each stage how much work it is: both are derived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import kl
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.errors import ProgramError
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.units import InputPort, Instruction, OutputPort, Stage
from kl.backends.tensors import ELEMENT_BYTES, TensorSpec

FREE = {"nn.cast", "nn.matmul", "nn.dequantize"}
"""What says itself to which type of floats it rounds; that has to suit what reads it."""


@pytest.fixture(scope="module")
def program() -> Program:
    """A model with attention and routed experts, on two sockets."""
    return kl.compile("mixture", sockets=2).program


def stages(program: Program) -> Iterator[tuple[int, int, Stage]]:
    """The stages of a program, by the numbers of their kernel and of themselves."""
    for number, kernel in enumerate(program.kernels):
        for at, unit in enumerate(kernel.units):
            if isinstance(unit, Stage):
                yield number, at, unit


def with_stage(program: Program, number: int, at: int, stage: Stage) -> Program:
    """The program with another stage in a place."""
    kernel = program.kernels[number]
    units = (*kernel.units[:at], stage, *kernel.units[at + 1 :])
    kernels = (*program.kernels[:number], replace(kernel, units=units), *program.kernels[number + 1 :])
    return replace(program, kernels=kernels)


def is_refused(program: Program, number: int, at: int, stage: Stage) -> bool:
    """Whether the checks refuse a program with another stage; its own check is the first."""
    try:
        stage.check(program.kernels[number], program.machine.sockets)
        check_program(with_stage(program, number, at, stage))
    except ProgramError:
        return True
    return False


def other_types(spec: TensorSpec) -> Iterator[TensorSpec]:
    """Types that differ from one in an extent, in the number of axes, or in the type of elements."""
    for axis, extent in enumerate(spec.shape):
        for other in {extent - 1, extent + 1, 2 * extent}:
            yield replace(spec, shape=(*spec.shape[:axis], other, *spec.shape[axis + 1 :]))
    yield replace(spec, shape=(1, *spec.shape))
    yield replace(spec, shape=spec.shape[1:] if spec.shape else (1,))
    yield from (replace(spec, dtype=dtype) for dtype in ELEMENT_BYTES if dtype != spec.dtype)


def test_no_other_result_passes(program: Program) -> None:
    seen = 0
    for number, at, stage in stages(program):
        for place, instruction in enumerate(stage.body):
            for spec in other_types(instruction.result):
                body = (*stage.body[:place], replace(instruction, result=spec), *stage.body[place + 1 :])
                changed = replace(stage, body=body)
                rounds = instruction.operation in FREE and spec.shape == instruction.result.shape
                assert is_refused(program, number, at, changed) or rounds, (stage, instruction, spec)
                seen += 1
    assert seen > 500


def test_no_other_work_passes(program: Program) -> None:
    for number, at, stage in stages(program):
        for field in ("flops", "wide_flops"):
            for change in (-1, 1, 1000):
                changed = replace(stage, **{field: getattr(stage, field) + change})
                assert is_refused(program, number, at, changed), (stage, field)


def test_no_other_port_passes(program: Program) -> None:
    for number, at, stage in stages(program):
        for place, port in enumerate(stage.inputs):
            changes: list[dict[str, Any]] = [
                {field: getattr(port, field) + 1} for field in ("period", "gathered")
            ]
            changes += [{"slices": port.slices + 1}, {"axis": 0 if port.axis is None else port.axis + 1}]
            changes += [{"argument": spec} for spec in other_types(port.argument)]
            for change in changes:
                inputs = (*stage.inputs[:place], replace(port, **change), *stage.inputs[place + 1 :])
                assert is_refused(program, number, at, replace(stage, inputs=inputs)), (stage, change)


def test_attributes_that_an_instruction_needs_are_there(program: Program) -> None:
    optional = {"transposed", "groups", "interleaved", "along", "window", "ring"}
    for number, at, stage in stages(program):
        for place, instruction in enumerate(stage.body):
            for name in {*instruction.attributes} - optional | {"nonsense"}:
                attributes = {**instruction.attributes}
                attributes.pop(name, None) if name != "nonsense" else attributes.update(nonsense=1)
                changed = replace(instruction, attributes=attributes)
                body = (*stage.body[:place], changed, *stage.body[place + 1 :])
                assert is_refused(program, number, at, replace(stage, body=body)), (stage, name)


ROW = TensorSpec((1, 8), "f32")


def summed(network: Any, change: Callable[[Stage], Stage]) -> Program:
    """A row and its square are added up over two firings; the stage is changed."""
    net = network()
    x, y = net.memory("x", "input", 2, 8), net.memory("y", "value", 1, 8, output=True)
    row, total = net.channel(1, 8), net.channel(1, 8)
    net.load("load", x, row)
    body = [
        Instruction("nn.mul", (0, 0), ROW),
        Instruction("nn.add", (1, 2), ROW),
        Instruction("nn.silu", (3,), ROW),
    ]
    ports = [InputPort(row, ROW)], [OutputPort(total, 4, 2)]
    net.stage("sum", 2, *ports, body, states=(ROW,), next_states=(3,))
    net.store("store", total, y)
    net.units = [change(unit) if isinstance(unit, Stage) else unit for unit in net.units]
    return net.program()


def of_another_package(stage: Stage) -> Stage:
    """The same with an operation that is not ours in the place of the activation."""
    return replace(stage, body=(*stage.body[:2], Instruction("mine.silu", (3,), ROW, {"any": 3})))


def test_of_operations_of_other_packages_nothing_is_known(network: Any) -> None:
    check_program(summed(network, lambda stage: stage))
    check_program(summed(network, of_another_package))
    check_program(summed(network, lambda stage: replace(of_another_package(stage), flops=16)))
    with pytest.raises(
        ProgramError, match=r"says 15 FLOPs a firing, its instructions do 16 or more, as some"
    ):
        check_program(summed(network, lambda stage: replace(of_another_package(stage), flops=15)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda stage: replace(stage, flops=49),
            "stage 'sum': it says 49 FLOPs a firing, its instructions do 48",
        ),
        (
            lambda stage: replace(stage, next_states=(2,)),
            "state 0 becomes value 2, which no instruction makes",
        ),
        (
            lambda stage: replace(stage, next_states=(1,)),
            "state 0 becomes value 1, which no instruction makes",
        ),
        (
            lambda stage: replace(stage, outputs=(replace(stage.outputs[0], value=3),)),
            "value 4, of instruction 2, is read by nothing that it puts out",
        ),
        (
            lambda stage: replace(stage, outputs=(replace(stage.outputs[0], value=2),)),
            "is read by nothing that it puts out",
        ),
        (
            lambda stage: replace(stage, inputs=(replace(stage.inputs[0], axis=1),)),
            "input 0: axis 1, and tiles are neither joined nor cut",
        ),
    ],
)
def test_what_a_stage_computes_is_put_out(
    network: Any, change: Callable[[Stage], Stage], message: str
) -> None:
    with pytest.raises(ProgramError) as caught:
        check_program(summed(network, change))
    assert message in str(caught.value)
