"""Loops inside the loop of a run: what meets in memory, and that their search ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects import test
from xdsl.dialects.builtin import MemRefType, ModuleOp, bf16
from xdsl.ir import SSAValue

from kl.backends.targets import Choice
from kl.dialects.kernel import LoopOp, StackOp
from kl.frontends import load_model
from kl.passes.looping import looped_kernel
from kl.passes.looping.call_arguments import Invariant
from kl.passes.looping.effort import Effort
from kl.passes.looping.nests import Level, Nest
from kl.passes.looping.touched_memory import Meeting, Touch, meetings
from kl.tools.lowering import lower
from kl.tools.universe import make_context

SLICES = 3


def memory(*shape: int) -> SSAValue:
    return test.TestOp(result_types=[MemRefType(bf16, shape)]).results[0]


PLACES = [memory(4), memory(4), memory(SLICES, 4)]
STACK = StackOp(PLACES[:2]).result


def touched(touch: Touch) -> set[tuple[SSAValue, int]]:
    """Every slice by itself."""
    if touch.value is STACK:
        return {(part, 0) for part in (PLACES[:2] if touch.index is None else [PLACES[touch.index]])}
    if touch.value is PLACES[2]:
        return {(touch.value, index) for index in (range(SLICES) if touch.index is None else [touch.index])}
    return {(touch.value, 0)}


@st.composite
def touches(draw: st.DrawFn, operand: int) -> Touch:
    value = draw(st.sampled_from([*PLACES, STACK]))
    most = {STACK: 2, PLACES[2]: SLICES}.get(value, 0)
    index = draw(st.sampled_from([None, *range(most)]))
    return Touch(operand, value, index, draw(st.booleans()))


CALLS = st.lists(st.tuples(touches(0), touches(1)), min_size=1, max_size=4)


@given(st.lists(CALLS, max_size=3))
def test_what_meets_is_what_names_one_slice_that_one_of_both_writes(
    rounds: Sequence[Sequence[Sequence[Touch]]],
):
    expected = set[Meeting]()
    for round in rounds:
        uses = [((call, touch.operand), touch) for call, row in enumerate(round) for touch in row]
        for (one, first), (other, second) in product(uses, uses):
            if one < other and (first.writes or second.writes) and touched(first) & touched(second):
                expected.add((one, other))
    assert meetings(rounds) == expected


@pytest.mark.parametrize("writer", [0, 31, 63])
def test_repeats_that_another_call_is_in_the_way_of_cost_little(writer: int):
    # Each of the 20,000 repeats reads what the writer writes, in each of 16 rounds.
    place, effort = memory(4), Effort(64)
    rows = [(Invariant[SSAValue](place),)] * 64
    round = [[Touch(0, place, None, call == writer)] for call in range(64)]
    items = Level(["k"] * 64, range(64), rows, meetings([round] * 16), effort).items()
    assert not any(isinstance(item, Nest) for item in items)
    assert effort.spent < 64**2 * 5


def chain() -> ModuleOp:
    """Three layers of one kind and one of another, four times."""
    text = """model chain
    layer many[12](x[1, 64]) {
      weight w[64, 64]
      return x @ w
    }
    layer one[4](x[1, 64]) {
      weight w[64, 64]
      return silu(x @ w)
    }
    step(x[1, 64]) {
      for i in 0..4 {
        for j in 0..3 { x = many[3 * i + j](x) }
        x = one[i](x)
      }
      return x
    }"""
    module = load_model(text, "chain.kl", {})
    lower(make_context(), module, "kernel", Choice())
    return module


def test_a_search_that_ends_leaves_the_calls_and_says_so():
    def ended(run: object) -> Effort:
        return Effort(0, spent=Effort(0).limit)

    assert sum(isinstance(op, LoopOp) for op in chain().walk()) == 2
    with patch.object(looped_kernel, "_inner", ended):
        module = chain()
    assert sum(isinstance(op, LoopOp) for op in module.walk()) == 1
    assert "inside the loop, the search for loops ends after 500000 operands of calls" in str(module)
