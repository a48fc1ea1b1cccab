"""Names of units: each has its own, and says what the unit does and reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kl.backends.sn40l.emit import emit_kernel, emit_program
from kl.backends.sn40l.names import distinct
from kl.backends.sn40l.program import Program
from kl.backends.sn40l.serialize import dump_program, parse_program
from kl.backends.targets import Choice
from kl.dialects.dataflow import KernelOp
from kl.dialects.machine import SN40L
from kl.dialects.rdu_machine import set_machine
from kl.frontends import load_model
from kl.tools.lowering import lower
from kl.tools.universe import make_context

EXAMPLES = Path(__file__).parents[2] / "examples"

TWO_KINDS = """
model two

dtype bf16

weight out[64, 64]

layer narrow[4](x[1, 64]) {
  weight w[64, 64]
  return x + silu(x @ w) @ w
}

layer wide[4](x[1, 64]) {
  weight w[64, 64]
  return x + x @ w
}

step(x[1, 64]) {
  for i in 0..4 { x = narrow[i](x) }
  for i in 0..4 { x = wide[i](x) }
  return x @ out
}
"""


def lowered(text: str, choice: Choice) -> Any:
    """The module of a model at the level of programs."""
    module = load_model(text, "model.kl", {})
    lower(make_context(), module, "rdu", choice)
    return module


def names_of(program: Program, kernel: int = 0) -> list[str]:
    return [unit.name for unit in program.kernels[kernel].units]


@pytest.fixture(scope="module")
def tiny() -> Program:
    return emit_program(lowered((EXAMPLES / "llama3_tiny.kl").read_text("utf-8"), Choice()), "tiny")


def test_a_stage_is_called_by_its_operation_and_what_it_reads(tiny: Program) -> None:
    names = names_of(tiny)
    weights = [f"matmul.{w}" for w in ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")]
    assert [name for name in names if name.startswith("matmul")] == weights
    caches_and_values = {"scores.keys", "softmax.scores", "values.values", "rope.q", "rope.k", "silu.gate"}
    assert caches_and_values < set(names)


def test_a_weight_goes_before_data_that_is_in_memory_too() -> None:
    text = (EXAMPLES / "llama3_tiny.kl").read_text("utf-8")
    program = emit_program(lowered(text, Choice("op", loop=False)), "tiny")
    numbers = {kernel.name: number for number, kernel in enumerate(program.kernels)}
    names = names_of(program, numbers["decoder.qkv"])
    assert [name for name in names if "matmul" in name] == ["matmul.wq", "matmul.wk", "matmul.wv"]
    assert "rms_norm.attention_norm" in names_of(program, numbers["decoder.norm"])


def test_of_values_it_is_the_one_that_no_other_reads(tiny: Program) -> None:
    assert [name for name in names_of(tiny) if name.startswith("add")] == ["add.wo", "add.w_down"]


def test_weights_of_two_kinds_of_layers_are_told_apart_by_the_kind_or_by_a_number() -> None:
    program = emit_program(lowered(TWO_KINDS, Choice(single_call=True)), "two")
    names = [name for name in names_of(program) if name.startswith("matmul")]
    assert names == ["matmul.w.1", "matmul.w.2", "matmul.wide.w", "matmul.out"]


@pytest.mark.parametrize(
    "choice", [Choice("op", False), Choice(), Choice(single_call=True), Choice(steps_per_call=2)]
)
def test_no_two_units_of_a_kernel_have_the_same_name(choice: Choice) -> None:
    module = lowered((EXAMPLES / "llama3_tiny.kl").read_text("utf-8"), choice)
    program = emit_program(module, "tiny")
    for number, kernel in enumerate(program.kernels):
        names = names_of(program, number)
        assert len(set(names)) == len(names), kernel.name
    kernels = [op for op in module.ops if isinstance(op, KernelOp)]
    assert tuple(emit_kernel(op, program.machine.hop_latency_cycles) for op in kernels) == program.kernels


def test_exchanges_are_called_so_too(sharded: Program) -> None:
    exchanges = [name for name in names_of(sharded) if name.startswith("all_")]
    assert exchanges == ["all_reduce.wo", "all_reduce.w_down"]


@pytest.fixture(scope="module")
def sharded() -> Program:
    text = (EXAMPLES / "llama3_tiny.kl").read_text("utf-8")
    module = load_model(text, "model.kl", {})
    set_machine(module, SN40L.with_values({"sockets": 2}))
    lower(make_context(), module, "rdu", Choice())
    return emit_program(module, "tiny")


def test_units_that_were_saved_with_one_name_get_numbers(decoder: Any) -> None:
    program = decoder()
    (kernel,) = program.kernels
    units = tuple(replace(unit, name="same") for unit in kernel.units)
    text = dump_program(replace(program, kernels=(replace(kernel, units=units),)))
    read = parse_program(text)
    assert names_of(read) == [f"same.{number + 1}" for number in range(len(units))]
    assert parse_program(dump_program(read)) == read
    assert json.loads(text)["program"]["kernels"][0]["units"][0]["name"] == "same"


CHOICES = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True), max_size=8)


@given(CHOICES)
def test_all_names_differ_and_are_choices_with_or_without_a_number(choices: list[list[str]]) -> None:
    names = distinct(choices)
    assert len(set(names)) == len(names) == len(choices)
    for name, ranked in zip(names, choices, strict=True):
        assert name in ranked or name.rpartition(".")[0] == ranked[0]


def test_numbers_avoid_names_that_are_there() -> None:
    assert distinct([["a"], ["a"], ["a.1"], ["a.1"]]) == ["a.2", "a.3", "a.1.1", "a.1.2"]
