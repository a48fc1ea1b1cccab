"""`loop-kernels` leaves as few calls as any choice of legal loops: random schedules against all choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from unittest.mock import patch

import pytest
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


def sources_fit(calls: Sequence[Call], start: int, period: int, end: int) -> bool:
    """Whether what a loop's calls take is made in the same round, or the one before, or never in the loop."""
    for phase in range(period):
        places = [call.source - start for call in calls[start + phase : end : period]]
        apart = [place - round * period for round, place in enumerate(places)]
        local = len(set(apart)) == 1 and 0 <= apart[0] < period
        carried = places[0] < 0 and len(set(apart[1:])) == 1 and -period <= apart[1] < 0
        if not (local or carried or (len(set(places)) == 1 and places[0] < 0)):
            return False
    return True


def results_fit(calls: Sequence[Call], start: int, period: int, end: int) -> bool:
    """Whether who reads a result is in its round or the next one, or reads what the last round hands on.

    The last round may be cut short. It hands on as many results as it takes from the round before.
    """
    count, tail = divmod(end - start, period)
    handed_on = {calls[at].source - start for at in range(start + period, start + 2 * period)}
    uses = [(call.source, at) for at, call in enumerate(calls)] + [(len(calls) - 1, len(calls))]
    taken = {calls[at].source for at in range(end - tail, end) if start <= calls[at].source < end - tail}
    if len({made for made, reader in uses if end - tail <= made < end <= reader}) > len(taken):
        return False
    for made, reader in uses:
        if not start <= made < end - tail:
            continue
        round, phase = divmod(made - start, period)
        if round < count - 1 and reader >= start + (round + 2) * period:
            return False
        if round == count - 1 and reader >= start + period * count and phase not in handed_on:
            return False
    return True


def is_legal(calls: Sequence[Call], start: int, period: int, end: int) -> bool:
    rows = [calls[start + phase : end : period] for phase in range(period)]
    same = all(len({call.kernel for call in row}) == 1 for row in rows)
    strides = all(len({b.index - a.index for a, b in pairwise(row)}) == 1 for row in rows)
    fits = sources_fit(calls, start, period, end) and results_fit(calls, start, period, end)
    return same and strides and fits


def fewest_calls(calls: Sequence[Call]) -> int:
    """By trying every cover with legal loops."""

    @cache
    def cover(at: int) -> int:
        if at == len(calls):
            return 0
        best = 1 + cover(at + 1)
        for period in range(1, (len(calls) - at) // 2 + 1):
            for end in range(at + 2 * period, len(calls) + 1):
                if is_legal(calls, at, period, end):
                    best = min(best, 1 + cover(end))
        return best

    return cover(0)


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


def looped(calls: Sequence[Call]) -> ModuleOp:
    """The schedule after `loop-kernels`, for a machine with room for any loop."""
    ctx = make_context()
    module = Parser(ctx, schedule_text(calls)).parse_module()
    with patch("kl.passes.looping.looped_kernel.shortage", return_value=None):
        load_pass("loop-kernels")().apply(ctx, module)
    module.verify()
    return module


def calls_left(calls: Sequence[Call]) -> int:
    module = looped(calls)
    return sum(isinstance(op, CallOp) for op in module.walk())


@settings(max_examples=400, deadline=None)
@given(schedules())
def test_no_choice_of_legal_loops_leaves_fewer_calls(calls: list[Call]):
    assert calls_left(calls) == fewest_calls(calls)


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
