"""The two examples are one text with different numbers, and state Llama-3.1-8B as it is published."""

from __future__ import annotations

import re
from collections import Counter
from math import prod
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func, FuncOp
from xdsl.parser import Parser

from kl.dialects.nn import NN, CallOp, StateOp, WeightOp
from kl.dialects.tensors import size_bytes_of
from kl.frontends import load_model

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("llama3_8b", "llama3_tiny")

KERNEL_GROUPS = """
    rms_norm | matmul matmul matmul | rope rope | cache_append cache_append | attention | matmul
    | add rms_norm | matmul matmul | silu mul | matmul add
"""
"""The operations of a layer in the order in which they fall into ten kernels."""


def text_of(name: str) -> str:
    return (EXAMPLES / f"{name}.kl").read_text(encoding="utf-8")


def load(name: str) -> ModuleOp:
    return load_model(text_of(name), f"{name}.kl")


def test_the_examples_differ_in_numbers_alone():
    texts = [re.sub(r"//.*|^model .*", "", text_of(name), flags=re.MULTILINE) for name in NAMES]
    large, tiny = (re.sub(r"(param \w+ = )[\d.e+-]+$", r"\1N", text, flags=re.MULTILINE) for text in texts)
    assert large == tiny


@pytest.mark.parametrize("name", NAMES)
def test_the_module_verifies_and_reads_back_as_printed(name: str):
    module = load(name)
    module.verify()
    context = Context()
    for dialect in (Builtin, Func, NN):
        context.load_dialect(dialect)
    assert Parser(context, str(module)).parse_module().is_structurally_equivalent(module)


@pytest.mark.parametrize("name", NAMES)
def test_the_layer_falls_into_ten_kernels(name: str):
    (decoder,) = (op for op in load(name).ops if isinstance(op, FuncOp) and op.sym_name.data == "decoder")
    ops = [op.name.removeprefix("nn.") for op in decoder.body.block.ops]
    assert ops == [*KERNEL_GROUPS.replace("|", " ").split(), "func.return"]


def test_llama_has_the_published_size():
    module = load("llama3_8b")
    weights = [op for op in module.ops if isinstance(op, WeightOp)]
    states = [op for op in module.ops if isinstance(op, StateOp)]
    assert sum(prod(op.type.get_shape()) for op in weights) == 8_030_261_248
    assert sum(size_bytes_of(op.type) for op in states) == 2**29
    calls = Counter(op.callee.root_reference.data for op in module.walk() if isinstance(op, CallOp))
    assert calls == {"decoder": 32}


def test_llama_has_the_names_of_its_checkpoint():
    weights = [op for op in load("llama3_8b").ops if isinstance(op, WeightOp)]
    names = {
        op.checkpoint.data.replace("{layer}", str(layer))
        for op in weights
        if op.checkpoint is not None
        for layer in range(32)
    }
    assert len(weights) == 12
    assert len(names) == 3 + 9 * 32
    assert "model.layers.31.mlp.down_proj.weight" in names
    matrices = {op.sym_name.data for op in weights if op.transposed is not None}
    kinds = ("wq", "wk", "wv", "wo", "w_gate", "w_up", "w_down")
    assert matrices == {"head", *(f"decoder.{kind}" for kind in kinds)}
