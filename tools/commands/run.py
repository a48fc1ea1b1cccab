"""`kl run`: decode steps in numbers, compared with the reference if wanted."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from ...backends.sn40l.program import Program
from ...backends.tensors import Array, spec_of
from ...passes import load_pass
from ..compilation import Compiler
from ..diagnostics import HELP_MARK, InputError
from ..execution import Run, Step, check_position, input_regions, is_position, read_weights
from ..inputs import ModuleInput, ProgramInput
from ..progress import progress
from ..reference import Difference, Reference
from ..tables import print_json, print_table
from .options import JSON_VERSION

MOST_VALUES = 1024
"""Larger tensors are printed without their elements."""


def run(arguments: argparse.Namespace) -> int:
    """Run the steps; 1 if the reference is asked for and differs."""
    compiler = Compiler.of(arguments)
    given = compiler.read()
    module = _reference_module(compiler, given) if arguments.check else None
    program = compiler.program(given, compiler.choice())
    calls, rest = divmod(arguments.steps, program.steps)
    if rest:
        raise InputError(
            f"{arguments.steps} steps are asked for, a call makes {program.steps}{HELP_MARK}"
            "--steps is a multiple of --steps-per-call"
        )
    check_position(program, arguments.steps - program.steps)
    weights = read_weights(program, arguments.weights, arguments.seed)
    steps = Run(program, weights, arguments.seed, arguments.orchestration)
    reference = Reference(module, steps) if module is not None else None
    done: list[Step] = []
    differences: list[Difference] = []
    with progress(f"running {program.name}") as advance:
        for step in steps.steps(calls, advance):
            done.append(step)
            differences += reference.differences(step) if reference is not None else []
    checked = None if reference is None else differences
    if arguments.json:
        print_json(_document(arguments, program, done, checked))
    else:
        _print(program, done, checked)
    return 1 if differences else 0


def _reference_module(compiler: Compiler, given: ModuleInput | ProgramInput) -> ModuleOp:
    """The input as it was given: it says what the program must compute.

    On several sockets the order of the sums over them belongs to that, so a model is split first.

    Raises: InputError at the levels that have no meaning without a machine.
    """
    if isinstance(given, ProgramInput) or given.level == "rdu":
        raise InputError(
            f"{given.path} is a program for the machine, which has no reference{HELP_MARK}"
            "--check works from a model, or from IR at the nn, kernel or dataflow level"
        )
    module = given.module.clone()
    if given.level == "nn":
        load_pass("shard-tensors")().apply(compiler.ctx, module)
    return module


def _document(
    arguments: argparse.Namespace,
    program: Program,
    steps: list[Step],
    differences: list[Difference] | None,
) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "input": arguments.input,
        "program": program.name,
        "seed": arguments.seed,
        "weights": arguments.weights,
        "orchestration": arguments.orchestration,
        "steps": [
            {
                "position": step.position,
                "cycles": step.report.cycles,
                "inputs": _arrays(step.inputs),
                "outputs": _arrays(step.outputs),
                "observed": [{"label": label} | _array(value) for label, value in step.observed],
            }
            for step in steps
        ],
        "check": None if differences is None else _check_document(differences),
    }


def _check_document(differences: list[Difference]) -> dict[str, Any]:
    return {
        "equal": not differences,
        "differences": [
            {
                "position": one.position,
                "value": one.value,
                "elements": one.elements,
                "largest": one.largest,
            }
            for one in differences
        ],
    }


def _arrays(arrays: Mapping[str, Array]) -> dict[str, dict[str, Any]]:
    return {name: _array(value) for name, value in arrays.items()}


def _array(array: Array) -> dict[str, Any]:
    spec = spec_of(array)
    data: dict[str, Any] = {"shape": list(spec.shape), "type": spec.dtype}
    if spec.elements <= MOST_VALUES:
        exact = array if spec.numpy_dtype.kind in "ib" else array.astype("float64")
        data["values"] = exact.tolist()
    return data


def _print(program: Program, steps: list[Step], differences: list[Difference] | None) -> None:
    names = [region.name for region in input_regions(program) if not is_position(region)]
    columns = ["position", *(f"in: {name}" for name in names)]
    columns += [*(f"out: {name}" for name in steps[0].outputs), "cycles"]
    print_table(columns, [_row(step, names) for step in steps])
    for step in steps:
        for label, value in step.observed:
            print(f"position {step.position}: {label} = {_short(value)}")
    for one in differences or ():
        print(one)
    if differences is not None and not differences:
        print(f"equal to the reference, bit for bit: {len(steps) * program.steps} steps, outputs and states")


def _row(step: Step, names: list[str]) -> list[str]:
    values = [step.inputs[name] for name in names] + list(step.outputs.values())
    return [str(step.position), *map(_short, values), str(step.report.cycles)]


def _short(array: Array) -> str:
    """The first elements of an array."""
    flat = array.reshape(-1)
    shown = ", ".join(f"{value:g}" if array.dtype.kind != "i" else str(value) for value in flat[:4])
    return f"[{shown}, …]" if flat.size > 4 else f"[{shown}]"
