"""Small models of odd shapes, down to the machine: the engine gives the interpreter's bits, and one time.

Tiles are cut as small as they can be, so that tiny models have many of them. Each model is there for one
thing that networks of stages could get wrong; its name says which.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from kl.dialects import kernel
from kl.frontends import load_model

OUTLINE = "outline-kernels{{granularity={}}},merge-identical-kernels"
LLAMA = (Path(__file__).parents[2] / "examples" / "llama3_tiny.kl").read_text()
SIZES = {
    "context": 16,
    "layers": 2,
    "hidden": 16,
    "heads": 4,
    "kv_heads": 2,
    "ffn": 24,
    "vocab": 32,
    "rope_context": 16,
}

LLAMAS = {
    "batch of 4": {"batch": 4},
    "one layer": {"layers": 1},
    "kv heads as heads": {"kv_heads": 4},
    "one kv head": {"kv_heads": 1},
    "prime extents": {"context": 13, "ffn": 23, "vocab": 37},
    "hidden of two": {"hidden": 2, "heads": 1, "kv_heads": 1, "ffn": 1},
    "f32": {},
}

MODELS = {
    "no residual at the end": """
        param layers = 3
        param h = 12
        param f = 20
        weight embedding[9, h]
        weight head[h, 9]
        layer block[layers](x[2, h]) {
          weight norm[h]
          weight up[h, f]
          weight down[f, h]
          return silu(rms_norm(x, norm, 1e-5) @ up) @ down
        }
        step(token[2]: i32, position: i32) {
          x = embedding[token]
          for i in 0..layers { x = block[i](x) }
          return argmax(x @ head), x
        }""",
    "read again behind a gather": """
        layer l[3](x[1, 16]) {
          weight n[16]
          weight w[16, 16]
          weight v[16, 16]
          y = x @ v
          return y + rms_norm(y, n, 1e-5) @ w
        }
        step(x[1, 16]) {
          for i in 0..3 { x = l[i](x) }
          return x
        }""",
    "chains of elementwise work": """
        layer l[2](x[2, 24]) {
          weight w[24, 24]
          y = x @ w
          a = silu(y) * gelu(y) + y
          c = gelu(a) * x
          return c + c + a * x
        }
        step(x[2, 24]) {
          for i in 0..2 { x = l[i](x) }
          return x
        }""",
    "nothing to stream": """
        layer l[2](x[2, 24]) { return silu(x) * x }
        step(x[2, 24]) {
          for i in 0..2 { x = l[i](x) }
          return x
        }""",
    "the same in all layers": """
        weight bias[2, 24]
        weight gain[24]
        weight shared[24, 24]
        layer l[3](x[2, 24], y[2, 24]) {
          weight w[24, 24]
          return (rms_norm(x @ w, gain, 1e-5) @ shared) * y + bias
        }
        step(x[2, 24], y[2, 24]) {
          for i in 0..3 { x = l[i](x, y) }
          return x
        }""",
    "two carried values": """
        layer l[4](x[1, 16], y[1, 16]) {
          weight w[16, 16]
          weight v[16, 16]
          return y + x @ w, gelu(y @ v) * x
        }
        step(x[1, 16], y[1, 16]) {
          for i in 0..4 { x, y = l[i](x, y) }
          return x, y
        }""",
    "layers from the last to the first": """
        layer l[4](x[1, 16]) {
          weight w[16, 16]
          return x @ w
        }
        step(x[1, 16]) {
          x = l[3](x)
          x = l[2](x)
          x = l[1](x)
          return l[0](x)
        }""",
    "two kinds, every second slice, and the host": """
        layer l[6](x[1, 16]) {
          weight w[16, 16]
          return x @ w
        }
        layer k[3](x[1, 16]) {
          weight w[16, 8]
          weight v[8, 16]
          return silu(x @ w) @ v
        }
        step(x[1, 16]) {
          for i in 0..3 {
            x = l[2 * i](x)
            x = k[i](x)
            x = l[2 * i + 1](x)
            observe x as "hidden {i}"
          }
          return x
        }""",
    "whole and carried values appended": """
        layer l[2](x[3, 8], position: i32) {
          weight n[8]
          weight w[8, 8]
          cache keys[3, 2, 8, 4]
          cache values[3, 2, 8, 4]
          append(keys, rms_norm(x, n, 1e-5), position)
          append(values, x, position)
          return attention(x, keys, values, position) @ w
        }
        step(x[3, 8], position: i32) {
          for i in 0..2 { x = l[i](x, position) }
          return x
        }""",
    "one cache for keys and values": """
        layer l[2](x[1, 8], position: i32) {
          cache c[1, 2, 8, 4]
          append(c, x, position)
          return attention(x, c, c, position)
        }
        step(x[1, 8], position: i32) {
          for i in 0..2 { x = l[i](x, position) }
          return x
        }""",
    "a cache that all layers read": """
        cache keys[1, 2, 8, 4]
        cache values[1, 2, 8, 4]
        layer l[3](x[1, 8], position: i32) {
          weight w[8, 8]
          return x + attention(x @ w, keys, values, position)
        }
        step(x[1, 8], position: i32) {
          append(keys, x, position)
          append(values, x + x, position)
          for i in 0..3 { x = l[i](x, position) }
          return x
        }""",
    "rows in every layer": """
        weight e[8, 16]
        weight w[16, 8]
        layer l[3](t[3]: i32) {
          weight v[16, 16]
          return argmax((e[t] @ v) @ w)
        }
        step(token[3]: i32) {
          for i in 0..3 { token = l[i](token) }
          return token
        }""",
    "mixed element types": """
        weight w[24, 24]
        weight v[24, 24]: f32
        step(x[2, 24]) {
          y = f32(x @ w)
          z = y @ v + y
          return bf16(z) + x, z
        }""",
    "producers cut differently": """
        weight w[30, 60]
        weight v[60, 42]
        weight u[30, 42]: f32
        step(x[1, 30], z[1, 42]) {
          a = x @ w
          y = x @ u
          return (silu(a) * a) @ v + y + z, y * y, a
        }""",
    "results and inputs returned twice": """
        weight w[8, 8]
        step(x[2, 8]) {
          y = x @ w
          return y, x, y, y + y
        }""",
    "rope without attention": """
        weight w[8, 24]
        constant frequencies[2] = [1.0, 0.01]
        step(x[2, 8], position: i32) {
          return rope(x @ w, position, frequencies), rope(x, position, frequencies, head_dim = 8, scale = 0.7)
        }""",
    "rope with a long table": """
        weight w[8, 24]
        constant short[2] = [1.0, 0.01]
        constant long[2] = [0.5, 0.002]
        step(x[2, 8], position: i32) {
          y = interleaved_rope(x @ w, position, short, head_dim = 6, long = long, long_from = 2)
          return y, rope(x, position, short, long = long, long_from = 1)
        }""",
    "constants as tensors": """
        weight w[8, 8]
        constant gains[j in 0..8] = 1.0 + j / 8.0
        constant rounded[j in 0..8]: bf16 = exp(-j)
        step(x[2, 8]) {
          return rms_norm(rms_norm(x, gains, 1e-5) @ w, rounded, gains[1])
        }""",
}

KERNELS = {
    "op": OUTLINE.format("op") + ",",
    "block, looped": OUTLINE.format("block") + ",loop-kernels,",
    "layer": OUTLINE.format("layer") + ",",
    "layer, looped": OUTLINE.format("layer") + ",loop-kernels,",
}


@pytest.mark.parametrize("kernels", ["op", "block, looped", "layer, looped"])
@pytest.mark.parametrize("name", LLAMAS)
def test_llamas(name: str, kernels: str, check_down_to_the_machine) -> None:
    text = LLAMA.replace("dtype bf16", "dtype f32") if name == "f32" else LLAMA
    module = load_model(text, "llama3_tiny.kl", SIZES | LLAMAS[name])
    check_down_to_the_machine(module, KERNELS[kernels])


@pytest.mark.parametrize("kernels", ["op", "layer", "layer, looped"])
@pytest.mark.parametrize("name", MODELS)
def test_other_models(name: str, kernels: str, check_down_to_the_machine) -> None:
    module = load_model(f"model test\n{MODELS[name]}", "test.kl")
    check_down_to_the_machine(module, KERNELS[kernels])


@pytest.mark.parametrize("name", ["two carried values", "the same in all layers", "rows in every layer"])
def test_layers_are_looped(name: str, compiled) -> None:
    # The tests above prove something about loops only if there are some.
    module = load_model(f"model test\n{MODELS[name]}", "test.kl")
    compiled(module, KERNELS["layer, looped"].rstrip(","))
    schedules = [op for op in module.ops if isinstance(op, kernel.ScheduleOp)]
    (calls,) = ([op for op in s.body.block.ops if isinstance(op, kernel.CallOp)] for s in schedules)
    assert [call.callee.root_reference.data for call in calls] == ["l.loop"]
