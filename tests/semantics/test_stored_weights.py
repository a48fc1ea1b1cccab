"""Weights and caches of fewer bits: the same bits at all levels, in all variants, on one socket and more."""

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.numerics_stored import code_values, unpacked_codes
from kl.backends.tensors import Array, rounded
from kl.backends.weights import random_weights
from kl.frontends import load_model

TEXT = """model stored
param batch = 2
param context = 5
param wide = 72
weight head[32, wide]: i8 scale[32, 1]: f16 zeros

layer block[2](x[batch, 32], position: i32) {
  weight wq[32, 32]: f8e4m3 scale[16, 16]
  weight wk[32, 16]: f8e4m3 scale[32, 1]
  weight wo[32, 32]: i4 scale[16, 1]: f16 zeros
  weight up[32, wide]: f8e4m3 scale[16, 32]
  weight down[wide, 32]: f4e2m1 scale[16, 1]: f8e4m3
  weight tied[16, 32]: f4e2m1 scale[8, 1]: f8e8m0
  weight back[16, 32]: i8 scale[8, 16]: bf16
  weight bias[32]: i8 scale[16]
  cache keys[batch, 2, context, 8]: f8e4m3
  cache values[batch, 2, context, 8]: f8e4m3
  k = x @ wk
  append(keys, k, position)
  append(values, k * 0.5, position)
  x = x + attention(x @ wq, keys, values, position) @ wo
  x = x + silu(x @ up) @ down
  return x + relu(x @ transposed(tied)) @ back + bias
}

step(x[batch, 32], position: i32) {
  for i in 0..2 { x = block[i](x, position) }
  return argmax(x @ head), x
}
"""

SPLIT = "shard-tensors{{sockets={}}}"
VARIANTS = {
    "operators": "outline-kernels{granularity=op},merge-identical-kernels,",
    "blocks": "outline-kernels{granularity=block},merge-identical-kernels,",
    "layers": "outline-kernels{granularity=layer},merge-identical-kernels,",
    "loops": "outline-kernels{granularity=layer},merge-identical-kernels,loop-kernels,",
}


def load(text: str = TEXT, **parameters: int) -> ModuleOp:
    """The model, verified."""
    module = load_model(text, "stored.kl", parameters)
    module.verify()
    return module


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_levels_give_the_same_bits(
    variant: str, check_down_to_the_machine: Callable[[ModuleOp, str], None]
):
    check_down_to_the_machine(load(), VARIANTS[variant])


@pytest.mark.parametrize("sockets", [2, 8])
@pytest.mark.parametrize("variant", ["operators", "loops"])
def test_so_do_several_sockets(
    sockets: int,
    variant: str,
    compiled: Callable[[ModuleOp, str], None],
    check_down_to_the_machine: Callable[[ModuleOp, str], None],
):
    # 8 sockets are more than there are heads, and 9 rows of `down` no whole bytes: a model of fewer products.
    text = TEXT if sockets == 2 else TEXT.replace("attention(x @ wq, keys, values, position)", "(x @ wq)")
    text = text.replace("f4e2m1 scale[16, 1]: f8e4m3", "f8e4m3 scale[16, 8]") if sockets == 8 else text
    module = load(text)
    compiled(module, SPLIT.format(sockets))
    check_down_to_the_machine(module, VARIANTS[variant])


PRODUCT = """model product
weight w[32, n]: KIND
step(x[2, 32]: f32) { return x @ w }
"""


@pytest.mark.parametrize("sockets", [2, 8, 16])
@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        (768, "f8e4m3 scale[32, 128]"),
        (576, "f8e4m3 scale[16, 128]"),
        (90, "i8 scale[16, 32]: bf16 zeros"),
        (100, "f4e2m1 scale[16, 1]: f8e4m3"),
        (48, "i4 scale[8, 48] zeros"),
    ],
)
def test_columns_over_sockets_are_those_of_one(
    columns: int, kind: str, sockets: int, compiled: Callable[[ModuleOp, str], None]
):
    text = PRODUCT.replace("weight", f"param n = {columns}\nweight").replace("KIND", kind)
    x = np.random.default_rng(0).standard_normal((2, 32), np.float32)
    whole, split = load(text), load(text)
    compiled(split, SPLIT.format(sockets))
    weights = random_weights(weight_specs(whole), 0)
    (one,), (several,) = (Interpreter(module, weights).step([x]).outputs for module in (whole, split))
    assert one.tobytes() == several.tobytes()


EXPERTS = """model experts
param batch = 2
param n = 48
weight up[8, 64, n]: UP
weight down[8, n, 64]: DOWN
step(x[batch, 64]: f64, ids[batch, 2]: i32) {
  chosen = distinct(ids, 8)
  h = silu(x @ columns_of(up, chosen))
  return h, h @ rows_of(down, chosen)
}
"""
KINDS = [
    ("f8e4m3 scale[1, 32, 32]", "f8e4m3 scale[1, 32, 32]"),
    ("f4e2m1 scale[1, 16, 1]: f8e4m3", "f4e2m1 scale[1, 16, 1]: f8e4m3"),
    ("f4e2m1 scale[1, 32, 1]: f8e8m0", "i4 scale[1, 16, 1]: f16 zeros"),
]


@pytest.mark.parametrize(("up", "down"), KINDS)
def test_chosen_experts_are_widened_as_all_would_be(up: str, down: str):
    module = load(EXPERTS.replace("UP", up).replace("DOWN", down))
    weights = random_weights(weight_specs(module), 0)
    ids = np.array([[5, 2], [2, 7]], np.int32)
    x = np.random.default_rng(1).standard_normal((2, 64))
    h, y = Interpreter(module, weights).step([x, ids]).outputs
    wide_up, wide_down = (by_hand(weights, name, text) for name, text in (("up", up), ("down", down)))
    chosen = [2, 5, 7]
    columns = np.concatenate([wide_up[one] for one in chosen], axis=1)
    rows = np.concatenate([wide_down[one] for one in chosen])
    plain = x @ columns
    wanted = plain / (1 + np.exp(-plain))
    np.testing.assert_allclose(h[:, : 3 * 48], wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(y, wanted @ rows, rtol=1e-8, atol=1e-11)
    assert not h[:, 3 * 48 :].any()


def by_hand(weights: dict[str, Array], name: str, text: str) -> Array:
    """The numbers of a stack of experts, rounded to bf16 as the model's are."""
    format_, numbers_of_block = text.split()[0], text.partition("[")[2].partition("]")[0]
    block = [int(number) for number in numbers_of_block.split(",")]
    numbers = code_values(format_)[unpacked_codes(weights[name], format_)]
    scales = weights[f"{name}.scale"].astype(np.float64)
    for axis, size in enumerate(block):
        scales = np.repeat(scales, size, axis).take(range(numbers.shape[axis]), axis)
    if f"{name}.zero" in weights:
        zeros = weights[f"{name}.zero"].astype(np.float64)
        numbers = numbers - np.repeat(zeros, block[1], 1)
    if f"{name}.tensor_scale" in weights:
        numbers = numbers * weights[f"{name}.tensor_scale"].astype(np.float64)
    return rounded(numbers * scales, "bf16").astype(np.float64)


@pytest.mark.parametrize(("up", "down"), KINDS)
@pytest.mark.parametrize("sockets", [2, 8])
def test_experts_over_sockets(up: str, down: str, sockets: int, compiled: Callable[[ModuleOp, str], None]):
    text = EXPERTS.replace("UP", up).replace("DOWN", down)
    text = text.replace("return h, h @", "return h @")
    whole, split = load(text), load(text)
    compiled(split, SPLIT.format(sockets))
    weights = random_weights(weight_specs(whole), 0)
    given = [np.random.default_rng(1).standard_normal((2, 64)), np.array([[5, 2], [2, 7]], np.int32)]
    (one,), (several,) = (Interpreter(module, weights).step(given).outputs for module in (whole, split))
    np.testing.assert_allclose(one, several, rtol=1e-12, atol=1e-14)


def test_a_cache_of_8_bits_holds_rounded_keys():
    module = load(TEXT.replace("return argmax(x @ head), x", "return x"))
    weights = random_weights(weight_specs(module), 0)
    interpreter = Interpreter(module, weights)
    x = rounded(np.random.default_rng(0).standard_normal((2, 32)), "bf16")
    interpreter.step([x, 3])
    keys = interpreter.states["block.keys"]
    assert (str(keys.dtype), keys[0, :, :, 3].any(), keys[0, :, :, 2].any()) == ("float8_e4m3fn", True, False)
