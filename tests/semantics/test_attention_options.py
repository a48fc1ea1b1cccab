"""Windows, softcap, sinks, slopes and rings: every variant of a model gives the bits of the reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.tools.kl import main as kl

STEPS = 28
"""More than three times round the largest ring."""


@dataclass(frozen=True)
class Kind:
    """A kind of layers, and what its attention is told."""

    name: str
    count: int
    cache: str
    options: str = ""
    reads_first: bool = False

    def text(self, heads: int, kv_heads: int) -> str:
        """Its declaration."""
        appends = "append(k, x @ wk, position)\n  append(v, silu(x) @ wv, position)"
        attends = f"a = attention(x @ wq, k, v, position{self.options})"
        lines = [attends, appends] if self.reads_first else [appends, attends]
        return f"""
layer {self.name}[{self.count}](x[2, hidden], position: i32) {{
  weight gain[hidden]
  weight wq[hidden, {4 * heads}]
  weight wk[hidden, {4 * kv_heads}]
  weight wv[hidden, {4 * kv_heads}]
  weight wo[{4 * heads}, hidden]
  weight sink[{heads}]
  weight slope[{heads}]: f32
  cache k[2, {kv_heads}, {self.cache.format(kv_heads=kv_heads)}
  cache v[2, {kv_heads}, {self.cache.format(kv_heads=kv_heads)}
  {lines[0]}
  {lines[1]}
  return rms_norm(x + a @ wo, gain, 1e-5)
}}
"""


FULL = "32, 4]"
EVERYTHING = ", window = 5, softcap = 1.5, sinks = sink, slopes = slope"


def ring(extent: int) -> str:
    """The end of a cache's declaration: a ring of so many positions."""
    return f"{extent}, 4] ring"


def model(kinds: list[Kind], step: str, heads: int = 4, kv_heads: int = 2) -> str:
    """A model with a vocabulary of 16 tokens."""
    layers = "".join(kind.text(heads, kv_heads) for kind in kinds)
    return f"""model m
param hidden = 16
weight embedding[16, hidden]
weight head[hidden, 16]
{layers}
step(token[2]: i32, position: i32) {{
  x = embedding[token]
  {step}
  return argmax(x @ head)
}}"""


def in_a_row(*kinds: Kind, **heads: int) -> str:
    """One kind behind the other, each in a loop."""
    loops = (f"for i in 0..{kind.count} {{ x = {kind.name}[i](x, position) }}" for kind in kinds)
    return model([*kinds], "\n  ".join(loops), **heads)


def gemma(**heads: int) -> str:
    """Five local layers, then a global one, twice."""
    kinds = [Kind("near", 10, ring(6), ", window = 6"), Kind("far", 2, FULL)]
    step = """for i in 0..2 {
    for j in 0..5 { x = near[5 * i + j](x, position) }
    x = far[i](x, position)
  }"""
    return model(kinds, step, **heads)


MODELS = {
    "ring": in_a_row(Kind("l", 3, ring(8))),
    "ring of an odd extent": in_a_row(Kind("l", 2, ring(7), EVERYTHING)),
    "window of a ring": in_a_row(Kind("l", 2, ring(8), ", window = 3")),
    "window of all": in_a_row(Kind("l", 2, FULL, ", window = 3")),
    "everything in full": in_a_row(Kind("l", 2, FULL, EVERYTHING)),
    "everything in a ring": in_a_row(Kind("l", 2, ring(8), EVERYTHING)),
    "reads a ring before it appends": in_a_row(Kind("l", 2, ring(4), ", sinks = sink", reads_first=True)),
    "ring of one": in_a_row(Kind("l", 2, ring(1), ", slopes = slope")),
    "five local, one global": gemma(),
    "two rings": in_a_row(Kind("a", 2, ring(4)), Kind("b", 2, ring(6), ", softcap = 2.0")),
}

VARIANTS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "unfused, looped": ["--fusion", "op"],
    "block": ["--fusion", "block"],
    "fused": ["--no-loop"],
    "looped": [],
    "one call": ["--single-call"],
    "stepped": ["--steps-per-call", "4"],
    "stepped around": ["--steps-per-call", "14"],
    "resident": ["--resident"],
    "two sockets": ["--sockets", "2"],
    "two sockets, stepped": ["--sockets", "2", "--steps-per-call", "7"],
    "four sockets": ["--sockets", "4"],
    "four sockets, unfused": ["--sockets", "4", "--fusion", "op"],
}


def check(text: str, folder: Path, *options: str) -> int:
    """The exit code of a checked run of a model."""
    path = folder / "model.kl"
    path.write_text(text)
    return kl(["run", str(path), "--steps", str(STEPS), "--check", *options])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", ["everything in a ring", "ring of an odd extent", "five local, one global"])
def test_every_variant_gives_the_bits_of_the_reference(name: str, variant: str, tmp_path: Path):
    assert check(MODELS[name], tmp_path, *VARIANTS[variant]) == 0


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_gives_the_bits_of_the_reference(name: str, tmp_path: Path):
    assert check(MODELS[name], tmp_path, "--steps-per-call", "14") == 0


@pytest.mark.parametrize("heads", [(6, 2), (3, 1), (6, 3), (10, 2)], ids=str)
def test_sinks_and_slopes_of_padded_heads_stay_with_their_queries(heads: tuple[int, int], tmp_path: Path):
    text = in_a_row(Kind("l", 2, ring(8), EVERYTHING), heads=heads[0], kv_heads=heads[1])
    assert check(text, tmp_path, "--sockets", "4") == 0


@pytest.mark.parametrize("name", ["everything in a ring", "five local, one global", "two rings"])
def test_steps_and_layers_are_looped(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "model.kl"
    path.write_text(MODELS[name])
    assert kl(["compile", str(path), "--steps-per-call", "4", "--to", "kernel"]) == 0
    out, err = capsys.readouterr()
    assert out.count("kernel.call ") == 1, err
    assert "kernel.steps 4" in out


@st.composite
def some_model(draw: st.DrawFn) -> str:
    """Layers of one or two kinds with any options, over rings of any extent."""
    kinds: list[Kind] = []
    for name in ("a", "b")[: draw(st.integers(1, 2))]:
        extent = draw(st.integers(1, 9))
        window = draw(st.integers(1, extent))
        given = [f"window = {window}", "softcap = 3.0", "sinks = sink", "slopes = slope"]
        options = "".join(f", {option}" for option in given if draw(st.booleans()))
        cache = ring(extent) if draw(st.integers(0, 3)) else FULL
        kinds.append(Kind(name, draw(st.integers(1, 3)), cache, options, draw(st.booleans())))
    kv_heads = draw(st.sampled_from([1, 2, 4]))
    return in_a_row(*kinds, heads=kv_heads * draw(st.sampled_from([1, 2, 3])), kv_heads=kv_heads)


@settings(max_examples=15, deadline=None)
@given(some_model(), st.sampled_from(sorted(VARIANTS)))
def test_random_models_give_the_bits_of_the_reference(
    tmp_path_factory: pytest.TempPathFactory, text: str, variant: str
):
    assert check(text, tmp_path_factory.mktemp("random"), *VARIANTS[variant]) == 0


# Against the whole past.


def outputs(text: str, steps: int = STEPS) -> Array:
    """What the steps of a model give, without any pass."""
    module = load_model(text, "model.kl")
    interpreter = Interpreter(module, random_weights(weight_specs(module), seed=1))
    x = np.random.default_rng(0).standard_normal((steps, 2, 16)).astype(np.float32)
    return np.stack([interpreter.step([x[step], step]).outputs[0] for step in range(steps)])


def attending(extent: str, window: str) -> str:
    """One attention in f32 that sees its input alone."""
    return f"""model m
dtype f32
weight wq[16, 16]
weight wk[16, 8]
weight sink[4]
weight slope[4]
cache k[2, 2, {extent}
cache v[2, 2, {extent}
step(x[2, 16], position: i32) {{
  append(k, x @ wk, position)
  append(v, x @ wk, position)
  return attention(x @ wq, k, v, position, sinks = sink, slopes = slope{window})
}}"""


@pytest.mark.parametrize("extent", [1, 5, 8, 13])
def test_a_ring_is_a_window_of_its_extent(extent: int):
    wanted = outputs(attending(FULL, f", window = {extent}"))
    ringed = outputs(attending(ring(extent), ""))
    assert_allclose(ringed, wanted, rtol=1e-5, atol=1e-6)
    assert_array_equal(ringed[:extent], wanted[:extent])  # before it comes round, slot by slot
    assert not np.allclose(wanted, outputs(attending(FULL, "")))


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_window_masks_a_ring_like_the_whole_context(window: int):
    wanted = outputs(attending(FULL, f", window = {window}"))
    assert_allclose(outputs(attending(ring(7), f", window = {window}")), wanted, rtol=1e-5, atol=1e-6)


# What time and memory it takes.


def test_a_ring_costs_its_extent(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cycles: dict[str, int] = {}
    for name, cache in {"full": "4096, 4]", "ring": ring(64), "small": "64, 4]"}.items():
        path = tmp_path / f"{name}.kl"
        path.write_text(in_a_row(Kind("l", 3, cache)))
        assert kl(["time", str(path), "--json"]) == 0
        cycles[name] = json.loads(capsys.readouterr().out)["cycles"]
    assert cycles["ring"] == cycles["small"] < cycles["full"]


def test_positions_beyond_a_ring_are_timed_and_those_beyond_a_context_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "model.kl"
    path.write_text(MODELS["ring"])
    assert kl(["time", str(path), "--position", "1000"]) == 0
    path.write_text(MODELS["five local, one global"])
    assert kl(["time", str(path), "--position", "32"]) == 1
    assert "room for positions 0 to 31" in capsys.readouterr().err
