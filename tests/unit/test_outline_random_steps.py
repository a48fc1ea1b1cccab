"""Random steps keep their numbers through the kernel phase, whatever they read, write and observe."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from kl.backends.interpreter import Interpreter, weight_specs
from kl.backends.weights import random_weights
from kl.passes import load_pass
from kl.tools.driver import parse_passes, run_passes
from kl.tools.universe import make_context

X, W, NORM, CACHE, POSITION = (
    "tensor<1x16xbf16>",
    "tensor<16x16xbf16>",
    "tensor<16xbf16>",
    "memref<1x1x8x16xbf16>",
    "tensor<i32>",
)
LAYERS = 6
STACKED = {W: f"tensor<{LAYERS}x16x16xbf16>", CACHE: f"memref<{LAYERS}x1x1x8x16xbf16>"}
APART = {f"a{number}": W for number in range(LAYERS)}
"""Weights that layers are given one each, beside the stacked ones."""


class Body:
    """Random operations on the values at hand, as text."""

    def __init__(self, random: Random, values: list[str], weights: list[str], caches: list[str]):
        self.random = random
        self.values, self.weights, self.caches = values, weights, caches
        self.lines: list[str] = []

    def value(self) -> str:
        """A value, rather a late one."""
        late = self.values[-3:] if self.random.random() < 0.7 else self.values
        return self.random.choice(late)

    def add(self, number: int) -> None:
        """Append one operation."""
        x, y, weight, result = self.value(), self.value(), self.random.choice(self.weights), f"%v{number}"
        cache, other = self.random.choice(self.caches), self.random.choice(self.caches)
        kind = self.random.choice(
            [
                "matmul",
                "matmul",
                "norm",
                "rope",
                "silu",
                "mul",
                "add",
                "add",
                "append",
                "attention",
                "observe",
            ]
        )
        rope = "{head_dim = 16 : i64, frequencies = array<f64: 1.0, 0.01>}"
        line = {
            "matmul": f"{result} = nn.matmul {x}, {weight} : ({X}, {W}) -> {X}",
            "norm": f"{result} = nn.rms_norm {x}, %norm eps 1.0e-05 : ({X}, {NORM}) -> {X}",
            "rope": f"{result} = nn.rope {x}, %position {rope} : ({X}, {POSITION}) -> {X}",
            "silu": f"{result} = nn.silu {x} : ({X}) -> {X}",
            "mul": f"{result} = nn.mul {x}, {y} : ({X}, {X}) -> {X}",
            "add": f"{result} = nn.add {x}, {y} : ({X}, {X}) -> {X}",
            "append": f"nn.cache_append {cache}[%position], {x} : {CACHE}, {POSITION}, {X}",
            "attention": f"{result} = nn.attention {x}, {cache}, {other}, %position scale 0.5 : "
            f"({X}, {CACHE}, {CACHE}, {POSITION}) -> {X}",
            "observe": f'nn.observe {x} as "seen" : {X}',
        }[kind]
        self.lines.append(line)
        if kind not in ("append", "observe"):
            self.values.append(result)


def layer_text(name: str, random: Random) -> str:
    body = Body(random, ["%x"], ["%w0", "%w1"], ["%c0", "%c1"])
    for number in range(random.randint(1, 12)):
        body.add(number)
    result = body.values[-1]
    lines = "\n".join(body.lines)
    arguments = (
        f"%x: {X}, %norm: {NORM}, %position: {POSITION}, %w0: {W}, %w1: {W}, %c0: {CACHE}, %c1: {CACHE}"
    )
    return f"func.func private @{name}({arguments}) -> {X} {{\n{lines}\nfunc.return {result} : {X}\n}}"


def calls_text(random: Random, names: list[str], body: Body) -> None:
    """Append a row of layer calls, mostly with one slice after the other or with weights in a row."""
    step = random.choice([1, 1, 1, -1, 2])
    index = 0 if step > 0 else LAYERS - 1
    apart = random.random() < 0.3
    for number in range(random.randint(1, LAYERS // abs(step))):
        x = body.values[-1] if random.random() < 0.9 else body.value()
        at = index if random.random() < 0.9 else random.randrange(LAYERS)
        name = names[number % len(names)] if random.random() < 0.9 else random.choice(names)
        keys = "%ks" if random.random() < 0.9 else "%vs"
        weight, weight_type = (f"%a{at}", W) if apart else ("%ws0", STACKED[W])
        types = [X, NORM, POSITION, weight_type, STACKED[W], STACKED[CACHE], STACKED[CACHE]]
        result = f"%l{len(body.lines)}"
        body.lines.append(
            f"{result} = nn.call @{name}[{at}]({x}, %norm, %position, {weight}, %ws1, {keys}, %vs) : "
            f"({', '.join(types)}) -> {X}"
        )
        body.values.append(result)
        index += step


def step_text(random: Random) -> str:
    names = [f"layer{number}" for number in range(random.randint(1, 3))]
    body = Body(random, ["%x"], ["%w0", "%w1", "%w2"], ["%c0", "%c1"])
    for number in range(random.randint(0, 10)):
        body.add(number)
    calls_text(random, names, body)
    for number in range(random.randint(0, 10)):
        body.add(100 + number)
    globals_ = {"w0": W, "w1": W, "w2": W, "ws0": STACKED[W], "ws1": STACKED[W], "norm": NORM} | APART
    states = {"c0": CACHE, "c1": CACHE, "ks": STACKED[CACHE], "vs": STACKED[CACHE]}
    lines = [f"nn.weight @{name} : {type_}" for name, type_ in globals_.items()]
    lines += [f"nn.state @{name} : {type_}" for name, type_ in states.items()]
    lines += [layer_text(name, random) for name in names]
    lines.append(f"func.func @step(%x: {X}, %position: {POSITION}) -> {X} {{")
    lines += [f"%{n} = nn.get_global @{n} : {type_}" for n, type_ in (globals_ | states).items()]
    return "\n".join([*lines, *body.lines, f"func.return {body.values[-1]} : {X}\n}}"])


def bits_of(module: ModuleOp) -> list[bytes]:
    """Everything that two steps give or leave, as bytes."""
    interpreter = Interpreter(module, random_weights(weight_specs(module), seed=1))
    x = np.linspace(-1, 1, 16, dtype=np.float32).astype(interpreter.inputs[0].numpy_dtype)[None]
    found: list[bytes] = []
    for position in range(2):
        result = interpreter.step([x, position])
        found += [output.tobytes() for output in result.outputs]
        found += [value.tobytes() for values in result.observed.values() for value in values]
    return found + [state.tobytes() for state in interpreter.states.values()]


@pytest.mark.parametrize("granularity", ["op", "block", "layer"])
@settings(max_examples=60, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_random_steps_keep_their_bits(granularity: str, random: Random):
    module = Parser(make_context(), step_text(random)).parse_module()
    wanted = bits_of(module)
    names = ("outline-kernels", "merge-identical-kernels", "loop-kernels")
    available = {name: lambda name=name: load_pass(name) for name in names}
    text = f"outline-kernels{{granularity={granularity}}},merge-identical-kernels,loop-kernels"
    for module_pass in parse_passes(available, text):
        run_passes(make_context(), module, [module_pass])
        assert bits_of(module) == wanted, f"after {module_pass.name}"
