"""Mixtures of experts: every variant of a model gives the bits of the reference, with all that routers do."""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.tools.kl import main as kl

MIXTURE = Path(__file__).parents[2] / "examples" / "mixture.kl"

# Grouped routing with a bias, experts with biases, a shared expert with a gate of its own.
EVERYTHING = """model everything
param batch = 2
param hidden = 16
param width = 8
param experts = 12

weight embedding[32, hidden]
weight head[hidden, 32]

layer decoder[3](x[batch, hidden]) {
  weight router[hidden, experts]
  weight bias[experts]: f32
  weight gate[experts, hidden, width]
  weight up[experts, hidden, width]
  weight up_bias[experts, width]
  weight down[experts, width, hidden]
  weight down_bias[experts, hidden]
  weight shared[hidden, width]
  weight shared_down[width, hidden]
  weight shared_gate[hidden, 1]

  n = rms_norm(x, eps = 1e-6)
  s = sigmoid(f32(n @ router))
  ids = top_k(s + bias, 3, groups = 4, kept = 2, best = 2)
  w = take(s, ids)
  w = w / (sum(w) + 1e-20) * 2.5
  read = distinct(ids, experts)
  gates = spread(w, ids, read)
  u = n @ columns_of(up, read) + columns_of(up_bias, read)
  y = scale(silu(n @ columns_of(gate, read)) * u, gates) @ rows_of(down, read)
  y = y + bf16(gates) @ rows_of(down_bias, read)
  y = y + sigmoid(n @ shared_gate) * (silu(n @ shared) @ shared_down)
  return x + y * bf16(softmax(take(s, top_k(s, 1))))
}

step(token[batch]: i32) {
  x = embedding[token]
  for i in 0..3 { x = decoder[i](x) }
  return argmax(x @ head)
}
"""

VARIANTS = {
    "unfused": ["--fusion", "op", "--no-loop"],
    "unfused, looped": ["--fusion", "op"],
    "block": ["--fusion", "block", "--no-loop"],
    "fused": ["--no-loop"],
    "looped": [],
    "stepped": ["--steps-per-call", "2"],
    "resident": ["--resident"],
    "two sockets": ["--sockets", "2"],
    "two sockets, unfused": ["--sockets", "2", "--fusion", "op"],
    "four sockets": ["--sockets", "4"],
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_of_a_model_with_all_that_routers_do(options: list[str], tmp_path: Path):
    path = tmp_path / "everything.kl"
    path.write_text(EVERYTHING)
    assert kl(["run", str(path), "--check", "--steps", "2", *options]) == 0


@pytest.mark.parametrize("name", ["unfused, looped", "looped", "two sockets"])
def test_the_example_in_its_variants(name: str):
    assert kl(["run", str(MIXTURE), "--check", "--steps", "2", *VARIANTS[name]]) == 0
