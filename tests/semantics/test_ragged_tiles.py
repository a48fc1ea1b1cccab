"""Extents that no tile divides: contexts, rings, widths and vocabularies of prime numbers keep every bit."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.kl import main as kl

MODEL = """model ragged
param context = 29
param slots = 13
param hidden = 37
param ffn = 347
param vocab = 353
param heads = 4
param kv_heads = 2
param head_dim = 4

constant frequencies[j in 0..head_dim / 2] = 100.0 ^ (-2.0 * j / head_dim)

weight embedding[vocab, hidden]
weight head[hidden, vocab]

layer near[2](x[2, hidden], position: i32) {
  weight wq[hidden, heads * head_dim]
  weight wk[hidden, kv_heads * head_dim]
  weight wo[heads * head_dim, hidden]
  weight sink[heads]
  weight slope[heads]: f32
  cache k[2, kv_heads, slots, head_dim] ring
  cache v[2, kv_heads, slots, head_dim] ring
  append(k, x @ wk, position)
  append(v, silu(x @ wk), position)
  a = attention(x @ wq, k, v, position, window = 5, softcap = 1.5, sinks = sink, slopes = slope)
  return x + a @ wo
}

layer far[2](x[2, hidden], position: i32) {
  weight gain[hidden]
  weight gain_up[ffn]
  weight gain_down[ffn]
  weight wq[hidden, heads * head_dim]
  weight wk[hidden, kv_heads * head_dim]
  weight wv[hidden, kv_heads * head_dim]
  weight wo[heads * head_dim, hidden]
  weight w_gate[hidden, ffn]
  weight w_up[hidden, ffn]
  weight w_down[ffn, hidden]
  cache k[2, kv_heads, context, head_dim]
  cache v[2, kv_heads, context, head_dim]
  n = rms_norm(x, gain, 1e-5)
  q = rope(rms_norm(n @ wq, eps = 1e-5, groups = heads), position, frequencies)
  append(k, rope(rms_norm(n @ wk, eps = 1e-5, groups = kv_heads), position, frequencies), position)
  append(v, n @ wv, position)
  x = x + attention(q, k, v, position) @ wo
  h = silu(n @ w_gate) * (n @ w_up) * gain_up
  return x + rms_norm(h, gain_down, 1e-5) @ w_down
}

step(token[2]: i32, position: i32) {
  x = embedding[token]
  for i in 0..2 { x = near[i](x, position) }
  for i in 0..2 { x = far[i](x, position) }
  logits = x @ head
  return argmax(logits), logits
}
"""

STEPS = "28"
"""More than twice round the ring, up to the last tile of the context."""

VARIANTS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "unfused, looped": ["--fusion", "op"],
    "block": ["--fusion", "block"],
    "fused": ["--no-loop"],
    "looped": [],
    "one call": ["--single-call"],
    "stepped": ["--steps-per-call", "7"],
    "resident": ["--resident"],
    "two sockets": ["--sockets", "2"],
    "three sockets, stepped": ["--sockets", "3", "--steps-per-call", "14"],
    "four sockets, unfused": ["--sockets", "4", "--fusion", "op"],
    "sums of two sockets in tiles": ["--sockets", "2", "--param", "hidden=331"],
}


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The path of the model."""
    path = tmp_path / "ragged.kl"
    path.write_text(MODEL)
    return str(path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_the_bits_of_the_reference(variant: str, model: str):
    assert kl(["run", model, "--steps", STEPS, "--check", *VARIANTS[variant]]) == 0


def test_sums_of_sockets_are_exchanged_in_tiles(model: str, capsys: pytest.CaptureFixture[str]):
    assert kl(["compile", model, "--to", "rdu", "--sockets", "2", "--param", "hidden=331"]) == 0
    assert 'dataflow.collective "all_reduce" 6 ' in capsys.readouterr().out  # 5 tiles of 64 and one of 11


def test_the_last_tiles_of_caches_and_weights_are_shorter(model: str, capsys: pytest.CaptureFixture[str]):
    assert kl(["compile", model, "--to", "rdu"]) == 0
    text = capsys.readouterr().out
    # 29 positions in 7 tiles of 4 and one of 1, 13 in 2; 353 and 347 columns in 5 of 64 and the rest.
    for last in ("2, 2, 1, 4", "37, 33", "37, 27", "2, 33"):
        assert f"last = array<i64: {last}>" in text


def _sharded(sockets: int, **parameters: int) -> ModuleOp:
    module = load_model(MODEL, "ragged.kl", parameters)
    load_pass("shard-tensors")(sockets=sockets).apply(None, module)
    return module


EXTENTS = st.fixed_dictionaries(
    {
        "context": st.integers(6, 40),
        "slots": st.integers(5, 20),
        "hidden": st.integers(1, 40),
        "ffn": st.integers(1, 60),
        "vocab": st.integers(7, 80),
        "head_dim": st.sampled_from([2, 4, 6]),
    }
)


@settings(max_examples=12, deadline=None)
@given(EXTENTS, st.sampled_from([1, 1, 2, 3]), st.sampled_from(["op", "block", "layer"]))
def test_random_extents_keep_every_bit_down_to_the_machine(
    check_down_to_the_machine, extents: dict[str, int], sockets: int, granularity: str
):
    # Tiles of a few bytes, so that everything is cut; the engine is timed without data and with.
    passes = f"outline-kernels{{granularity={granularity}}},merge-identical-kernels,loop-kernels,"
    check_down_to_the_machine(_sharded(sockets, **extents), passes)
