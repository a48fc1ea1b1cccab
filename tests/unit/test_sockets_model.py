"""A whole model on several sockets: the reference's numbers, one time for all of them, and `kl` on top."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.execution import Executor
from kl.backends.sn40l.launch import time_step
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.sn40l.units import Collective
from kl.backends.targets import Choice
from kl.backends.weights import random_weights
from kl.dialects.rdu_machine import machine_of, set_machine
from kl.frontends import load_model
from kl.passes.sharding.shard_tensors import ShardTensorsPass
from kl.tools.kl import main
from kl.tools.lowering import lower
from kl.tools.universe import make_context

TINY = str(Path(__file__).parents[2] / "examples" / "llama3_tiny.kl")

CHOICES = {"unfused": Choice("op", False), "fused": Choice("layer", False), "looped": Choice()}

Capture = pytest.CaptureFixture[str]


def tiny(sockets: int, **extents: int) -> ModuleOp:
    """The small model for so many sockets, not split yet."""
    module = load_model(Path(TINY).read_text(encoding="utf-8"), TINY, extents)
    set_machine(module, machine_of(module).with_values({"sockets": sockets}))
    return module


def program_of(module: ModuleOp, variant: str) -> Program:
    """The program of a model, whose module is lowered on the way."""
    lower(make_context(), module, "rdu", CHOICES[variant])
    program = emit_program(module, "tiny")
    check_program(program)
    return program


@pytest.mark.parametrize("sockets", [1, 2, 4])
@pytest.mark.parametrize("variant", CHOICES)
def test_every_socket_takes_the_time_of_one(sockets: int, variant: str) -> None:
    program = program_of(tiny(sockets), variant)
    report = time_step(program, {"position": 63})
    assert report == time_step(program, {"position": 63}, every_socket=True)
    assert report.ledger.total == report.cycles
    units = [unit for kernel in program.kernels for unit in kernel.units]
    assert any(isinstance(unit, Collective) for unit in units) == (sockets > 1)
    assert (report.traffic.link_sent > 0) == (report.ledger.collectives > 0) == (sockets > 1)


@pytest.mark.parametrize("sockets", [2, 4])
@pytest.mark.parametrize("variant", CHOICES)
def test_all_sockets_together_give_the_bits_of_the_reference(sockets: int, variant: str) -> None:
    module = tiny(sockets)
    assert_same_as_reference(module, program_of(module.clone(), variant), steps=3)


def assert_same_as_reference(module: ModuleOp, program: Program, steps: int) -> None:
    """The program gives the bits of the split model, on every socket, in the time of one."""
    weights = random_weights(weight_specs(module), seed=0)
    ShardTensorsPass().apply(make_context(), module)
    reference, executor = Interpreter(module, weights), Executor(program, weights)
    for position in range(steps):
        token, place = np.array([7 * position], np.int32), np.array(position, np.int32)
        inputs = dict(zip(program.inputs, (token, place), strict=True))
        result, wanted = executor.step(inputs), reference.step([token, place])
        for mine, theirs in zip(result.outputs.values(), wanted.outputs, strict=True):
            assert mine.tobytes() == theirs.tobytes()
        assert result.report == time_step(program, {program.inputs[1]: position})
    for socket, states in enumerate(reference.socket_states):
        for name, state in states.items():
            assert executor.read(name, socket).tobytes() == state.tobytes()


# Heads that do not divide the sockets.

UNEVEN = {
    16: {"heads": 24, "kv_heads": 8, "hidden": 48, "layers": 2},
    2: {"heads": 3, "kv_heads": 1, "hidden": 12, "layers": 2},
    4: {"heads": 12, "kv_heads": 6, "hidden": 48, "layers": 2},
}


@pytest.mark.parametrize("sockets", UNEVEN)
@pytest.mark.parametrize("variant", CHOICES)
def test_padded_heads_give_the_bits_of_the_reference(sockets: int, variant: str) -> None:
    module = tiny(sockets, **UNEVEN[sockets])
    program = program_of(module.clone(), variant)
    assert_same_as_reference(module, program, steps=2)
    assert time_step(program, {"position": 63}) == time_step(program, {"position": 63}, every_socket=True)
    assert load_back(program) == program


def load_back(program: Program) -> Program:
    """The program after it was saved."""
    return parse_program(dump_program(program))


# The command line.


def document(capsys: Capture, *arguments: str) -> Any:
    """What a command prints with --json; it must succeed."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_kl_checks_a_run_on_several_sockets(capsys: Capture) -> None:
    run = document(capsys, "run", TINY, "--sockets", "4", "--steps", "2", "--check")
    assert run["check"]["equal"] is True


@pytest.mark.parametrize("level", ["kernel", "dataflow", "rdu", "program"])
def test_kl_goes_on_from_every_level(level: str, tmp_path: Path, capsys: Capture) -> None:
    path = str(tmp_path / f"step.{'json' if level == 'program' else 'mlir'}")
    assert main(["compile", TINY, "--sockets", "2", "--to", level, "-o", path]) == 0
    timed, wanted = document(capsys, "time", path), document(capsys, "time", TINY, "--sockets", "2")
    assert timed["sockets"] == wanted["sockets"] == 2
    assert timed["ledger_cycles"] == wanted["ledger_cycles"]
    check = ["--check"] if level in ("kernel", "dataflow") else []
    run = document(capsys, "run", path, "--steps", "2", *check)
    assert run["steps"] == document(capsys, "run", TINY, "--sockets", "2", "--steps", "2")["steps"]


def test_kl_compares_on_several_sockets(capsys: Capture) -> None:
    assert [one["sockets"] for one in document(capsys, "compare", TINY, "--sockets", "4")] == [4] * 8
    assert main(["compare", TINY, "--sockets", "4"]) == 0
    assert "4 sockets" in capsys.readouterr().out


@pytest.mark.parametrize("level", ["nn", "kernel"])
def test_the_number_of_sockets_comes_before_the_work_is_shared_out(
    level: str, tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "step.mlir"
    if level == "kernel":
        assert main(["compile", TINY, "--sockets", "2", "--to", "kernel", "-o", str(path)]) == 0
    else:
        module = tiny(2)
        ShardTensorsPass().apply(make_context(), module)
        path.write_text(f"{module!s}\n", encoding="utf-8")
    assert document(capsys, "time", str(path), "--sockets", "2")["sockets"] == 2
    assert main(["time", str(path), "--sockets", "4"]) == 1
    message = capsys.readouterr().err
    assert f"{path} is made for 2 sockets already\nhelp: give another number to the model" in message
