"""Layers with biases and norms of heads: sockets agree with one, and no level changes a bit.

The layers are those of model families: what stands between a product and its heads or its sum.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.tensors import Array
from kl.backends.weights import random_weights
from kl.dialects.nn import RMSScaleOp, SquareSumOp
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

BIASES = {
    "declared": "weight bq[heads * head_dim]\n weight bk[kv_heads * head_dim]\n weight bv[kv_heads * 4]",
    "q": "q + bq",
    "k": "bk + k",
    "v": "v + bv",
    "o": "h @ wo + bo",
    "norm": "layer_norm(x, gain, eps, bias = bo)",
    "mlp": "gelu_erf(n @ w_up + b_up) @ w_down + bo",
}
"""GPT-2, Qwen 2: a bias behind each product, layer norms."""

HEAD_NORMS = {
    "declared": "weight gq[head_dim]\n weight gk[head_dim]",
    "q": "rms_norm(q, 1.0 + f32(gq), eps, groups = heads)",
    "k": "rms_norm(k, gk, eps, groups = kv_heads)",
    "v": "rms_norm(v, eps = eps, groups = kv_heads)",
    "o": "rms_norm(h @ wo, gain, eps)",
    "norm": "rms_norm(x, 1.0 + f32(gain), eps)",
    "mlp": "(relu(n @ w_up) * tanh(n @ w_up) - sigmoid(n @ w_up)) @ w_down / 3",
}
"""Qwen 3, Gemma: each head is normed by itself, the gain is a difference from one."""

GAINS_OF_HEADS = {
    "declared": "weight gq[heads, head_dim]\n weight gk[kv_heads * head_dim]\n weight bk[kv_heads, head_dim]",
    "q": "layer_norm(q, gq, eps, groups = heads)",
    "k": "layer_norm(k, gk, eps, bias = bk, groups = kv_heads)",
    "v": "v * 0.5",
    "o": "-(h @ wo) * 0.25",
    "norm": "layer_norm(x, eps = eps)",
    "mlp": "clamp(softplus(n @ w_up) * b_up, -2, 2) @ w_down",
}
"""Command R+: layer norms of heads, with a gain for each."""

WHOLE_NORMS = {
    "declared": "weight gq[heads * head_dim]\n weight gk[kv_heads * head_dim]",
    "q": "rms_norm(q, gq, eps)",
    "k": "rms_norm(k, 1.0 + gk, eps)",
    "v": "v",
    "o": "rms_norm(h @ wo, gain, eps)",
    "norm": "x * 1.5",
    "mlp": "silu(n @ w_up) @ w_down",
}
"""OLMo 2: one norm over all heads of queries, and of keys."""

COLUMNS = {
    "declared": "weight one[hidden, 1]",
    "q": "q * sigmoid(n @ one)",
    "k": "sum(n) * k",
    "v": "n @ one - v",
    "o": "h @ wo + sum(n)",
    "norm": "x / (sum(x * x) + 1.0)",
    "mlp": "(silu(n @ w_up) * (n @ one)) @ w_down",
}
"""Single columns on either side of each sign: gates of rows, sums of rows."""

FAMILIES = {
    "biases": BIASES,
    "heads": HEAD_NORMS,
    "gains": GAINS_OF_HEADS,
    "rows": WHOLE_NORMS,
    "columns": COLUMNS,
}

TEXT = """
model family
dtype {dtype}
param batch = 2
param heads = {heads}
param kv_heads = {kv_heads}
param head_dim = 4
param hidden = 16
param ffn = {ffn}
param eps = 1e-5

weight head[hidden, 32]

layer block[3](x[batch, hidden], position: i32) {{
  weight wq[hidden, heads * head_dim]
  weight wk[hidden, kv_heads * head_dim]
  weight wv[hidden, kv_heads * head_dim]
  weight wo[heads * head_dim, hidden]
  weight bo[hidden]
  weight gain[hidden]
  weight w_up[hidden, ffn]
  weight b_up[ffn]
  weight w_down[ffn, hidden]
  {declared}
  cache keys[batch, kv_heads, 8, head_dim]
  cache values[batch, kv_heads, 8, head_dim]
  n = {norm}
  q = n @ wq
  k = n @ wk
  v = n @ wv
  q = {q}
  k = {k}
  v = {v}
  append(keys, k, position)
  append(values, v, position)
  h = attention(q, keys, values, position)
  x = x + {o}
  n = {norm}
  return x + {mlp}
}}

step(x[batch, hidden], position: i32) {{
  for i in 0..3 {{ x = block[i](x, position) }}
  return argmax(x @ head), x @ head
}}
"""

EXTENTS = {
    "even": (2, 8, 8, 32),
    "neighbours": (4, 8, 2, 32),
    "shared by eight": (8, 8, 2, 32),
    "3 on 2": (2, 3, 1, 30),
    "6 KV heads of 2 on 4": (4, 12, 6, 30),
    "3 KV heads of 3 on 8": (8, 9, 3, 30),
}
"""Sockets, query heads, KV heads and columns; the last three are filled up with zeros."""


def family(name: str, heads: int, kv_heads: int, ffn: int, dtype: str = "f32") -> ModuleOp:
    """A small model of a family."""
    text = TEXT.format(heads=heads, kv_heads=kv_heads, ffn=ffn, dtype=dtype, **FAMILIES[name])
    return load_model(text, f"{name}.kl")


def run_pipeline(module: ModuleOp, pipeline: str) -> None:
    passes = parse_passes({name: lambda name=name: load_pass(name) for name in PASSES}, pipeline)
    run_passes(make_context(), module, passes)


def runs(module: ModuleOp) -> list[Array]:
    """Logits of three steps, in f64, and then what is left in the caches of each socket."""
    interpreter = Interpreter(module, random_weights(weight_specs(module), seed=0))
    spec = interpreter.inputs[0]
    rng = np.random.default_rng(0)
    steps = [
        interpreter.step([rng.standard_normal(spec.shape).astype(spec.numpy_dtype), position]).outputs
        for position in range(3)
    ]
    states = [state for states in interpreter.socket_states for state in states.values()]
    return [output.astype(np.float64) for _, output in steps] + states


@pytest.mark.parametrize("extents", EXTENTS.values(), ids=EXTENTS)
@pytest.mark.parametrize("name", FAMILIES)
def test_sockets_agree_in_f32(name: str, extents: tuple[int, int, int, int]):
    sockets, *numbers = extents
    module = family(name, *numbers)
    wanted = runs(module)[:3]
    run_pipeline(module, f"shard-tensors{{sockets={sockets}}}")
    assert ("shard_runs" in str(module)) == (numbers[-1] == 30)
    assert_allclose(runs(module)[:3], wanted, rtol=1e-4, atol=1e-4)


TO_PLACES = (
    "convert-kernel-to-dataflow,tile-stages{tile-bytes=64 least-run-bytes=1},overlap-collectives,"
    "allocate-units,prefetch-weights,schedule-stages,place-units"
)
"""The passes that end in a module which the interpreter still runs, with small tiles."""


@pytest.mark.parametrize("granularity", ["op", "block", "layer"])
@pytest.mark.parametrize("sockets", [1, 2])
@pytest.mark.parametrize("name", FAMILIES)
def test_kernels_loops_and_tiles_keep_every_bit(name: str, sockets: int, granularity: str):
    module = family(name, 3, 1, 30, "bf16")
    run_pipeline(module, f"shard-tensors{{sockets={sockets}}}")
    wanted = [array.tobytes() for array in runs(module)]
    for pipeline in (
        f"outline-kernels{{granularity={granularity}}},merge-identical-kernels",
        "loop-kernels",
        TO_PLACES,
    ):
        run_pipeline(module, pipeline)
        assert [array.tobytes() for array in runs(module)] == wanted, pipeline


def test_a_norm_over_all_heads_adds_up_its_squares():
    """Each KV head lies on two sockets, so that its squares are counted twice."""
    module = family("rows", 8, 2, 32)
    run_pipeline(module, "shard-tensors{sockets=4}")
    assert sum(isinstance(op, SquareSumOp) for op in module.walk()) == 2
    counts = [op.count.value.data for op in module.walk() if isinstance(op, RMSScaleOp)]
    assert counts == [32, 2 * 8]
