"""Experts over sockets give the numbers of one socket, be each split or whole somewhere."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

MODEL = """
model experts

dtype f32
param batch = 1
param count = 8
param chosen = 2

weight head[16, 32]

layer block[2](x[batch, 16]) {
  weight router[16, count]
  weight wgate[count, 16, 8]
  weight wup[count, 16, 8]
  weight bup[count, 8]
  weight wdown[count, 8, 16]
  weight bdown[count, 16]
  p = softmax(x @ router)
  ids = top_k(p, chosen)
  w = take(p, ids)
  experts = distinct(ids, count)
  gates = spread(w / sum(w), ids, experts)
  g = x @ columns_of(wgate, experts)
  u = x @ columns_of(wup, experts) + columns_of(bup, experts)
  y = scale(silu(g) * u, gates) @ rows_of(wdown, experts)
  return x + y + gates @ rows_of(bdown, experts)
}

step(x[batch, 16]) {
  for i in 0..2 { x = block[i](x) }
  return x @ head
}
"""


def model(**parameters: int) -> ModuleOp:
    return load_model(MODEL, "experts.kl", parameters)


def run_pipeline(module: ModuleOp, pipeline: str) -> None:
    passes = parse_passes({name: lambda name=name: load_pass(name) for name in PASSES}, pipeline)
    run_passes(make_context(), module, passes)


def shard(module: ModuleOp, sockets: int, experts: str) -> ModuleOp:
    run_pipeline(module, f"shard-tensors{{sockets={sockets} experts={experts}}}")
    return module


def outputs(module: ModuleOp, weights: dict[str, Array]) -> list[Array]:
    """What some steps give, each for other inputs, so for other experts."""
    interpreter, rng = Interpreter(module, weights), np.random.default_rng(0)
    (spec,) = interpreter.inputs
    inputs = (rng.standard_normal(spec.shape).astype(spec.numpy_dtype) for _ in range(3))
    return [interpreter.step([x]).outputs[0] for x in inputs]


def weights_of(module: ModuleOp) -> dict[str, Array]:
    return random_weights(weight_specs(module), seed=0)


@pytest.mark.parametrize("experts", ["ffn", "sockets"])
@pytest.mark.parametrize("sockets", [2, 8])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_numbers_are_those_of_one_socket(batch: int, sockets: int, experts: str):
    weights = weights_of(model(batch=batch))
    wanted = outputs(model(batch=batch), weights)
    found = outputs(shard(model(batch=batch), sockets, experts), weights)
    assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("batch", "places"), [(1, 2), (3, 4)])
def test_a_socket_has_places_for_the_experts_that_can_be_its_own(batch: int, places: int):
    """All rows may want experts of one socket: `min(experts / sockets, batch * chosen)`."""
    text = str(shard(model(batch=batch), 2, "sockets"))
    assert (
        f"nn.distinct %experts of 4 {{parts = 2 : i64}} : (tensor<{batch}x2xi32>) -> tensor<{places}xi32>"
        in text
    )
    assert "nn.weight @block.wgate : tensor<2x4x16x8xf32> {stacked, shard_axis = 1 : i64" in text


def test_a_socket_whose_experts_nobody_names_adds_zeros():
    """All rows want the experts 0 and 1, which the first of 4 sockets has."""
    weights = weights_of(model(batch=3))
    weights["block.router"][:] = 0
    wanted = outputs(model(batch=3), weights)
    found = outputs(shard(model(batch=3), 4, "sockets"), weights)
    assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_what_other_experts_are_does_not_matter():
    """Slices that nobody names are not read: they may hold anything."""
    weights = weights_of(model())
    weights["block.router"][:] = 0
    wanted: Any = outputs(shard(model(), 4, "sockets"), weights)
    for name in ("wgate", "wup", "bup", "wdown", "bdown"):
        weights[f"block.{name}"][:, 2:] = np.nan
    assert np.array_equal(outputs(shard(model(), 4, "sockets"), weights), wanted)
