"""The nn module of a model: operators, layers, the step, names and locations."""

from __future__ import annotations

import time

import pytest
from xdsl.dialects.builtin import FileLineColLoc, MemRefType, ModuleOp, TensorType, bf16, f32, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation
from xdsl.utils.exceptions import ParseError

from kl.dialects.nn import (
    AddOp,
    ArgmaxOp,
    AttentionOp,
    CacheAppendOp,
    CallOp,
    CastOp,
    EmbeddingOp,
    GeluOp,
    GetGlobalOp,
    MatmulOp,
    MulOp,
    ObserveOp,
    RMSNormOp,
    RopeOp,
    SiluOp,
    StateOp,
    WeightOp,
)
from kl.frontends import load_model

HEAD = """model m
param batch = 1
param hidden = 8
"""

LAYER = """
layer decoder[4](x[batch, hidden], position: i32) {
  weight w[hidden, hidden] from transposed "layers.{layer}.w"
  cache keys[batch, 1, 16, hidden]
  y = x @ w
  append(keys, y, position)
  return attention(y, keys, keys, position)
}
"""


def load(text: str) -> ModuleOp:
    module = load_model(HEAD + text, "m.kl")
    module.verify()
    return module


def function(module: ModuleOp, name: str) -> FuncOp:
    (found,) = (op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == name)
    return found


def body_of(module: ModuleOp, name: str = "step") -> list[Operation]:
    """The operations of a function, without its fetches of weights and its return."""
    ops = function(module, name).body.block.ops
    return [op for op in ops if not isinstance(op, GetGlobalOp | ReturnOp)]


def calls_of(module: ModuleOp) -> list[str]:
    calls = (op for op in module.walk() if isinstance(op, CallOp))
    return [f"{op.callee.root_reference.data}[{op.index.value.data}]" for op in calls if op.index]


def step(expression: str) -> str:
    return f"""
weight w[hidden, 4]
weight norm[hidden]: f32
weight table[16, hidden]
cache keys[batch, 1, 16, hidden]
step(x[batch, hidden], y[batch, hidden], ids[batch]: i32, position: i32) {{
  return {expression}
}}
"""


@pytest.mark.parametrize(
    ("expression", "op", "result"),
    [
        ("x @ w", MatmulOp, TensorType(bf16, [1, 4])),
        ("f32(x) @ w", MatmulOp, TensorType(f32, [1, 4])),
        ("x + y", AddOp, TensorType(bf16, [1, 8])),
        ("x * y", MulOp, TensorType(bf16, [1, 8])),
        ("table[ids]", EmbeddingOp, TensorType(bf16, [1, 8])),
        ("rms_norm(x, norm, 1e-5)", RMSNormOp, TensorType(bf16, [1, 8])),
        ("rms_norm(eps = 0, weight = norm, x = x)", RMSNormOp, TensorType(bf16, [1, 8])),
        ("rope(x, position, 4, 10000)", RopeOp, TensorType(bf16, [1, 8])),
        ("attention(x, keys, keys, position)", AttentionOp, TensorType(bf16, [1, 8])),
        ("silu(x)", SiluOp, TensorType(bf16, [1, 8])),
        ("gelu(x)", GeluOp, TensorType(bf16, [1, 8])),
        ("argmax(x)", ArgmaxOp, TensorType(i32, [1])),
        ("f32(x)", CastOp, TensorType(f32, [1, 8])),
        ("bf16(f32(x))", CastOp, TensorType(bf16, [1, 8])),
    ],
)
def test_each_operator(expression: str, op: type[Operation], result: TensorType):
    module = load(step(expression))
    last = body_of(module)[-1]
    assert isinstance(last, op)
    assert [value.type for value in last.results] == [result]
    assert function(module, "step").function_type.outputs.data == (result,)


def test_numbers_become_properties():
    module = load(
        step(
            "rope(rms_norm(x, norm, 1 / 4.0), position, hidden / 2, 5e5,"
            " factor = 8, low = 1, high = 2 * 2, original_context = 64)"
        )
    )
    norm, rope = body_of(module)
    assert isinstance(norm, RMSNormOp)
    assert norm.eps.value.data == 0.25
    assert isinstance(rope, RopeOp)
    assert (rope.head_dim.value.data, rope.theta.value.data) == (4, 5e5)
    scaling = [rope.scaling_factor, rope.low_frequency_factor, rope.high_frequency_factor]
    assert [number.value.data for number in scaling if number] == [8.0, 1.0, 4.0]
    assert rope.original_context
    assert rope.original_context.value.data == 64


@pytest.mark.parametrize(("keyword", "scale"), [("", 8**-0.5), (", scale = 0.5", 0.5)])
def test_scale_of_attention(keyword: str, scale: float):
    (attention,) = body_of(load(step(f"attention(x, keys, keys, position{keyword})")))
    assert isinstance(attention, AttentionOp)
    assert attention.scale.value.data == scale


def test_weights_and_caches_are_symbols_of_the_module():
    text = """
dtype f32
weight head[hidden, 4]: bf16 from transposed "head"
weight bare[hidden]
cache shared[batch, 1, 16, hidden]
step(x[batch, hidden]) { return x }
"""
    head, bare, shared, decoder_w, keys, *_ = load(LAYER.replace("layer ", "layer ") + text).ops
    assert isinstance(decoder_w, WeightOp | StateOp)
    symbols = {op.sym_name.data: op for op in load(LAYER + text).ops if isinstance(op, WeightOp | StateOp)}
    assert list(symbols) == ["decoder.w", "decoder.keys", "head", "bare", "shared"]
