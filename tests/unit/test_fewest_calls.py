"""The brute-force search for the fewest calls, held against covers that are counted by hand."""

from __future__ import annotations

import pytest
from fewest_calls import FewestCalls
from layer_models import START, Call, Kind, Model
from layer_models_ir import CONTEXT, kernel_module, model_module
from xdsl.dialects.builtin import ModuleOp

from kl.dialects.kernel import CallOp
from kl.passes import load_pass
from kl.passes.diagnostics import remarks_on
from kl.passes.looping import call_runs

A = Kind("a", "plain")
APART = Kind("a", "product", apart=True)
CACHED = Kind("a", "attention")
CACHED_APART = Kind("a", "attention", apart=True)
READER = Kind("r", "reader", cache_owner="a")


def chain(kinds: tuple[Kind, ...], calls: str, **changes: object) -> Model:
    """Layers one behind another, as in `a0 a1 b0`; at `!` the host reads the result, at `?` the input."""
    made = tuple(
        Call(
            word[0],
            int(word[1:].rstrip("!?")),
            ((number - 1, 0) if number else START,),
            {"!": (number, 0), "?": START}.get(word[-1]),
        )
        for number, word in enumerate(calls.split())
    )
    return Model(kinds, made, ((len(made) - 1, 0),), **changes)  # pyright: ignore[reportArgumentType]


CASES = {
    "in a row": (chain((A,), "a0 a1 a2 a3"), 1),
    "each twice": (chain((A,), "a0 a0 a1 a1 a2 a2"), 1),
    "halves by turns": (chain((A,), "a0 a3 a1 a4 a2 a5"), 1),
    "backward, every second one": (chain((A,), "a6 a4 a2 a0"), 1),
    "a stride that changes": (chain((A,), "a0 a1 a2 a4 a6"), 2),
    "the host reads between": (chain((A,), "a0 a1! a2 a3"), 2),
    "the host reads the input between": (chain((A,), "a0 a1? a2 a3"), 2),
    "the host reads a result in the middle": (chain((A,), "a0 a1 a2! a3 a4"), 2),
    "two kinds by turns": (chain((A, Kind("b", "norm")), "a0 b0 a1 b1 a2 b2"), 1),
    "weights apart": (chain((APART,), "a0 a1 a2"), 1),
    "a weight apart has one place in a stack": (chain((APART,), "a0 a1 a0"), 2),
    "a weight apart in every second call": (chain((APART,), "a0 a1 a2 a1"), 1),
    "caches apart": (chain((CACHED_APART,), "a0 a1 a2"), 1),
    "caches apart, the first one again": (chain((CACHED_APART,), "a0 a1 a0"), 2),
    "one cache each": (chain((CACHED,), "a0 a1 a2"), 1),
    "the same cache again": (chain((CACHED,), "a0 a0 a0"), 3),
    "a cache that the round before has written": (chain((CACHED,), "a1 a0 a2 a1 a3 a2"), 3),
    "a reader of what the round appends": (chain((CACHED, READER), "a0 r0 a1 r1"), 1),
    "a reader of what the next round appends": (chain((CACHED, READER), "a0 r1 a1 r2"), 4),
    "a reader before the append": (chain((CACHED, READER), "r0 a0 r1 a1"), 1),
    "a second append in a round": (
        chain((CACHED, Kind("b", "attention", cache_owner="a")), "a0 b0 a1 b1"),
        4,
    ),
    "a round cut short": (chain((A, Kind("b", "norm")), "a0 b0 a1 b1 a2"), 1),
    "a round cut short by another stride": (chain((A, Kind("b", "norm")), "a0 b0 a1 b1 a3"), 2),
    "a round cut short by what the host reads": (chain((A, Kind("b", "norm")), "a0 b0 a1 b1! a2"), 2),
    "a round cut short appends where one before has read": (chain((CACHED, READER), "a0 r2 a1 r3 a2"), 2),
    "and the round goes on": (chain((CACHED, READER), "a0 r2 a1 r3 a2 r4"), 3),
    "a round cut short reads elsewhere": (chain((CACHED, READER), "a0 r4 a1 r5 a2 r6 a3"), 1),
}


def calls_in(module: ModuleOp) -> int:
    return sum(isinstance(op, CallOp) for op in module.walk())


@pytest.mark.parametrize("case", CASES)
def test_covers_counted_by_hand(case: str):
    model, wanted = CASES[case]
    module = kernel_module(model_module(model))
    assert FewestCalls(module).number() == wanted
    load_pass("loop-kernels")().apply(CONTEXT, module)
    assert calls_in(module) == wanted


def test_a_loop_that_the_machine_has_no_room_for_is_none():
    # Two norms and two plain layers fit the units of the larger kernel only one by one.
    kinds = (A, Kind("b", "gated"))
    roomy, tight = (chain(kinds, "a0 b0 a1 b1 a2 b2", spare_pcus=spare) for spare in (None, 0))
    assert FewestCalls(kernel_module(model_module(roomy))).number() == 1
    found = FewestCalls(kernel_module(model_module(tight)))
    assert (found.number(), found.refused) == (6, True)


CLASH = Model(
    (Kind("b", "mix", apart=True),),
    (
        Call("b", 3, (START, START)),
        Call("b", 0, ((0, 0), START)),
        Call("b", 1, ((1, 0), (1, 0))),
        Call("b", 2, (START, (2, 0))),
        Call("b", 3, ((3, 0), (2, 0))),
    ),
    ((4, 0),),
)
"""Loops are legal of calls 0 and 1, 1 and 2, 3 and 4; the first one and the last one want one weight."""


def test_the_fewest_calls_where_two_loops_want_one_weight():
    assert FewestCalls(kernel_module(model_module(CLASH))).number() == 3


def test_of_loops_that_want_one_weight_those_that_leave_the_fewest_calls_are_chosen():
    module = kernel_module(model_module(CLASH))
    load_pass("loop-kernels")().apply(CONTEXT, module)
    assert calls_in(module) == 3


def test_a_search_with_too_many_choices_says_that_it_ends(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(call_runs, "MOST_COVERS", 1)
    module = kernel_module(model_module(CLASH))
    load_pass("loop-kernels")().apply(CONTEXT, module)
    assert calls_in(module) == 4
    remarks = [remark for op in module.walk() for remark in remarks_on(op)]
    assert any("the search ends after 1 choices of which loops go without" in remark for remark in remarks)
