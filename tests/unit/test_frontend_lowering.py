"""The nn module of a model: operators, layers, the step, names and locations."""

from __future__ import annotations

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
    """The calls of the step, in order: `decoder[3]`."""
    calls: list[str] = []
    for op in module.walk():
        if isinstance(op, CallOp):
            assert op.index is not None
            calls.append(f"{op.callee.root_reference.data}[{op.index.value.data}]")
    return calls


def step(expression: str) -> str:
    return f"""
weight w[hidden, 4]
weight norm[hidden]: f32
weight table[16, hidden]
constant frequencies[2] = [1, 0.5]
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
        ("rms_norm(eps = 0, gain = norm, x = x)", RMSNormOp, TensorType(bf16, [1, 8])),
        ("rope(x, position, frequencies)", RopeOp, TensorType(bf16, [1, 8])),
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
            "rope(rms_norm(x, norm, 1 / 4.0), position, frequencies, head_dim = hidden,"
            " scale = frequencies[1] / 2, long = frequencies, long_from = 64)"
        )
    )
    norm, rope = body_of(module)
    assert isinstance(norm, RMSNormOp)
    assert norm.eps.value.data == 0.25
    assert isinstance(rope, RopeOp)
    assert (rope.head_dim.value.data, rope.frequencies.get_values()) == (8, (1.0, 0.5))
    assert rope.scale
    assert rope.scale.value.data == 0.25
    assert rope.long_from
    assert rope.long_from.value.data == 64


@pytest.mark.parametrize(("keyword", "scale"), [("", 8**-0.5), (", scale = 0.5", 0.5)])
def test_scale_of_attention(keyword: str, scale: float):
    (attention,) = body_of(load(step(f"attention(x, keys, keys, position{keyword})")))
    assert isinstance(attention, AttentionOp)
    assert attention.scale.value.data == scale


def test_weights_and_caches_are_symbols_of_the_module():
    text = """
dtype f32
weight head[hidden, 4]: bf16 from transposed "head"
weight scalar
step(x[batch, hidden]) { return x }
"""
    symbols = [op for op in load(LAYER + text).ops if isinstance(op, WeightOp | StateOp)]
    types = {op.sym_name.data: op.type for op in symbols}
    assert types == {
        "decoder.w": TensorType(f32, [4, 8, 8]),
        "decoder.keys": MemRefType(f32, [4, 1, 1, 16, 8]),
        "head": TensorType(bf16, [8, 4]),
        "scalar": TensorType(f32, []),
    }
    assert [op.stacked is not None for op in symbols] == [True, True, False, False]
    weights = [op for op in symbols if isinstance(op, WeightOp)]
    assert [op.checkpoint and op.checkpoint.data for op in weights] == ["layers.{layer}.w", "head", None]
    assert [op.transposed is not None for op in weights] == [True, True, False]


def test_a_layer_is_a_private_function_and_the_step_a_public_one():
    module = load(LAYER + "\nstep(x[batch, hidden], p: i32) { return decoder[3](x, p) }\n")
    decoder, step = function(module, "decoder"), function(module, "step")
    assert decoder.sym_visibility
    assert decoder.sym_visibility.data == "private"
    assert step.sym_visibility is None
    assert [arg.name_hint for arg in decoder.args] == ["x", "position", "w", "keys"]
    assert [arg.name_hint for arg in step.args] == ["x", "p"]
    assert [type(op) for op in body_of(module, "decoder")] == [MatmulOp, CacheAppendOp, AttentionOp]
    (call,) = body_of(module)
    assert isinstance(call, CallOp)
    assert call.index
    assert call.index.value.data == 3
    assert [value.name_hint for value in call.arguments] == ["x", "p", "decoder.w", "decoder.keys"]


@pytest.mark.parametrize(
    ("statements", "numbers"),
    [
        ("for i in 0..4 { x = decoder[i](x, p) }", [0, 1, 2, 3]),
        ("for i in 1..3 { x = decoder[i](x, p) }", [1, 2]),
        ("for i in 0..batch + 1 { x = decoder[3 - i](x, p) }", [3, 2]),
        ("x = decoder[0](decoder[2](x, p), p)", [2, 0]),
        ("for i in 0..2 { for j in 0..2 { x = decoder[2 * i + j](x, p) } }", [0, 1, 2, 3]),
    ],
)
def test_ranges_of_layers(statements: str, numbers: list[int]):
    module = load(f"{LAYER}\nstep(x[batch, hidden], p: i32) {{\n{statements}\nreturn x\n}}\n")
    assert calls_of(module) == [f"decoder[{number}]" for number in numbers]
    assert len([op for op in module.walk() if isinstance(op, GetGlobalOp)]) == 2


def test_kinds_of_layers_alternate():
    text = """
layer local[2](x[batch, hidden]) { return silu(x) }
layer far[3](x[batch, hidden]) { return gelu(x) }
step(x[batch, hidden]) {
  for i in 0..2 {
    x = local[i](x)
    x = far[i](x)
  }
  return far[2](x)
}
"""
    assert calls_of(load(text)) == ["local[0]", "far[0]", "local[1]", "far[1]", "far[2]"]


def test_a_layer_may_return_several_values():
    text = """
layer halve[1](x[batch, hidden]) { return silu(x), f32(x) }
step(x[batch, hidden]) {
  a, b = halve[0](x)
  return b, f32(a)
}
"""
    call, cast = body_of(load(text))
    assert [value.name_hint for value in call.results] == ["a", "b"]
    assert cast.operands[0] is call.results[0]


def test_a_layer_reads_weights_from_outside_unsliced():
    text = """
weight shared[hidden, hidden]
layer a[2](x[batch, hidden]) {
  weight own[hidden, hidden]
  x = x @ shared
  return x @ own + x @ shared
}
step(x[batch, hidden]) { return a[1](a[0](x)) }
"""
    module = load(text)
    assert [arg.name_hint for arg in function(module, "a").args] == ["x", "own", "shared"]
    call = body_of(module)[-1]
    assert [str(value.name_hint) for value in call.operands][1:] == ["a.own", "shared"]


def test_observe():
    text = """
step(x[batch, hidden]) {
  for i in 0..2 {
    x = silu(x)
    observe x as "hidden {i} of {hidden}"
  }
  return x
}
"""
    ops = body_of(load(text))
    labels = [op.label.data for op in ops if isinstance(op, ObserveOp)]
    assert labels == ["hidden 0 of 8", "hidden 1 of 8"]
    assert [type(op) for op in ops] == [SiluOp, ObserveOp] * 2


def test_a_later_line_sees_the_new_value():
    silu, gelu = body_of(load("step(x[batch, hidden]) {\n  x = silu(x)\n  x = gelu(x)\n  return x\n}\n"))
    assert gelu.operands[0] is silu.results[0]
    assert [op.results[0].name_hint for op in (silu, gelu)] == ["x", "x"]


def test_two_bodies_may_use_one_name():
    text = """
layer a[1](x[batch, hidden]) { weight w[hidden, hidden]
  return x @ w }
layer b[1](x[batch, hidden]) { weight w[hidden, 4]
  return x @ w }
step(x[batch, hidden]) { return b[0](a[0](x)) }
"""
    weights = [op.sym_name.data for op in load(text).ops if isinstance(op, WeightOp)]
    assert weights == ["a.w", "b.w"]


def test_every_operation_carries_the_place_of_its_text():
    text = (
        HEAD
        + """weight w[hidden, hidden]
layer a[2](x[batch, hidden]) {
  weight v[hidden, hidden]
  return silu(x @ v) +
}
"""
    )
    text = text.replace(" +\n", "\n") + "step(x[batch, hidden]) {\n  x = a[1](x) + x @ w\n  return x\n}\n"
    module = load_model(text, "m.kl")
    places: dict[str, list[tuple[int, int]]] = {}
    for op in module.walk():
        assert isinstance(op.location, FileLineColLoc), op
        assert op.location.filename.data == "m.kl"
        place = (op.location.line.data, op.location.column.data)
        places.setdefault(op.name, []).append(place)
    assert places == {
        "builtin.module": [(1, 1)],
        "nn.weight": [(4, 1), (6, 3)],
        "func.func": [(5, 7), (9, 1)],
        "nn.matmul": [(7, 15), (10, 17)],
        "nn.silu": [(7, 10)],
        "func.return": [(7, 3), (11, 3)],
        "nn.get_global": [(10, 7), (10, 21)],
        "nn.call": [(10, 7)],
        "nn.add": [(10, 7)],
    }
    arguments = [arg.location for arg in function(module, "a").args]
    assert [str(location.column.data) for location in arguments if isinstance(location, FileLineColLoc)] == [
        "12",
        "10",
    ]


def test_a_thousand_layers():
    text = HEAD + LAYER.replace("[4]", "[1000]")
    text += "step(x[batch, hidden], p: i32) {\n  for i in 0..1000 { x = decoder[i](x, p) }\n  return x\n}\n"
    module = load_model(text, "m.kl")
    assert len(calls_of(module)) == 1000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, 1)),
        ("// nothing\n", (1, 1)),
        ("model", (1, 6)),
        ("model m\n", (1, 1)),
        ("model m\nstep(x[1]) { return " + "silu(" * 2000 + "x" + ")" * 2000 + " }\n", (2, 1)),
        ("model m\nparam p = " + "-" * 5000 + "1\n", (2, 1)),
    ],
    ids=["empty", "comment", "unfinished", "no step", "deep calls", "deep signs"],
)
def test_texts_that_are_no_models(text: str, place: tuple[int, int]):
    with pytest.raises(ParseError) as raised:
        load_model(text, "m.kl")
    assert raised.value.span.get_location()[1:] == place
