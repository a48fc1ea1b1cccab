"""Programs are held against the text of a model: edits of IR and of programs that change what is computed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from xdsl.dialects.builtin import ModuleOp

import kl
from kl.backends.sn40l.program import Program, Region
from kl.backends.sn40l.units import Stage
from kl.backends.targets import Choice
from kl.dialects.rdu_machine import machine_of, set_machine
from kl.frontends import load_model
from kl.tools.against import Mismatch, ModelReference, check_against
from kl.tools.kl import main
from kl.tools.lowering import lower
from kl.tools.universe import find_target, make_context

TINY = str(Path(__file__).parents[2] / "examples/llama3_tiny.kl")
MODEL = """model pair

dtype bf16
constant gains[j in 0..32]: bf16 = 1.0 / (j + 1.0)
weight table[16, 32] from "table"
weight up[32, 32] from transposed "up"
weight head[32, 16] from "head"

layer block[2](x[1, 32], position: i32) {
  weight w[32] from "{layer}.w"
  return x + x * w * gains
}

step(token[1]: i32, position: i32) {
  x = table[token] @ up
  for i in 0..2 { x = block[i](x, position) }
  return argmax(x @ head)
}
"""
EXPERTS = str(Path(__file__).parents[2] / "examples/mixture.kl")

Capture = pytest.CaptureFixture[str]


def program_of(module: ModuleOp, sockets: int = 1, choice: Choice | None = None) -> Program:
    """A model, compiled."""
    lowered = module.clone()
    set_machine(lowered, machine_of(lowered).with_values({"sockets": sockets}))
    lower(make_context(), lowered, "rdu", choice or Choice())
    return find_target(None).compile(lowered, "pair")


@pytest.fixture(scope="module")
def module() -> ModuleOp:
    """A model with all that a program says of one: weights, a constant, states, inputs."""
    return load_model(MODEL, "pair.kl")


@pytest.fixture(scope="module")
def program(module: ModuleOp) -> Program:
    """It, compiled."""
    return program_of(module)


@pytest.fixture(scope="module")
def model(module: ModuleOp) -> ModelReference:
    """It, as it is written."""
    return ModelReference(module)


def with_region(program: Program, which: str, /, **values: Any) -> Program:
    """The program with a region changed."""
    regions = (replace(one, **values) if one.name == which else one for one in program.regions)
    return replace(program, regions=tuple(regions))


def test_a_program_is_its_model_whatever_was_chosen(module: ModuleOp, model: ModelReference):
    choices = (Choice(fusion="op", loop=False), Choice(single_call=True), Choice(steps_per_call=2))
    for sockets, choice in ((1, choices[0]), (2, choices[1]), (1, choices[2]), (2, Choice())):
        assert check_against(program_of(module, sockets, choice), model, steps=3) == []


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("up", {"checkpoint": "down"}, "weight up: checkpoint: down in the program, up in the model"),
        ("up", {"transposed": False}, "weight up: transposed: False in the program, True in the model"),
        ("head", {"checkpoint": None}, "weight head: checkpoint: nothing in the program, head in the model"),
    ],
)
def test_where_weights_come_from_is_the_model_s(
    program: Program, model: ModelReference, name: str, values: dict[str, Any], said: str
):
    assert said in [str(one) for one in check_against(with_region(program, name, **values), model)]


def test_constants_are_the_model_s(program: Program, model: ModelReference):
    (constant,) = (one for one in program.regions if one.values is not None)
    values = (2.0, *(constant.values or ())[1:])
    (found,) = check_against(with_region(program, constant.name, values=values), model)
    assert isinstance(found, Mismatch)
    assert found.what == f"weight {constant.name}: values"


def test_names_are_the_model_s(program: Program, model: ModelReference):
    renamed = with_region(program, "head", name="tail")
    found = {str(one) for one in check_against(renamed, model)}
    assert found == {
        "weight head: none in the program, tensor<32x16xbf16> in the model",
        "weight tail: tensor<32x16xbf16> in the program, none in the model",
    }


def test_inputs_and_outputs_are_the_model_s(program: Program, model: ModelReference):
    other = replace(with_region(program, "token", name="ids"), inputs=("ids", "position"))
    assert {one.what for one in check_against(other, model) if isinstance(one, Mismatch)} == {
        "input token",
        "input ids",
    }
    no_output = replace(program, outputs=())
    assert [str(one) for one in check_against(no_output, model)] == [
        "output 0: none in the program, tensor<1xi32> in the model"
    ]


def edited_stage(program: Program, edit: Callable[[Stage], Stage | None]) -> Program:
    """The program with the first stage changed that `edit` has something else for."""
    for number, kernel in enumerate(program.kernels):
        for place, unit in enumerate(kernel.units):
            if isinstance(unit, Stage) and (other := edit(unit)) is not None:
                units = (*kernel.units[:place], other, *kernel.units[place + 1 :])
                kernels = [*program.kernels]
                kernels[number] = replace(kernel, units=units)
                return replace(program, kernels=tuple(kernels))
    raise AssertionError("no stage is like that")


def test_what_is_computed_is_the_model_s(program: Program, model: ModelReference):
    def subtract(stage: Stage) -> Stage | None:
        body = tuple(
            replace(one, operation="nn.mul") if one.operation == "nn.add" else one for one in stage.body
        )
        return None if body == stage.body else replace(stage, body=body)

    found = check_against(edited_stage(program, subtract), model, steps=2)
    assert [one.value for one in found if not isinstance(one, Mismatch)] == ["output step.argmax.out0"]


def test_a_step_is_not_made_twice(program: Program, model: ModelReference, monkeypatch: pytest.MonkeyPatch):
    from kl.backends.interpreter import Interpreter

    assert check_against(program, model, steps=3, seed=5) == []
    monkeypatch.setattr(Interpreter, "step", lambda *_: pytest.fail("it was made before"))
    assert check_against(program, model, steps=3, seed=5) == []
    assert check_against(program, model, steps=2, seed=5) == []


def test_states_begin_again_with_each_run():
    tiny = kl.compile(TINY, param={"layers": 1})
    assert tiny.given.level == "nn"
    reference = ModelReference(tiny.given.module)
    for steps in (2, 1, 2):
        assert check_against(tiny.program, reference, steps) == []
    (keys,) = (one for one in tiny.program.regions if one.name == "decoder.keys")
    assert isinstance(keys, Region)


def test_experts_may_be_shared_out_in_any_way():
    given = kl.compile(EXPERTS, param={"layers": 1}).given
    assert given.level == "nn"
    reference = ModelReference(given.module)
    for sharding in ("ffn", "sockets"):
        program = program_of(given.module, 2, Choice(expert_sharding=sharding))
        assert check_against(program, reference) == []


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model on two sockets, as kernels."""
    path = tmp_path_factory.mktemp("kernels") / "pair.mlir"
    small = ["--param", "layers=1", "--sockets", "2"]
    assert main(["compile", TINY, *small, "--to", "kernel", "-o", str(path)]) == 0
    return path


def run(capsys: Capture, path: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of `kl run --check`."""
    capsys.readouterr()
    code = main(["run", str(path), "--check", *arguments])
    return code, capsys.readouterr().out


def test_a_wrong_shard_of_a_weight_is_found(kernels: Path, capsys: Capture):
    text = kernels.read_text()
    line = next(one for one in text.split("\n") if "@decoder.wq " in one)
    assert "shard_axis = 2" in line
    wrong = kernels.with_name("wrong.mlir")
    wrong.write_text(text.replace(line, line.replace("shard_axis = 2", "shard_axis = 1")))
    assert main(["run", str(wrong), "--check"]) == 1
    assert "decoder.wq" in capsys.readouterr().err
    code, out = run(capsys, kernels, "--model", TINY, "--param", "layers=1")
    assert code == 0
    assert f"equal to the model {TINY}, bit for bit: 1 steps, outputs and states" in out


def test_a_saved_program_is_compared_with_its_model(kernels: Path, capsys: Capture):
    program = kernels.with_name("pair.json")
    assert main(["compile", str(kernels), "--to", "program", "-o", str(program)]) == 0
    code, out = run(capsys, program, "--model", TINY, "--param", "layers=1", "--steps", "2", "--json")
    check = json.loads(out)["check"]
    assert code == 0
    assert (check["equal"], check["against"], check["model"]) == (True, "model", TINY)
    assert run(capsys, program, "--model", TINY)[0] == 1, "it has other parameters"
    done = kl.compile(program).run(check=True, model=TINY)
    assert done.equal is False
    assert {one.what for one in done.mismatches} >= {"state decoder.keys", "weight decoder.wq: tensor"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", TINY], "--model says what --check compares with"),
        (["--check", "--model", "{kernels}"], "is IR at the level kernel, not a model"),
        (["--check", "--model", TINY, "--param", "nothing=1"], "nothing"),
    ],
)
def test_what_is_no_model_is_refused(arguments: list[str], said: str, kernels: Path, capsys: Capture):
    given = [one.format(kernels=kernels) for one in arguments]
    assert main(["run", str(kernels), *given]) == 1
    assert said in capsys.readouterr().err


def test_verify_says_what_holds(kernels: Path, capsys: Capture):
    program = kernels.with_name("verified.json")
    assert main(["compile", str(kernels), "--to", "program", "-o", str(program)]) == 0
    capsys.readouterr()
    assert main(["verify", str(program), "--model", TINY, "--param", "layers=1"]) == 0
    out = capsys.readouterr().out
    lines = [line.split()[:2] for line in out.split("\n")]
    assert [*lines[1:4]] == [["digests", "passes"], ["names", "passes"], ["rates", "passes"]]
    assert ["model", "passes"] in lines
    document = json.loads(program.read_text())
    document["program"]["regions"][0]["address"] += 2**60
    program.write_text(json.dumps(document))
    assert main(["verify", str(program), "--json"]) == 1
    captured = capsys.readouterr()
    results = {one["name"]: one["result"] for one in json.loads(captured.out)["checks"]}
    assert [results[name] for name in ("digests", "names", "memory", "residents")] == [
        "fails",
        "passes",
        "fails",
        "left out",
    ]
    assert "was edited since it was compiled: all but its kernels" in captured.err
    assert main(["verify", str(program), "--steps", "2"]) == 1
    assert "--steps is for the run beside a model" in capsys.readouterr().err


def test_verify_in_python():
    found = kl.verify(TINY, against=TINY, param={"layers": 1}, steps=1)
    assert found.holds
    assert [one.result for one in found.checks][:2] == ["left out", "passes"]
    assert "proves that" in repr(found)
    assert not kl.verify(MODEL, against=TINY).holds
