"""Loops of loops, and loops behind loops, do what the calls did: random schedules, to the bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from kl.backends.interpreter import Interpreter
from kl.dialects.kernel import CallOp, LoopOp
from kl.passes import load_pass
from kl.tools.universe import make_context

X, W, C = "tensor<1x8xf32>", "tensor<8x8xf32>", "memref<1x1x8x8xf32>"
KERNELS = f"""
kernel.func @a(%x: {X}, %z: {X}, %p: tensor<i32>, %w: {W}, %c: {C}) -> {X} {{
  %m = nn.matmul %x, %w : ({X}, {W}) -> {X}
  %y = nn.silu %m : ({X}) -> {X}
  nn.cache_append %c[%p], %y : {C}, tensor<i32>, {X}
  kernel.return %y : {X}
}}
kernel.func @b(%x: {X}, %z: {X}, %p: tensor<i32>, %w: {W}, %c: {C}) -> {X} {{
  %m = nn.matmul %x, %w : ({X}, {W}) -> {X}
  %y = nn.add %m, %z : ({X}, {X}) -> {X}
  kernel.return %y : {X}
}}
kernel.func @c(%x: {X}, %z: {X}, %p: tensor<i32>, %w: {W}, %c: {C}) -> {X} {{
  %h = nn.attention %x, %c, %c, %p scale 0.5 : ({X}, {C}, {C}, tensor<i32>) -> {X}
  %m = nn.mul %h, %z : ({X}, {X}) -> {X}
  %y = nn.matmul %m, %w : ({X}, {W}) -> {X}
  kernel.return %y : {X}
}}
"""
STACKED = 100


@dataclass(frozen=True)
class Call:
    """A call: its kernel, two values (-1 is the input), the slice of the stacks, what it has of its own."""

    kernel: str
    x: int
    z: int
    index: int
    own_weight: bool
    own_cache: bool


def schedule_text(calls: Sequence[Call]) -> str:
    def stack(type_: str) -> str:
        return type_.replace("<", f"<{STACKED}x", 1)

    lines = [f"nn.weight @weights : {stack(W)}", f"nn.state @caches : {stack(C)}"]
    body = [f"%w = nn.get_global @weights : {stack(W)}", f"%c = nn.get_global @caches : {stack(C)}"]
    for at, call in enumerate(calls):
        w, c, types = "%w", "%c", [stack(W), stack(C)]
        if call.own_weight:
            lines.append(f"nn.weight @w{at} : {W}")
            body.append(f"%w{at} = nn.get_global @w{at} : {W}")
            w, types[0] = f"%w{at}", W
        if call.own_cache:
            lines.append(f"nn.state @c{at} : {C}")
            body.append(f"%c{at} = nn.get_global @c{at} : {C}")
            c, types[1] = f"%c{at}", C
        index = "" if call.own_weight and call.own_cache else f"[{call.index}]"
        values = ", ".join(f"%v{source}".replace("-", "_") for source in (call.x, call.z))
        body.append(
            f"%v{at} = kernel.call @{call.kernel}{index}({values}, %p, {w}, {c}) : "
            f"({X}, {X}, tensor<i32>, {', '.join(types)}) -> {X}"
        )
    body.append(f"kernel.return %v{len(calls) - 1} : {X}")
    step = f"kernel.schedule @step(%v_1: {X}, %p: tensor<i32>) -> {X} {{"
    return "\n".join([*lines, KERNELS, step, *body, "}"])


@st.composite
def groups(draw: st.DrawFn, depth: int) -> str:
    """Kinds of layers in a row, some groups of them several times."""
    if depth == 0:
        return draw(st.sampled_from("abc"))
    parts = draw(st.lists(st.tuples(groups(depth - 1), st.integers(1, 3)), min_size=1, max_size=2))
    return "".join(part * times for part, times in parts)


@st.composite
def schedules(draw: st.DrawFn) -> list[Call]:
    """Rounds of kinds, the last one cut short; each kind walks through its stacks in a way of its own."""
    round = draw(groups(draw(st.integers(1, 2)))) + draw(st.sampled_from(["", "a", "b", "c"]))
    round = round[:9]
    length = draw(st.integers(2, 3)) * len(round) + draw(st.integers(0, len(round) - 1))
    backwards, by_kind = draw(st.booleans()), draw(st.booleans())
    same_slice = draw(st.sampled_from([1, 1, 1, 2]))
    values_apart = draw(st.sampled_from([0, 1, 1, 2]))
    own = {kind: (draw(st.booleans()), draw(st.booleans())) for kind in "abc"}
    odd = draw(st.sampled_from([-1, -1, -1, length - 1, length // 2]))
    seen, calls = Counter[str](), list[Call]()
    for at, kind in enumerate((round * 4)[:length]):
        number = seen[kind] if by_kind else at
        seen[kind] += 1
        index = number // same_slice + (32 * "abc".index(kind) if by_kind else 0)
        z = max(at - values_apart, -1) if values_apart else -1
        if at == odd:
            index, z = draw(st.integers(0, STACKED - 1)), draw(st.integers(-1, at - 1))
        calls.append(Call(kind, at - 1, z, STACKED - 1 - index if backwards else index, *own[kind]))
    return calls


def parsed(calls: Sequence[Call]) -> ModuleOp:
    return Parser(make_context(), schedule_text(calls)).parse_module()


def looped(calls: Sequence[Call]) -> ModuleOp:
    """The schedule after `loop-kernels`, for a machine with room for any loop."""
    module = parsed(calls)
    with patch("kl.passes.looping.fitting.shortage", return_value=None):
        load_pass("loop-kernels")().apply(make_context(), module)
    module.verify()
    return module


def executed(module: ModuleOp, calls: Sequence[Call]) -> list[bytes]:
    """What two steps give, and the states behind them."""
    random = np.random.default_rng(0)
    weights = {"weights": random.standard_normal((STACKED, 8, 8)).astype(np.float32)}
    for at, call in enumerate(calls):
        if call.own_weight:
            weights[f"w{at}"] = random.standard_normal((8, 8)).astype(np.float32)
    interpreter = Interpreter(module, weights)
    x = random.standard_normal((1, 8)).astype(np.float32)
    outputs = [interpreter.step([x, position]).outputs[0].tobytes() for position in (0, 1)]
    return [*outputs, *(interpreter.states[name].tobytes() for name in sorted(interpreter.states))]


def loops_in(module: ModuleOp) -> list[LoopOp]:
    return [op for op in module.walk() if isinstance(op, LoopOp)]


@settings(max_examples=200, deadline=None)
@given(schedules())
def test_looped_schedules_give_the_same_bits(calls: list[Call]):
    module = looped(calls)
    loops = loops_in(module)
    if any(isinstance(loop.parent_op(), LoopOp) for loop in loops):
        event("nested")
    if any(loop.windows is not None for loop in loops):
        event("windows")
    if len([loop for loop in loops if not isinstance(loop.parent_op(), LoopOp)]) > sum(
        isinstance(op, CallOp) and op.callee.string_value().count("loop") > 0 for op in module.walk()
    ):
        event("tails")
    assert executed(module, calls) == executed(parsed(calls), calls)
