"""A sharded model gives the numbers of the whole one, on any number of sockets and at every level."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import InterpretationError, Interpreter, weight_specs
from kl.backends.tensors import Array, TensorSpec
from kl.backends.weights import random_weights
from kl.dialects.collective import AllGatherOp, AllReduceOp
from kl.frontends import load_model
from kl.passes import PASSES, load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

STEPS = 6


def run_pipeline(module: ModuleOp, pipeline: str) -> None:
    passes = parse_passes({name: lambda name=name: load_pass(name) for name in PASSES}, pipeline)
    run_passes(make_context(), module, passes)


def shard(module: ModuleOp, sockets: int) -> None:
    run_pipeline(module, f"shard-tensors{{sockets={sockets}}}")


def llama_runs(interpreter: Interpreter) -> list[list[Array]]:
    """Next tokens and logits of some decode steps."""
    tokens = np.arange(interpreter.inputs[0].elements, dtype=np.int32)
    return [list(interpreter.step([(tokens + 5 * i + 1) % 61, i]).outputs) for i in range(STEPS)]


def logits(module: ModuleOp, weights: dict[str, Array]) -> Array:
    """The logits of some decode steps, `[step, batch, vocabulary]`, in f64."""
    return np.array([outputs[1].astype(np.float64) for outputs in llama_runs(Interpreter(module, weights))])


@pytest.mark.parametrize("kv_heads", [1, 2, 4, 8])
@pytest.mark.parametrize("sockets", [2, 4, 8])
def test_sockets_agree_in_f32(kv_heads: int, sockets: int, small_llama):
    module = small_llama(dtype="f32", kv_heads=kv_heads)
    weights = random_weights(weight_specs(module), seed=0)
    wanted = logits(module, weights)
    shard(module, sockets)
    assert_allclose(logits(module, weights), wanted, rtol=1e-5, atol=1e-5)


UNEVEN = {
    "3 on 2, each of 8 groups": (16, {"heads": 24, "kv_heads": 8, "hidden": 48}),
    "3 on 2": (2, {"heads": 3, "kv_heads": 1, "hidden": 12}),
    "5 on 4, each of 2 groups": (8, {"heads": 10, "kv_heads": 2, "hidden": 40}),
    "6 KV heads of 2 on 4": (4, {"heads": 12, "kv_heads": 6, "hidden": 48}),
    "3 KV heads of 3 on 8": (8, {"heads": 9, "kv_heads": 3, "hidden": 36}),
    "columns": (4, {"ffn": 45}),
}
"""Sockets and extents that do not divide, so that zeros fill up."""


@pytest.mark.parametrize(("sockets", "extents"), UNEVEN.values(), ids=UNEVEN)
def test_zeros_fill_up_and_change_nothing(sockets: int, extents: dict[str, int], small_llama):
    module = small_llama(dtype="f32", **extents)
    weights = random_weights(weight_specs(module), seed=0)
    wanted, specs = logits(module, weights), weight_specs(module)
    shard(module, sockets)
    assert "shard_runs" in str(module)
    assert weight_specs(module) == specs
    assert_allclose(logits(module, weights), wanted, rtol=1e-5, atol=1e-5)


def test_rows_of_zeros_add_exactly_nothing(small_llama):
    """What the padded heads attend to has no way into the sum: other columns there, and the same bits."""
    module = small_llama(heads=3, kv_heads=1, hidden=12)
    shard(module, 2)
    weights = random_weights(weight_specs(module), seed=0)
    wanted, changed = Interpreter(module, weights), Interpreter(module, weights)
    queries = changed._weights["decoder.wq"][1]  # pyright: ignore[reportPrivateUsage]
    assert not queries[..., 4:].any()
    queries[..., 4:] = 3
    for mine, other in zip(llama_runs(changed), llama_runs(wanted), strict=True):
        for left, right in zip(mine, other, strict=True):
            assert left.tobytes() == right.tobytes()


@pytest.mark.parametrize("kv_heads", [2, 4, 8])
@pytest.mark.parametrize("sockets", [2, 4, 8])
def test_sockets_add_little_to_the_error_of_bf16(kv_heads: int, sockets: int, small_llama):
    """Against f32, a sharded bf16 model errs by hardly more than the whole one: by the summands' rounding."""
    module = small_llama(kv_heads=kv_heads)
    weights = random_weights(weight_specs(module), seed=0)
    exact_weights = {name: array.astype(np.float32) for name, array in weights.items()}
    exact = logits(small_llama(dtype="f32", kv_heads=kv_heads), exact_weights)
    whole_error = np.linalg.norm(logits(module, weights) - exact)
    shard(module, sockets)
    error = np.linalg.norm(logits(module, weights) - exact)
    assert error < 1.5 * whole_error
    assert error < 0.02 * np.linalg.norm(exact)


def test_one_socket_keeps_every_bit(small_llama, run_steps, assert_same_bits):
    module = small_llama()
    wanted, text = run_steps(module, STEPS), str(module)
    shard(module, 1)
    assert str(module) == text
    assert_same_bits(run_steps(module, STEPS), wanted)


# The kernel level, and what lies on which socket.


def everything(module: ModuleOp) -> list[bytes]:
    """All that some steps give and leave behind, on every socket."""
    interpreter = Interpreter(module, random_weights(weight_specs(module), seed=0))
    outputs = [output.tobytes() for outputs in llama_runs(interpreter) for output in outputs]
    states = [array.tobytes() for states in interpreter.socket_states for array in states.values()]
    return outputs + states


@pytest.mark.parametrize("sockets", [2, 8])
@pytest.mark.parametrize("granularity", ["op", "block", "layer"])
def test_kernels_and_loops_keep_every_bit(sockets: int, granularity: str, small_llama):
    module = small_llama()
    shard(module, sockets)
    wanted = everything(module)
    run_pipeline(module, f"outline-kernels{{granularity={granularity}}},merge-identical-kernels")
    assert everything(module) == wanted
    run_pipeline(module, "loop-kernels")
    assert "kernel.loop 3" in str(module)
    assert everything(module) == wanted


TO_PLACES = (
    "convert-kernel-to-dataflow,tile-stages,overlap-collectives,allocate-units,prefetch-weights,"
    "schedule-stages,place-units"
)
"""The passes that end in a module which the interpreter still runs."""


@pytest.mark.parametrize("granularity", ["op", "layer"])
@pytest.mark.parametrize("looped", [False, True], ids=["unlooped", "looped"])
def test_networks_keep_every_bit(granularity: str, looped: bool, small_llama):
    module = small_llama()
    shard(module, 4)
    wanted = everything(module)
    run_pipeline(module, f"outline-kernels{{granularity={granularity}}},merge-identical-kernels")
    if looped:
        run_pipeline(module, "loop-kernels")
    for name in TO_PLACES.split(","):
        run_pipeline(module, name)
        assert everything(module) == wanted, name


def test_weights_are_given_whole(small_llama):
    module = small_llama()
    specs = weight_specs(module)
    shard(module, 4)
    assert weight_specs(module) == specs


def test_caches_are_split_by_heads_and_shared_by_neighbours(small_llama):
    module = small_llama(dtype="f32", kv_heads=2)
    weights = random_weights(weight_specs(module), seed=0)
    whole = Interpreter(module, weights)
    llama_runs(whole)
    shard(module, 4)
    parts = Interpreter(module, weights)
    llama_runs(parts)
    for name, cache in whole.states.items():
        on_sockets = [states[name] for states in parts.socket_states]
        assert_array_equal(on_sockets[0], on_sockets[1])
        assert_array_equal(on_sockets[2], on_sockets[3])
        together = np.concatenate([on_sockets[0], on_sockets[2]], axis=2)
        assert together.any()
        assert_allclose(together, cache, rtol=1e-5, atol=1e-5)


GATED = """
model gated
dtype f32
param hidden = 16
param heads = 4
param kv_heads = 2

weight bias[2, 4 * hidden]
weight first[2, 4 * hidden]

layer mix[2](x[2, hidden], y[2, 4 * hidden]) {
  weight w[hidden, 4 * hidden]
  weight v[4 * hidden, hidden]
  z = x @ w + bias
  return gelu(z) @ v, z * y
}

layer attend[1](x[2, hidden], position: i32) {
  weight wq[hidden, hidden]
  weight wk[hidden, hidden / 2]
  cache keys[2, kv_heads, 8, hidden / heads]
  q = x @ wq
  k = x @ wk
  append(keys, k, position)
  return attention(q, keys, keys, position), q, k
}

step(x[2, hidden], position: i32) {
  weight_free = x + x
  y = first
  for i in 0..2 {
    x, y = mix[i](x, y)
    observe y as "y {i}"
  }
  a, q, k = attend[0](x, position)
  observe k as "k"
  return a * q, weight_free
}
"""


@pytest.mark.parametrize("sockets", [2, 4])
def test_what_is_needed_whole_is_gathered(sockets: int):
    module = load_model(GATED, "gated.kl")
    weights = random_weights(weight_specs(module), seed=0)
    x = np.random.default_rng(0).standard_normal((2, 16), np.float32)
    wanted = Interpreter(module, weights).step([x, 3])
    shard(module, sockets)
    given = Interpreter(module, weights).step([x, 3])
    assert sum(isinstance(op, AllGatherOp) for op in module.walk()) == 4  # z * y, q and k, a of the layers
    assert given.observed.keys() == wanted.observed.keys() == {"y 0", "y 1", "k"}
    for label, values in wanted.observed.items():
        assert_allclose(given.observed[label], values, rtol=1e-5, atol=1e-5)
    for mine, other in zip(given.outputs, wanted.outputs, strict=True):
        assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


# Errors.


def test_a_missing_sum_is_seen(small_llama):
    """The comparisons above prove something only if they find what is missing."""
    module = small_llama(dtype="f32")
    weights = random_weights(weight_specs(module), seed=0)
    wanted = logits(module, weights)
    shard(module, 2)
    reduce = next(op for op in module.walk() if isinstance(op, AllReduceOp))
    reduce.result.replace_all_uses_with(reduce.x)
    reduce.detach()
    reduce.erase()
    assert np.abs(logits(module, weights) - wanted).max() > 0.1


def test_the_host_reads_what_all_sockets_have(parse):
    module = parse("""
        builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64}>} {
          nn.weight @w : tensor<1x2xf32> {shard_axis = 1, shard_parts = 2}
          func.func @step() {
            %w = nn.get_global @w : tensor<1x2xf32>
            nn.observe %w as "w" : tensor<1x2xf32>
            func.return
          }
        }""")
    weights = {"w": np.arange(4, dtype=np.float32).reshape(1, 4)}
    with pytest.raises(InterpretationError, match="the observed value differs between socket 0 and socket 1"):
        Interpreter(module, weights).step([])


def test_sockets_share_parts_evenly(parse):
    module = parse("""
        builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 3 : i64}>} {
          nn.weight @w : tensor<1x2xf32> {shard_axis = 1, shard_parts = 2}
        }""")
    with pytest.raises(InterpretationError, match="weight @w: 3 sockets cannot share 2 parts evenly"):
        Interpreter(module, {"w": np.zeros((1, 4), np.float32)})


def test_a_token_outside_the_vocabulary_is_refused(small_llama):
    module = small_llama(vocab=2)
    shard(module, 2)
    interpreter = Interpreter(module, random_weights(weight_specs(module), seed=0))
    with pytest.raises(InterpretationError, match=r"collective.sharded_embedding: row 7 is outside 0 to 1"):
        interpreter.step([np.array([0, 7], np.int32), 0])


CONSTANTS = """model m
dtype f32
constant frequencies[2] = [1.0, 0.01]
constant long[2] = [0.5, 0.002]
constant gains[j in 0..24] = 1.0 + j / 24.0
weight table[32, 24]
layer block[2](x[1, 24], position: i32) {
  weight wq[24, 18]
  weight wk[24, 6]
  weight wo[18, 24]
  cache keys[1, 1, 16, 6]
  q = rope(x @ wq, position, frequencies, head_dim = 6, long = long, long_from = 2)
  k = rope(x @ wk, position, frequencies, head_dim = 6, long = long, long_from = 2)
  append(keys, k, position)
  return rms_norm(x + attention(q, keys, keys, position) @ wo, gains, 1e-5)
}
step(token[1]: i32, position: i32) {
  x = table[token]
  for i in 0..2 { x = block[i](x, position) }
  return argmax(x), x
}
"""


@pytest.mark.parametrize("sockets", [2, 4])
def test_padded_heads_rotate_in_part_and_constants_keep_their_values(sockets: int):
    module = load_model(CONSTANTS, "m.kl")
    weights = random_weights(weight_specs(module), seed=0)
    wanted, specs = logits(module, weights), weight_specs(module)
    shard(module, sockets)
    assert "shard_runs" in str(module)
    assert weight_specs(module) == specs
    assert_allclose(logits(module, weights), wanted, rtol=1e-5, atol=1e-5)


def test_a_constant_that_is_split_keeps_its_whole_value(parse):
    module = parse("""
        builtin.module attributes {rdu.machine = #rdu.machine<{sockets = 2 : i64}>} {
          nn.weight @c : tensor<2xf32> {shard_axis = 0, shard_parts = 2, shard_runs = array<i64: 3, 1>,
                                        value = dense<[1.0, 2.0, 3.0]> : tensor<3xf64>}
        }""")
    (spec,) = weight_specs(module)
    assert (spec.tensor, spec.values) == (TensorSpec((3,), "f32"), (1.0, 2.0, 3.0))
