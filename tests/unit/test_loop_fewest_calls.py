"""`loop-kernels` leaves as few calls as any choice of legal loops: random schedules against all choices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from fewest_calls import FewestCalls
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from kl.dialects.kernel import CallOp, LoopOp
from kl.passes import load_pass
from kl.tools.universe import make_context

X, W, STACK = "tensor<1x16xbf16>", "tensor<16x16xbf16>", "tensor<16x16x16xbf16>"
INPUT = -1
MOST_CALLS = 12
CONTEXT = make_context()


@dataclass(frozen=True)
class Call:
    """A call of a schedule: its kernel, the slice of the weights, and the call whose result it takes."""

    kernel: str
    index: int
    source: int


def kernel_text(name: str, op: str) -> str:
    return (
        f"kernel.func @{name}(%x: {X}, %w: {W}) -> {X} {{\n"
        f"  %p = nn.matmul %x, %w : ({X}, {W}) -> {X}\n  %y = nn.{op} %p : ({X}) -> {X}\n"
        f"  kernel.return %y : {X}\n}}\n"
    )


def schedule_text(calls: Sequence[Call]) -> str:
    lines = [f"nn.weight @w : {STACK}", kernel_text("a", "silu"), kernel_text("b", "gelu")]
    lines += [f"kernel.schedule @step(%v_1: {X}) -> {X} {{", f"%w = nn.get_global @w : {STACK}"]
    for number, call in enumerate(calls):
        x = f"%v{call.source}".replace("-", "_")
        lines.append(
            f"%v{number} = kernel.call @{call.kernel}[{call.index}]({x}, %w) : ({X}, {STACK}) -> {X}"
        )
    return "\n".join([*lines, f"kernel.return %v{len(calls) - 1} : {X}", "}"])


@st.composite
def schedules(draw: st.DrawFn) -> list[Call]:
    """Mostly a pattern of calls, over and over, in which here and there something differs."""
    period = draw(st.integers(1, 4))
    pattern = [
        (draw(st.sampled_from("aab")), draw(st.integers(0, 6)), draw(st.integers(-2, 2)))
        for _ in range(period)
    ]
    calls: list[Call] = []
    for number in range(draw(st.integers(2, MOST_CALLS))):
        kernel, first, stride = pattern[number % period]
        index = (first + stride * (number // period)) % 16
        source = number - 1
        if draw(st.integers(0, 9)) == 0:
            index, source = draw(st.integers(0, 15)), draw(st.integers(INPUT, number - 1))
        calls.append(Call(kernel, index, source))
    return calls


@pytest.fixture(autouse=True, scope="module")
def with_room() -> Iterator[None]:
    """A machine with room for any loop."""
    with patch("kl.passes.looping.looped_kernel.shortage", return_value=None):
        yield


def schedule(calls: Sequence[Call]) -> ModuleOp:
    return Parser(CONTEXT, schedule_text(calls)).parse_module()


def looped(calls: Sequence[Call]) -> ModuleOp:
    """The schedule after `loop-kernels`."""
    module = schedule(calls)
    load_pass("loop-kernels")().apply(CONTEXT, module)
    module.verify()
    return module


def calls_left(calls: Sequence[Call]) -> int:
    module = looped(calls)
    return sum(isinstance(op, CallOp) for op in module.walk())


@settings(max_examples=400, deadline=None)
@given(schedules())
def test_no_choice_of_legal_loops_leaves_fewer_calls(calls: list[Call]):
    assert calls_left(calls) == FewestCalls(schedule(calls)).number()


def chain(*indices: int) -> list[Call]:
    return [Call("a", index, number - 1) for number, index in enumerate(indices)]


@pytest.mark.parametrize(
    "indices",
    [
        (0, 0, 1, 1, 2, 2, 3, 3),
        (0, 4, 1, 5, 2, 6, 3, 7),
        (1, 0, 3, 2, 5, 4, 7, 6),
        (7, 5, 3, 1),
        (0, 1, 3, 4),
    ],
    ids=["twice", "halves", "even and odd", "backwards", "two of three"],
)
def test_a_layer_order_that_has_one_loop_becomes_one_call(indices: tuple[int, ...]):
    assert calls_left(chain(*indices)) == 1


def test_the_longer_period_takes_what_the_shorter_one_cannot():
    module = looped(chain(0, 0, 1, 1, 2, 2))
    loops = [op for op in module.walk() if isinstance(op, LoopOp)]
    assert [loop.count.value.data for loop in loops] == [3, 2]
    assert "kl.remarks" not in str(module)
