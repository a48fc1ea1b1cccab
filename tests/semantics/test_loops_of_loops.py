"""Loops of loops, and loops behind loops, do what the calls did: random schedules, to the bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp, TensorType, f32
from xdsl.ir import Block
from xdsl.parser import Parser
from xdsl.utils.test_value import create_ssa_value

from kl.backends.interpreter import Interpreter
from kl.dialects.kernel import CallOp, FuncOp, LoopOp, StackOp
from kl.passes import load_pass
from kl.passes.looping.call_arguments import Carried, Local, Slices
from kl.passes.looping.effort import Effort
from kl.passes.looping.level_arguments import LevelArgument
from kl.passes.looping.nests import Level, Nest
from kl.passes.units.traffic import Shortage
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
    lender: int | None = None
    """The call whose own weight it takes."""


def schedule_text(calls: Sequence[Call]) -> str:
    def stack(type_: str) -> str:
        return type_.replace("<", f"<{STACKED}x", 1)

    lines = [f"nn.weight @weights : {stack(W)}", f"nn.state @caches : {stack(C)}"]
    body = [f"%w = nn.get_global @weights : {stack(W)}", f"%c = nn.get_global @caches : {stack(C)}"]
    for at, call in enumerate(calls):
        w, c, types = "%w", "%c", [stack(W), stack(C)]
        if call.own_weight:
            if call.lender is None:
                lines.append(f"nn.weight @w{at} : {W}")
                body.append(f"%w{at} = nn.get_global @w{at} : {W}")
            w, types[0] = f"%w{at if call.lender is None else call.lender}", W
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
    with patch("kl.passes.looping.looped_kernel.shortage", return_value=None):
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


KINDS = {"nn.silu": "a", "nn.add": "b", "nn.attention": "c"}


def tree(block: Block) -> list[object]:
    """The loops of a body, each with its count, and the kinds of layers between them."""
    found: list[object] = []
    for op in block.ops:
        if isinstance(op, LoopOp):
            found.append([op.count.value.data, *tree(op.body.block)])
        elif op.name in KINDS:
            found.append(KINDS[op.name])
    return found


def trees(module: ModuleOp) -> list[list[object]]:
    """Of each kernel that loops."""
    found = [tree(func.body.block) for func in module.ops if isinstance(func, FuncOp)]
    return [loops for loops in found if any(isinstance(loop, list) for loop in loops)]


def chain(kinds: str, indices: Sequence[int] | None = None, own: bool = False) -> list[Call]:
    """A call takes what the one before has made, and its slice of the stacks."""
    indices = range(len(kinds)) if indices is None else indices
    return [
        Call(kind, at - 1, -1, index, own, own)
        for at, (kind, index) in enumerate(zip(kinds, indices, strict=True))
    ]


def header(loop: LoopOp) -> tuple[int, tuple[tuple[int, int], ...], tuple[int, ...]]:
    return loop.count.value.data, loop.slices, loop.window_lengths


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        ("aab" * 3, [[3, [2, "a"], "b"]]),
        ("aabaabc" * 2, [[2, [2, [2, "a"], "b"], "c"]]),
        ("abac" * 2, [[2, "a", "b", "a", "c"]]),
        ("aaabbb" * 2, [[2, [3, "a"], [3, "b"]]]),
        ("aaaaabab" * 2, [[2, [4, "a"], [2, "a", "b"]]]),
        ("aaaaab" * 4 + "aa", [[4, [5, "a"], "b"], [2, "a"]]),
        ("ab" * 3 + "a", [[3, "a", "b"], [1, "a"]]),
        ("aabc" * 2 + "aab", [[2, [2, "a"], "b", "c"], [1, [2, "a"], "b"]]),
        ("aabaabc" * 2 + "aabaa", [[2, [2, [2, "a"], "b"], "c"], [1, [2, "a"], "b", [2, "a"]]]),
        ("aabaabc" * 2 + "aabaab", [[2, [2, [2, "a"], "b"], "c"], [2, [2, "a"], "b"]]),
    ],
)
def test_the_body_holds_what_repeats_once(kinds: str, wanted: list[object], own: bool):
    calls = chain(kinds, own=own)
    module = looped(calls)
    assert trees(module) == [wanted]
    assert executed(module, calls) == executed(parsed(calls), calls)


def test_windows_and_what_a_tail_walks_on():
    module = looped(chain("aaaaab" * 4 + "aa"))
    loops = [header(loop) for loop in loops_in(module)]
    assert loops == [
        (4, ((0, 6), (0, 6), (5, 6), (5, 6)), (5, 5, 0, 0)),
        (5, ((0, 1), (0, 1)), (0, 0)),
        (2, ((24, 1), (24, 1)), (0, 0)),
    ]


def test_what_is_gathered_stands_in_the_order_of_the_calls():
    module = looped(chain("aaaaab" * 4 + "aa", own=True))
    stack, *_ = [op for op in module.walk() if isinstance(op, StackOp)]
    names = [part.owner.global_name.string_value() for part in stack.parts]
    assert names == [f"w{at}" for at in range(26) if at % 6 != 5]
    main, inner, tail = map(header, loops_in(module))
    assert main == (4, ((0, 5), (0, 5), (0, 1), (0, 1)), (5, 5, 0, 0))
    assert (inner, tail) == ((5, ((0, 1),) * 2, (0, 0)), (2, ((20, 1),) * 2, (0, 0)))


@pytest.mark.parametrize(
    ("indices", "window", "inner"),
    [
        ((0, 2, 4, 30), 5, (0, 2)),
        ((4, 2, 0, 30), 5, (4, -2)),
        ((7, 6, 5, 30), 3, (2, -1)),
    ],
)
def test_an_inner_loop_strides_and_walks_backwards(indices: tuple[int, ...], window: int, inner: object):
    calls = chain("aaab" * 3, [index + 8 * round for round in range(3) for index in indices])
    module = looped(calls)
    outer, nested = map(header, loops_in(module))
    assert outer == (3, ((min(indices), 8),) * 2 + ((30, 8),) * 2, (window, window, 0, 0))
    assert nested == (3, (inner,) * 2, (0, 0))
    assert executed(module, calls) == executed(parsed(calls), calls)


def test_the_same_slice_is_invariant_inside():
    module = looped(chain("bbc" * 3, [0, 0, 40, 1, 1, 41, 2, 2, 42]))
    assert trees(module) == [[[3, [2, "b"], "c"]]]
    assert all(loop.windows is None for loop in loops_in(module))


@pytest.mark.parametrize(
    ("kinds", "indices"),
    [
        ("aac", (0, 1, 1)),
        ("acacb", (0, 1, 1, 2, 9)),
        ("acacb", (0, 0, 1, 2, 9)),
    ],
    ids=["read behind the loop", "read by the next round", "one slice in two walks"],
)
def test_calls_stay_side_by_side_where_no_loop_does_the_same(kinds: str, indices: tuple[int, ...]):
    calls = chain(kinds * 3, [index + 10 * round for round in range(3) for index in indices])
    assert trees(looped(calls)) == [[[3, *kinds]]]


def test_calls_whose_slices_drift_apart_stay_side_by_side():
    indices = [index for round in range(3) for index in (round, 30 + 2 * round, 60 + round)]
    assert trees(looped(chain("aab" * 3, indices))) == [[[3, "a", "a", "b"]]]


def test_a_result_that_a_later_call_reads_keeps_the_calls_side_by_side():
    calls = chain("aab" * 3)
    read = [replace(call, z=at - 2) if call.kernel == "b" else call for at, call in enumerate(calls)]
    assert trees(looped(read)) == [[[3, "a", "a", "b"]]]


def test_a_weight_that_a_call_beside_the_loop_takes_too_has_one_place():
    calls = chain("aab" * 3, own=True)
    lent = [replace(call, lender=at - 2) if call.kernel == "b" else call for at, call in enumerate(calls)]
    assert trees(looped(lent)) == [[[3, "a", "a", "b"]]]


def remarks(module: ModuleOp) -> str:
    return "\n".join(
        str(op.attributes["kl.remarks"]) for op in module.walk() if "kl.remarks" in op.attributes
    )


def looped_where(refused: Callable[[list[object]], str | None], calls: Sequence[Call]) -> ModuleOp:
    """The schedule for a machine that refuses some loops."""
    module = parsed(calls)

    def shortage(func: FuncOp, machine: object) -> Shortage | None:
        reason = refused(tree(func.body.block))
        return reason and Shortage(reason)

    with patch("kl.passes.looping.looped_kernel.shortage", shortage):
        load_pass("loop-kernels")().apply(make_context(), module)
    module.verify()
    return module


def depth(loops: object) -> int:
    return 1 + max(map(depth, loops), default=0) if isinstance(loops, list) else 0


def test_a_tail_that_does_not_fit_leaves_the_whole_rounds():
    module = looped_where(
        lambda loops: "a tail is too much" if len(loops) > 1 else None, chain("ab" * 3 + "a")
    )
    assert trees(module) == [[[3, "a", "b"]]]
    assert "3 rounds of @a to @b and 1 more calls are not looped: a tail is too much" in remarks(module)


def test_the_flat_loop_stands_in_where_loops_of_loops_do_not_fit():
    calls = chain("aab" * 3)
    assert trees(looped_where(lambda loops: "deep" if depth(loops) > 2 else None, calls)) == [
        [[3, "a", "a", "b"]]
    ]
    assert trees(looped_where(lambda loops: "flat" if depth(loops) == 2 else None, calls)) == [
        [[3, [2, "a"], "b"]]
    ]
    module = looped_where(lambda loops: "deep" if depth(loops) > 2 else "flat", calls)
    assert trees(module) == []
    assert "3 rounds of @a to @b are not looped: flat; as loops of loops: deep" in remarks(module)


def fewest_kinds(kinds: str) -> int:
    """The fewest calls in loops of loops that spell the kinds, by trying every repeat anywhere."""

    @cache
    def fewest(text: str) -> int:
        best = len(text)
        for start, period in product(range(len(text)), range(1, len(text) // 2 + 1)):
            group, end = text[start : start + period], start + period
            while len(group) == period and text[end : end + period] == group:
                end += period
                best = min(best, fewest(text[:start]) + fewest(group) + fewest(text[end:]))
        return best

    return fewest(kinds)


@settings(deadline=None)
@given(st.one_of(st.text("ab", min_size=1, max_size=10), groups(2).map(lambda kinds: kinds[:10])))
def test_a_round_has_the_fewest_calls(kinds: str):
    stack = create_ssa_value(TensorType(f32, [99, 8]))
    before: list[LevelArgument] = [
        Carried(len(kinds) - 1, 0, stack),
        *(Local(at, 0) for at in range(len(kinds))),
    ]
    rows = [(before[at], Slices(stack, at, len(kinds))) for at in range(len(kinds))]
    level = Level(kinds, range(len(kinds)), rows, (), Effort())
    assert Nest(2, level.items(), 0, len(kinds)).calls == fewest_kinds(kinds)
