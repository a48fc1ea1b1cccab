"""Small models of odd shapes, down to the machine: the engine gives the interpreter's bits, and one time.

Tiles are cut as small as they can be, so that tiny models have many of them. Each model is there for one
thing that networks of stages could get wrong; its name says which.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.sn40l.check import check_program
from kl.backends.sn40l.emit import emit_program
from kl.backends.sn40l.executor import Executor, time_step
from kl.backends.sn40l.program import Program
from kl.backends.tensors import Array, TensorSpec
from kl.backends.weights import random_weights
from kl.dialects import kernel
from kl.frontends import load_model
from kl.passes import load_pass
from kl.tools.pipeline import parse_passes, run_passes
from kl.tools.universe import make_context

STEPS = 3

OUTLINE = "outline-kernels{{granularity={}}},merge-identical-kernels"
NETWORK = "convert-kernel-to-dataflow,tile-stages{tile-bytes=64 least-tiles=3 least-run-bytes=1}"
MACHINE = "allocate-units,schedule-stages,prefetch-weights,plan-memory,place-units,convert-dataflow-to-rdu"

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
        step(x[2, 8], position: i32) {
          return rope(x @ w, position, 4, 10000.0), rope(x, position, 2, 100.0)
        }""",
}

ROW, MATRIX, STACK = "tensor<1x16xbf16>", "tensor<16x16xbf16>", "tensor<4x16x16xbf16>"
PRODUCT = f"({ROW}, {MATRIX}) -> {ROW}"
SUM = f"({ROW}, {ROW}) -> {ROW}"

LOOPS = {
    "carried values change places": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          kernel.yield %g, %z : {ROW}, {ROW}
        }}""",
    "a ring of carried values": f"""
        %a, %b = kernel.loop 3 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} {{
        ^bb0(%h: {ROW}, %g: {ROW}):
          kernel.yield %g, %h : {ROW}, {ROW}
        }}""",
    "nobody reads a carried value": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          kernel.yield %z, %h : {ROW}, {ROW}
        }}""",
    "what stays the same is yielded": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.add %z, %g : {SUM}
          kernel.yield %q, %x : {ROW}, {ROW}
        }}""",
    "one value is yielded twice": f"""
        %a, %b = kernel.loop 4 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.add %z, %g : {SUM}
          kernel.yield %q, %q : {ROW}, {ROW}
        }}""",
    "a stack is walked two ways": f"""
        %a, %b = kernel.loop 2 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW}
            stacks(%w, %w : {STACK}, {STACK})
            attributes {{starts = array<i64: 3, 0>, steps = array<i64: -2, 1>}} {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}, %vi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.matmul %g, %vi : {PRODUCT}
          kernel.yield %q, %z : {ROW}, {ROW}
        }}""",
    "one iteration": f"""
        %a, %b = kernel.loop 1 carried(%x, %y : {ROW}, {ROW}) -> {ROW}, {ROW} stacks(%w : {STACK}) {{
        ^bb0(%h: {ROW}, %g: {ROW}, %wi: {MATRIX}):
          %z = nn.matmul %h, %wi : {PRODUCT}
          %q = nn.add %z, %g : {SUM}
          kernel.yield %q, %z : {ROW}, {ROW}
        }}""",
}


def compiled(module: ModuleOp, pipeline: str) -> None:
    names = [entry.partition("{")[0] for entry in pipeline.split(",")]
    passes = parse_passes({name: partial(load_pass, name) for name in names}, pipeline)
    run_passes(make_context(), module, passes)


def inputs_of_step(specs: list[TensorSpec], step: int) -> list[Array]:
    """Positions that grow, ids within the smallest table, and normal numbers."""
    values: list[Array] = []
    for number, spec in enumerate(specs):
        if spec.shape == ():
            values.append(np.array(2 * step, spec.numpy_dtype))
        elif spec.dtype == "i32":
            values.append(((np.arange(spec.elements) + 5 * step + 1) % 7).astype(np.int32))
        else:
            rng = np.random.default_rng([step, number])
            values.append(rng.standard_normal(spec.shape, np.float32).astype(spec.numpy_dtype))
    return values


Bits = list[tuple[str, bytes]]


def reference(module: ModuleOp, weights: dict[str, Array]) -> Bits:
    """What some steps give: outputs, what the host reads, and the states at the end."""
    interpreter, given = Interpreter(module, weights), Bits()
    for step in range(STEPS):
        result = interpreter.step(inputs_of_step(list(interpreter.inputs), step))
        given += [(f"output {n} of step {step}", x.tobytes()) for n, x in enumerate(result.outputs)]
        given += [(f"{label} of step {step}", x.tobytes()) for label, [x] in result.observed.items()]
    return given + [(name, x.tobytes()) for name, x in sorted(interpreter.states.items())]


def engine(program: Program, weights: dict[str, Array]) -> Bits:
    """The same from the engine; each step is timed without data as well."""
    check_program(program)
    regions = {region.name: region for region in program.regions}
    specs = [regions[name].tensor for name in program.inputs]
    executor, given = Executor(program, weights), Bits()
    for step in range(STEPS):
        inputs = dict(zip(program.inputs, inputs_of_step(specs, step), strict=True))
        result = executor.step(inputs)
        outputs = [result.outputs[name] for name in program.outputs]
        given += [(f"output {n} of step {step}", x.tobytes()) for n, x in enumerate(outputs)]
        given += [(f"{label} of step {step}", x.tobytes()) for label, x in result.observed]
        scalars = {name: int(x) for name, x in inputs.items() if x.shape == ()}
        assert time_step(program, scalars) == result.report
    states = sorted(name for name, region in regions.items() if region.kind == "state")
    return given + [(name, executor.read(name).tobytes()) for name in states]


def check_down_to_the_machine(module: ModuleOp, kernel_passes: str) -> None:
    weights = random_weights(weight_specs(module), seed=0)
    wanted = reference(module, weights)
    compiled(module, kernel_passes + NETWORK)
    assert reference(module, weights) == wanted
    compiled(module, MACHINE)
    assert engine(emit_program(module, "test"), weights) == wanted


KERNELS = {
    "op": OUTLINE.format("op") + ",",
    "block, looped": OUTLINE.format("block") + ",loop-kernels,",
    "layer": OUTLINE.format("layer") + ",",
    "layer, looped": OUTLINE.format("layer") + ",loop-kernels,",
}


@pytest.mark.parametrize("kernels", ["op", "block, looped", "layer, looped"])
@pytest.mark.parametrize("name", LLAMAS)
def test_llamas(name: str, kernels: str) -> None:
    text = LLAMA.replace("dtype bf16", "dtype f32") if name == "f32" else LLAMA
    module = load_model(text, "llama3_tiny.kl", SIZES | LLAMAS[name])
    check_down_to_the_machine(module, KERNELS[kernels])


@pytest.mark.parametrize("kernels", ["op", "layer", "layer, looped"])
@pytest.mark.parametrize("name", MODELS)
def test_other_models(name: str, kernels: str) -> None:
    module = load_model(f"model test\n{MODELS[name]}", "test.kl")
    check_down_to_the_machine(module, KERNELS[kernels])


@pytest.mark.parametrize("name", ["two carried values", "the same in all layers", "rows in every layer"])
def test_layers_are_looped(name: str) -> None:
    # The tests above prove something about loops only if there are some.
    module = load_model(f"model test\n{MODELS[name]}", "test.kl")
    compiled(module, KERNELS["layer, looped"].rstrip(","))
    schedules = [op for op in module.ops if isinstance(op, kernel.ScheduleOp)]
    (calls,) = ([op for op in s.body.block.ops if isinstance(op, kernel.CallOp)] for s in schedules)
    assert [call.callee.root_reference.data for call in calls] == ["l.loop"]


@pytest.mark.parametrize("name", LOOPS)
def test_loops_by_hand(name: str, parse) -> None:
    module = parse(f"""
        nn.weight @w : {STACK}
        kernel.func @k(%x: {ROW}, %y: {ROW}, %w: {STACK}) -> ({ROW}, {ROW}) {{
          {LOOPS[name]}
          kernel.return %b, %a : {ROW}, {ROW}
        }}
        kernel.schedule @step(%x: {ROW}, %y: {ROW}) -> ({ROW}, {ROW}) {{
          %w = nn.get_global @w : {STACK}
          %a, %b = kernel.call @k(%x, %y, %w) : ({ROW}, {ROW}, {STACK}) -> ({ROW}, {ROW})
          kernel.return %a, %b : {ROW}, {ROW}
        }}""")
    check_down_to_the_machine(module, "")


def test_a_fused_stage_by_hand(parse) -> None:
    # Tiles go through all its operations, and the sum of another stage, which no rule cuts, gathers them.
    channel = f"!dataflow.channel<{ROW}>"
    module = parse(f"""
        nn.weight @w : {MATRIX}
        dataflow.kernel @k(%x: {ROW}, %w: {MATRIX}) -> {ROW} attributes {{iterations = 1}} {{
          %a = dataflow.channel 1 : {channel}
          %b = dataflow.channel 1 : !dataflow.channel<{MATRIX}>
          %c = dataflow.channel 1 : {channel}
          %d = dataflow.channel 1 : {channel}
          dataflow.load %x to %a : {ROW} -> {channel}
          dataflow.load %w to %b : {MATRIX} -> !dataflow.channel<{MATRIX}>
          dataflow.stage "fused" firings 1
              ins(%a, %b : {channel}, !dataflow.channel<{MATRIX}>) periods [1, 1]
              outs(%c : {channel}) periods [1] {{
          ^bb0(%0: {ROW}, %1: {MATRIX}):
            %2 = nn.matmul %0, %1 : {PRODUCT}
            %3 = nn.gelu %2 : ({ROW}) -> {ROW}
            dataflow.yield %3 : {ROW}
          }}
          dataflow.stage "sum" firings 1 ins(%c : {channel}) periods [1] outs(%d : {channel}) periods [1] {{
          ^bb0(%0: {ROW}, %1: {ROW}):
            %2 = nn.add %0, %1 : {SUM}
            dataflow.yield %2, %2 : {ROW}, {ROW}
          }}
          dataflow.store %d result 0 : {channel}
        }}
        kernel.schedule @step(%x: {ROW}) -> {ROW} {{
          %w = nn.get_global @w : {MATRIX}
          %y = kernel.call @k(%x, %w) : ({ROW}, {MATRIX}) -> {ROW}
          kernel.return %y : {ROW}
        }}""")
    check_down_to_the_machine(module, "")
    stages = [op for op in module.walk() if op.name == "rdu.stage"]
    assert [op.properties["firings"].value.data for op in stages] == [8, 1]
