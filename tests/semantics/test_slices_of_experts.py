"""Mixtures of experts: whatever is fused, looped, kept, cut and split, what is computed stays the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.kl import main as kl

MODEL = """model experts
param batch = 2
param hidden = 16
param ffn = 24
param experts = 6
param chosen = 2
param layers = 3
param vocab = 61

weight embedding[vocab, hidden]
weight head[hidden, vocab]

layer dense[1](x[batch, hidden], position: i32) {
  weight up[hidden, ffn]
  weight down[ffn, hidden]
  return x + silu(x @ up) @ down
}

layer block[layers](x[batch, hidden], position: i32) {
  weight norm[hidden]
  weight wq[hidden, 16]
  weight wk[hidden, 8]
  weight wo[16, hidden]
  weight router[hidden, experts]
  weight wgate[experts, hidden, ffn]
  weight wup[experts, hidden, ffn]
  weight bup[experts, ffn]
  weight wdown[experts, ffn, hidden]
  weight bdown[experts, hidden]
  weight shared_up[hidden, ffn]
  weight shared_down[ffn, hidden]
  cache k[batch, 2, 8, 4]
  cache v[batch, 2, 8, 4]
  append(k, x @ wk, position)
  append(v, silu(x @ wk), position)
  x = x + attention(x @ wq, k, v, position) @ wo
  h = rms_norm(x, norm, 1e-5)
  p = softmax(f32(h @ router))
  ids = top_k(p, chosen)
  w = take(p, ids)
  places = distinct(ids, experts)
  gates = spread(w / sum(w), ids, places)
  g = h @ columns_of(wgate, places)
  u = h @ columns_of(wup, places) + columns_of(bup, places)
  y = scale(silu(g) * u, gates) @ rows_of(wdown, places)
  y = y + DTYPE(gates) @ rows_of(bdown, places)
  return x + y + silu(h @ shared_up) @ shared_down
}

step(token[batch]: i32, position: i32) {
  x = dense[0](embedding[token], position)
  for i in 0..layers { x = block[i](x, position) }
  logits = x @ head
  return argmax(logits), logits
}
"""

STEPS = "3"

VARIANTS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "block": ["--fusion", "block"],
    "fused": ["--no-loop"],
    "looped": [],
    "one call": ["--single-call"],
    "stepped": ["--steps-per-call", "3"],
    "resident": ["--resident"],
    "all experts": ["--param", "chosen=6"],
    "one expert each": ["--param", "chosen=1", "--param", "batch=1"],
    "two sockets": ["--sockets", "2"],
    "eight sockets, one call": ["--sockets", "8", "--single-call"],
}


def text(dtype: str = "bf16") -> str:
    """The model in an element type."""
    return MODEL.replace("DTYPE", dtype).replace("model experts\n", f"model experts\ndtype {dtype}\n")


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The path of the model."""
    path = tmp_path / "experts.kl"
    path.write_text(text())
    return str(path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_the_bits_of_the_reference(variant: str, model: str):
    assert kl(["run", model, "--steps", STEPS, "--check", *VARIANTS[variant]]) == 0


def test_layers_with_experts_are_one_looped_kernel(model: str, capsys: pytest.CaptureFixture[str]):
    assert kl(["compile", model, "--to", "rdu"]) == 0
    ir = capsys.readouterr().out
    assert ir.count("rdu.execute @block.loop") == 1
    # 4 slots of 24 columns in a tile each, from the stack of a layer's experts: 6 slices of 768 bytes.
    gate = next(line for line in ir.split("\n") if "dataflow.load %wgate by %places" in line)
    assert "pass_stride = 4608 : i64" in gate
    assert "slots = 4 : i64, slot_stride = 768 : i64, slots_per_tile = 1 : i64, tiles_per_slot = 1" in gate


def test_no_stack_of_experts_is_resident(model: str, capsys: pytest.CaptureFixture[str]):
    # 3 rows choose 2 of 6: the loads of a step have room for as many slices as the stacks have.
    assert kl(["compile", model, "--to", "rdu", "--resident", "--param", "batch=3"]) == 0
    kept = {
        name
        for name, tier in re.findall(r'@block\.(\w+) "weight" "(\w+)"', capsys.readouterr().out)
        if tier == "sram"
    }
    assert "shared_up" in kept
    assert not kept & {"wgate", "wup", "bup", "wdown", "bdown"}


def _module(dtype: str, sockets: int, **parameters: int) -> ModuleOp:
    module = load_model(text(dtype), "experts.kl", parameters)
    if sockets > 1:
        load_pass("shard-tensors")(sockets=sockets).apply(None, module)
    return module


def _logits(module: ModuleOp, weights: dict[str, Array]) -> Array:
    interpreter = Interpreter(module, weights)
    tokens = np.arange(interpreter.inputs[0].elements, dtype=np.int32)
    return np.array([interpreter.step([(tokens + 5 * i + 1) % 61, i]).outputs[1] for i in range(4)])


@pytest.mark.parametrize("sockets", [2, 8])
def test_sockets_agree_with_one(sockets: int):
    weights = random_weights(weight_specs(_module("f32", 1)), seed=0)
    wanted = _logits(_module("f32", 1), weights)
    assert_allclose(_logits(_module("f32", sockets), weights), wanted, rtol=1e-5, atol=1e-5)


def test_experts_that_do_not_split_evenly_are_refused():
    with pytest.raises(PassFailedException, match="20 columns of each expert do not split evenly over 8"):
        _module("f32", 8, ffn=20)


PRODUCTS = """model products

dtype bf16

weight wide[{experts}, {hidden}, {ffn}]
weight bias[{experts}, {ffn}]
weight back[{experts}, {ffn}, {hidden}]
weight row_bias[{experts}, {hidden}]

step(x[{batch}, {hidden}], ids[{batch}, {chosen}]: i32, w[{batch}, {chosen}]) {{
  e = distinct(ids, {experts})
  g = spread(w, ids, e)
  y = x @ columns_of(wide, e) + columns_of(bias, e)
  return silu(y), y @ rows_of(back, e), scale(y, g) @ rows_of(back, e), g @ rows_of(row_bias, e)
}}
"""

EXTENTS = st.fixed_dictionaries(
    {
        "batch": st.integers(1, 3),
        "hidden": st.integers(1, 20),
        "ffn": st.integers(1, 24),
        "experts": st.integers(7, 9),
        "chosen": st.integers(1, 3),
    }
)


@settings(max_examples=8, deadline=None)
@given(EXTENTS, st.integers(1, 400), st.integers(1, 9), st.sampled_from([1, 4, 16, 64]))
def test_however_slices_are_cut_all_bits_are_kept_down_to_the_machine(
    check_down_to_the_machine, extents: dict[str, int], tile: int, least: int, run: int
):
    tiles = f"tile-stages{{tile-bytes={tile} least-tiles={least} least-run-bytes={run}}}"
    module = load_model(PRODUCTS.format(**extents), "products.kl", {})
    network = f"convert-kernel-to-dataflow,{tiles}"
    check_down_to_the_machine(module, "outline-kernels{granularity=op},", network)
