"""What no run goes beyond is known before runs are scanned; a search scans few runs where much repeats."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from kl.dialects.accesses import Access, Loop
from kl.dialects.kernel import FuncOp, ScheduleOp
from kl.passes import load_pass
from kl.passes.looping import effort
from kl.passes.looping.call_patterns import rounds_from
from kl.passes.looping.calls import Calls
from kl.passes.looping.horizons import write_horizons
from kl.passes.looping.run_memory import ConflictFinder, RunUse
from kl.passes.looping.run_scan import RunScan
from kl.passes.looping.run_tails import possible_ends
from kl.tools.universe import make_context

X, CACHE, STACK = "tensor<1x16xbf16>", "memref<1x1x8x16xbf16>", "memref<8x1x1x8x16xbf16>"
CONTEXT = make_context()
KERNEL = f"""
kernel.func @append(%x: {X}, %c: {CACHE}, %p: tensor<i32>) -> {X} {{
  nn.cache_append %c[%p], %x : {CACHE}, tensor<i32>, {X}
  %y = nn.silu %x : ({X}) -> {X}
  kernel.return %y : {X}
}}
"""


def appends(slices: Sequence[int], states: Sequence[int]) -> ModuleOp:
    """A chain of calls of one kernel, each with a slice of a stack of caches, of one of two stacks."""
    lines = [f"nn.state @c0 : {STACK}", f"nn.state @c1 : {STACK}", KERNEL]
    lines += [f"kernel.schedule @step(%v0: {X}, %p: tensor<i32>) -> {X} {{"]
    lines += [f"%c{number} = nn.get_global @c{number} : {STACK}" for number in range(2)]
    for at, (index, state) in enumerate(zip(slices, states, strict=True)):
        given = f"(%v{at}, %c{state}, %p) : ({X}, {STACK}, tensor<i32>) -> {X}"
        lines.append(f"%v{at + 1} = kernel.call @append[{index}]{given}")
    return Parser(CONTEXT, "\n".join([*lines, f"kernel.return %v{len(slices)} : {X}", "}"])).parse_module()


def calls_of(module: ModuleOp) -> Calls:
    (schedule,) = [op for op in module.ops if isinstance(op, ScheduleOp)]
    return Calls(schedule, {op.sym_name.data: op for op in module.ops if isinstance(op, FuncOp)})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 1)), min_size=2, max_size=10))
def test_no_run_goes_beyond_the_horizon(places: list[tuple[int, int]]):
    calls = calls_of(appends(*zip(*places, strict=True)))
    horizons, length = write_horizons(calls), len(places)
    for start, horizon in enumerate(horizons):
        assert len(set(places[start:horizon])) == horizon - start, "it goes as far as no place comes again"
        assert horizon == length or places[horizon] in places[start:horizon]
        for period in range(1, (length - start) // 2 + 1):
            scan = RunScan(calls, start, period)
            scan.extend(rounds_from(calls.names, start, period))
            assert all(end <= horizon for end in possible_ends(scan))


def scans(module: ModuleOp) -> int:
    """How many operands the scans look at in a search for loops."""
    looked_at, original = 0, RunScan._operands  # pyright: ignore[reportPrivateUsage]

    def counted(scan: RunScan, round: int):
        nonlocal looked_at
        for entry in original(scan, round):
            looked_at += 1
            yield entry

    with patch.object(RunScan, "_operands", counted):
        load_pass("loop-kernels")().apply(CONTEXT, module)
    return looked_at


@pytest.mark.parametrize("again", [16, 32])
def test_what_writes_one_place_again_and_again_is_not_scanned_for_each_period(again: int):
    # Without horizons each period is scanned from each call.
    slices = [index for index in range(8) for _ in range(again)]
    assert scans(appends(slices, [0] * len(slices))) < 10 * len(slices)


def test_a_search_ends_however_irregular_a_schedule_is():
    slices = [7 * at * at % 61 % 8 for at in range(64)]
    states = [at * at % 7 % 2 for at in range(64)]
    assert scans(appends(slices, states)) > 2_000, "it has more to look at than it may"
    module = appends(slices, states)
    with patch.object(effort, "BASE", 500), patch.object(effort, "PER_OPERAND", 0):
        assert scans(module) < 2_000
    module.verify()
    assert "the search for loops ends after 500 operands of calls; nothing more is tried" in str(module)


@pytest.mark.parametrize("alike", [2, 50])
def test_uses_that_are_alike_conflict_once(alike: int):
    access = Access(True, (Loop("rounds", 4),), 0, 1, "p")
    found = list(ConflictFinder().find([RunUse(at, "cache", access) for at in range(alike)], 4))
    assert len(found) <= 4
    assert min((one.at, one.other) for one in found if one.round == 0) == (1, 0)
