"""What a compiled program says of its schedule and its regions follows from its commands and kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kl.backends.parts import Part
from kl.backends.sn40l.check import CHECKS, check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.errors import ExecutionError, ProgramError
from kl.backends.sn40l.kernel import Kernel
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.positions import context_length
from kl.backends.sn40l.program import LoadArguments, Program
from kl.backends.sn40l.units import Gather
from kl.backends.tensors import TensorSpec
from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.lowering import lower
from kl.tools.universe import make_context
from kl.tools.variants import VARIANTS

EXAMPLES = Path(__file__).parents[2] / "examples"


@cache
def compiled(name: str, variant: str, sockets: int = 1, **parameters: int) -> Program:
    """An example as a program."""
    context = make_context()
    module = load_model((EXAMPLES / f"{name}.kl").read_text(encoding="utf-8"), name, parameters)
    if sockets > 1:
        load_pass("shard-tensors")(sockets=sockets).apply(context, module)
    choice = VARIANTS[variant].choice
    steps = min(2, choice.steps_per_call)
    lower(context, module, "rdu", replace(choice, steps_per_call=steps))
    return emit_program(module, name)


@pytest.mark.parametrize("sockets", [1, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_compiled_programs_pass(variant: str, sockets: int) -> None:
    check_program(compiled("mini", variant, sockets, layers=3))


@pytest.mark.parametrize("variant", ["unfused", "looped", "stepped"])
def test_programs_with_caches_and_experts_pass(variant: str) -> None:
    check_program(compiled("mixture", variant))


def test_checks_have_names_of_their_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)


def with_region(program: Program, name: str, **fields: Any) -> Program:
    """The program with one region changed."""
    regions = tuple(replace(r, **fields) if r.name == name else r for r in program.regions)
    assert regions != program.regions
    return replace(program, regions=regions)


def with_addresses(program: Program, call: int, edit: Callable[[list[int]], list[int]]) -> Program:
    """The program with the arguments of its call of a number changed."""
    loads = [number for number, one in enumerate(program.commands) if isinstance(one, LoadArguments)]
    commands = [*program.commands]
    load = commands[loads[call]]
    assert isinstance(load, LoadArguments)
    commands[loads[call]] = replace(load, addresses=tuple(edit([*load.addresses])))
    return replace(program, commands=tuple(commands))


def lengthened(program: Program) -> Program:
    value = next(r for r in program.regions if r.kind == "value" and r.name not in program.outputs)
    assert value.live is not None
    return with_region(program, value.name, live=(value.live[0], value.live[1] + 1))


def reordered(program: Program) -> Program:
    """The second layer before the first one."""
    load, a, run_a, b, run_b, *rest = program.commands
    return replace(program, commands=(load, b, run_b, a, run_a, *rest))


def with_kernel(program: Program, kernel: Kernel) -> Program:
    return replace(program, kernels=(*program.kernels, kernel))


WRONG: list[tuple[Callable[[Program], Program], str]] = [
    (lambda p: replace(p, outputs=()), "is alive from command 9 to 11, and needed from 9 to 10"),
    (lambda p: replace(p, tokens_per_step=2), "tokens_per_step is 2; the first output has 1"),
    (
        lambda p: replace(p, inputs=()),
        "region 'x' is an input, and stands 0 times among the inputs, not once",
    ),
    (lengthened, "is alive from command 1 to 5, and needed from 1 to 4"),
    (reordered, "command 2 executes 'block' with parameter 'out0' at addresses 49664 to 49791; no region"),
    (
        lambda p: with_kernel(p, replace(p.kernels[0], name="other")),
        "kernel 'other' is run by no command",
    ),
    (
        lambda p: replace(p, commands=p.commands[:-1]),
        "command 8 loads 'step.argmax', and no call runs with it",
    ),
    (
        lambda p: with_region(p, "head", tensor=TensorSpec((256, 64), "bf16")),
        "a tensor<64x256xbf16>, at byte 0 of region 'head', a tensor<256x64xbf16>; a parameter is",
    ),
    (lambda p: with_region(p, "head", size_bytes=32769), "region 'head' ends at address 32769, region"),
    (lambda p: with_region(p, "head", shard_parts=2), "region 'head': parts (2, (), 1) of an axis that is"),
    (lambda p: with_region(p, "head", layers=(1, 2)), "head has 0 layers, and numbers for 2"),
    (lambda p: with_region(p, "x", checkpoint="y"), "region 'x': checkpoint of a input is y; only a weight"),
    (lambda p: with_region(p, "x", size_bytes=129), "region 'x': 129 bytes, tensor<1x64xbf16> takes 128"),
    (lambda p: with_region(p, "head", rows=Part(0, 64)), "region 'head': rows 0..64 of no tensor of a check"),
    (lambda p: with_addresses(p, 0, lambda a: [a[0], a[1] + 2, a[2]]), "at byte 2 of region 'block.w', a"),
    (lambda p: with_addresses(p, 0, lambda a: [a[0], 0, a[2]]), "at byte 0 of region 'head', a"),
    (
        lambda p: with_addresses(p, 1, lambda a: [a[2], a[1], a[0]]),
        "commands 2 and 4 both write value 'x_1'; one",
    ),
    (lambda p: with_region(p, "head", kind="state"), "so it is zeros; only a cache [batch, heads, context"),
]


@pytest.mark.parametrize(("edit", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_what_does_not_follow_is_refused_with_both_numbers(
    edit: Callable[[Program], Program], message: str
) -> None:
    with pytest.raises(ProgramError) as caught:
        check_program(edit(compiled("mini", "fused", layers=2)))
    assert message in str(caught.value)


def test_a_call_has_one_index() -> None:
    program = compiled("mixture", "fused")
    (call, number, size) = next(
        (call, number, parameter.tensor.size_bytes)
        for call, load in enumerate(c for c in program.commands if isinstance(c, LoadArguments))
        for number, parameter in enumerate(_kernel(program, load.kernel).parameters)
        if parameter.name == "wq"
    )
    with pytest.raises(ProgramError, match="; a call has one index"):
        check_program(
            with_addresses(program, call, lambda a: [*a[:number], a[number] + size, *a[number + 1 :]])
        )


def _kernel(program: Program, name: str) -> Kernel:
    return next(kernel for kernel in program.kernels if kernel.name == name)


def test_rows_of_a_split_table_are_those_of_the_whole() -> None:
    program = compiled("mixture", "looped", 2)
    found = [(k, u) for k in program.kernels for u in k.units if isinstance(u, Gather)]
    (kernel, table) = found[0]
    for change, message in (
        ({"sharded": not table.sharded}, "rows"),
        ({"whole_rows": table.rows(2) - 1}, "it knows"),
        ({"table": replace(table.table, dtype="f32")}, "its tile is a|holds"),
    ):
        units = tuple(replace(u, **change) if u is table else u for u in kernel.units)
        kernels = tuple(replace(k, units=units) if k is kernel else k for k in program.kernels)
        with pytest.raises(ProgramError, match=message):
            check_program(replace(program, kernels=kernels))


def test_a_position_behind_the_context_is_refused_without_data() -> None:
    program = compiled("mixture", "looped")
    length = context_length(program)
    assert length is not None
    time_step(program, {"position": length - 1})
    for position in (length, -1):
        with pytest.raises(ExecutionError, match=f"position {position} is outside"):
            time_step(program, {"position": position})
