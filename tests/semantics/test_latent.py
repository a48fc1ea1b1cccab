"""Latent attention: absorbed and plain forms agree, and every variant gives the bits of the reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.tools.kl import main as kl

STEPS = 14
HEAD = """model latent
dtype {dtype}
param layers = {layers}
param hidden = 24
param heads = {heads}
param rank = 16
param nope = 6
param turned = 4
param value_dim = 5
constant frequencies[j in 0..turned / 2] = 1e2 ^ (-2.0 * j / turned)
weight embedding[32, hidden]
weight head[hidden, 32]
layer decoder[layers](x[2, hidden], position: i32) {{
  weight gain[hidden]
  weight w_q[hidden, heads * (nope + turned)]
  weight w_c[hidden, rank + turned]
  weight norm[rank]
  weight w_k[heads * nope, rank]
  weight w_v[heads * value_dim, rank]
  weight w_o[heads * value_dim, hidden]
  weight sink[heads]
  weight slope[heads]: f32
  {caches}
  q, q_rope = split(x @ w_q, nope, turned, heads = heads)
  c, k_rope = split(x @ w_c, rank, turned)
  c = rms_norm(c, norm, 1e-6)
  q_rope = interleaved_rope(q_rope, position, frequencies)
  k_rope = interleaved_rope(k_rope, position, frequencies)
  {lines}
  return rms_norm(x + o @ w_o, gain, 1e-5)
}}
step(token[2]: i32, position: i32) {{
  x = embedding[token]
  for i in 0..layers {{ x = decoder[i](x, position) }}
  logits = x @ head
  return argmax(logits), logits
}}
"""
SCALE = "scale = 1.0 / sqrt(nope + turned)"
APPEND = "append(latents, concat(c, k_rope), position)"
ATTEND = "a = attention(q, latents, latents, position, {scale}, value_dim = rank{options})"


def absorbed(
    cache: str = "32, rank + turned]",
    options: str = "",
    *,
    heads: int = 4,
    layers: int = 3,
    dtype: str = "bf16",
    reads_first: bool = False,
) -> str:
    """A model whose cache holds latents; `cache` ends its declaration, from the positions on."""
    attend = f"""q = concat(head_matmul(q, w_k, heads = heads), q_rope, heads = heads)
  {ATTEND.format(scale=SCALE, options=options)}"""
    lines = [attend, APPEND] if reads_first else [APPEND, attend]
    lines.append("o = head_matmul(a, transposed(w_v), heads = heads)")
    return HEAD.format(
        dtype=dtype,
        heads=heads,
        layers=layers,
        caches=f"cache latents[2, 1, {cache}",
        lines="\n  ".join(lines),
    )


def plain(heads: int = 4, dtype: str = "f32") -> str:
    """The same model with keys and values of each head, of different sizes, in caches of their own."""
    caches = """cache keys[2, heads, 32, nope + turned]
  cache values[2, heads, 32, value_dim]"""
    shared = ", ".join(["k_rope"] * heads)
    lines = f"""k = concat(c @ transposed(w_k), concat({shared}), heads = heads)
  append(keys, k, position)
  append(values, c @ transposed(w_v), position)
  o = attention(concat(q, q_rope, heads = heads), keys, values, position)"""
    return HEAD.format(dtype=dtype, heads=heads, layers=3, caches=caches, lines=lines)


RING = "8, rank + turned] ring"
EVERYTHING = ", window = 5, softcap = 1.5, sinks = sink, slopes = slope"
MODELS = {
    "latent": absorbed(),
    "ring": absorbed(RING),
    "everything in a ring": absorbed(RING, EVERYTHING),
    "a window of all": absorbed(options=", window = 3"),
    "reads first": absorbed(reads_first=True),
    "reads a ring first": absorbed(RING, reads_first=True),
    "an odd ring": absorbed("7, rank + turned] ring"),
}
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
    "three sockets": ["--sockets", "3"],
    "eight sockets": ["--sockets", "8"],
    "eight sockets, unfused": ["--sockets", "8", "--fusion", "op", "--no-loop"],
    "eight sockets, stepped": ["--sockets", "8", "--steps-per-call", "7"],
    "little memory": ["--set", "pmu_bytes=1024", "--set", "pmus=1040"],
}


def check(text: str, folder: Path, *options: str) -> int:
    """The exit code of a checked run of a model."""
    path = folder / "model.kl"
    path.write_text(text)
    return kl(["run", str(path), "--steps", str(STEPS), "--check", *options])


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_gives_the_bits_of_the_reference(variant: str, tmp_path: Path):
    assert check(MODELS["latent"], tmp_path, *VARIANTS[variant]) == 0


@pytest.mark.parametrize("name", MODELS)
def test_every_model_gives_the_bits_of_the_reference(name: str, tmp_path: Path):
    assert check(MODELS[name], tmp_path) == 0


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([RING, "32, rank + turned]", "5, rank + turned] ring"]),
    st.sampled_from(["", EVERYTHING, ", sinks = sink"]),
    st.sampled_from([1, 3, 4, 6]),
    st.booleans(),
    st.sampled_from(sorted(VARIANTS)),
)
def test_random_models_give_the_bits_of_the_reference(
    tmp_path_factory: pytest.TempPathFactory,
    cache: str,
    options: str,
    heads: int,
    reads_first: bool,
    variant: str,
):
    text = absorbed(cache, options, heads=heads, layers=2, reads_first=reads_first)
    assert check(text, tmp_path_factory.mktemp("random"), *VARIANTS[variant]) == 0


@pytest.mark.parametrize("sockets", ["1", "2", "4"])
def test_heads_of_two_sizes_give_the_bits_of_the_reference(sockets: str, tmp_path: Path):
    text = """model sizes
weight embedding[32, 24]
layer one[2](x[2, 24], position: i32) {
  weight wq[24, 4 * 6]
  weight wk[24, 2 * 6]
  weight wv[24, 2 * 5]
  weight wo[4 * 5, 24]
  cache k[2, 2, 16, 6]
  cache v[2, 2, 16, 5]
  append(k, x @ wk, position)
  append(v, x @ wv, position)
  return x + attention(x @ wq, k, v, position) @ wo
}
step(token[2]: i32, position: i32) {
  x = embedding[token]
  for i in 0..2 { x = one[i](x, position) }
  return argmax(x)
}"""
    assert check(text, tmp_path, "--sockets", sockets) == 0


def logits(text: str) -> Array:
    """What the steps of a model give, without any pass."""
    module = load_model(text, "model.kl")
    interpreter = Interpreter(module, random_weights(weight_specs(module), seed=1))
    tokens = np.random.default_rng(0).integers(32, size=(STEPS, 2)).astype(np.int32)
    return np.stack([interpreter.step([row, step]).outputs[1] for step, row in enumerate(tokens)])


@pytest.mark.parametrize("heads", [1, 3, 4])
def test_absorbed_matrices_give_what_keys_and_values_of_heads_do(heads: int):
    wanted = logits(plain(heads))
    assert_allclose(logits(absorbed(heads=heads, dtype="f32")), wanted, rtol=1e-5, atol=1e-5)
    assert np.ptp(wanted) > 1


def test_the_plain_form_runs_on_the_machine(tmp_path: Path):
    assert check(plain(), tmp_path) == 0


def test_layers_are_looped(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "model.kl"
    path.write_text(MODELS["latent"])
    assert kl(["compile", str(path), "--sockets", "8", "--to", "kernel"]) == 0
    out, _ = capsys.readouterr()
    assert "kernel.loop 3" in out
    assert out.count("nn.attention ") == 1


# What memory it takes: the sizes of DeepSeek-V3's attention, in few layers.

V3 = {
    "hidden = 24": "hidden = 64",
    "rank = 16": "rank = 512",
    "nope = 6": "nope = 128",
    "turned = 4": "turned = 64",
}
ENTRY = 576 * 2
"""Bytes of a latent and a key for rope, in bf16."""


def hbm(
    capsys: pytest.CaptureFixture[str], folder: Path, context: int, *options: str
) -> tuple[int, int, str]:
    """Bytes that a step of two layers and two rows reads and writes in HBM, and what was said."""
    text = absorbed(f"{context}, rank + turned]", layers=2, heads=8)
    for old, new in V3.items():
        assert text.count(f"param {old}") == 1
        text = text.replace(f"param {old}", f"param {new}")
    path = folder / f"{context}.kl"
    path.write_text(text)
    assert kl(["time", str(path), "--json", *options]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)["bytes"]
    return found["hbm_read"], found["hbm_written"], err


@pytest.mark.parametrize("sockets", ["1", "8"])
def test_a_cache_is_read_once_and_an_entry_written(
    sockets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    few, written, _ = hbm(capsys, tmp_path, 64, "--sockets", sockets)
    many, same, said = hbm(capsys, tmp_path, 192, "--sockets", sockets)
    assert many - few == 2 * 2 * 128 * ENTRY
    assert written == same
    assert "twice" not in said


def test_a_cache_beyond_the_share_of_sram_is_read_twice_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    small = ["--set", "pmu_bytes=2048"]
    few, _, _ = hbm(capsys, tmp_path, 256, *small)
    many, _, said = hbm(capsys, tmp_path, 1024, *small)
    assert many - few == 2 * 2 * (1024 * 2 - 256) * ENTRY
    size = 2 * 1024 * ENTRY
    assert f"the cache is read twice in a pass, {2 * size} bytes" in said
    assert f"would hold all {size} bytes" in said
