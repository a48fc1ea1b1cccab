"""The bound on rewrites: it leaves patterns as they are, and is relative to the module."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from xdsl.context import Context
from xdsl.dialects import test
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern

from kl.tools import bounds
from kl.tools.bounds import EndlessError, allowing, bounded
from kl.tools.driver import run_passes

LIMIT = 500 + 20 * 3


@pytest.fixture(autouse=True)
def low_bounds(monkeypatch: pytest.MonkeyPatch):
    """So that a test is done at once."""
    monkeypatch.setattr(bounds, "REWRITES", 500)
    monkeypatch.setattr(bounds, "REWRITES_OF_AN_OPERATION", 20)


class Mark(RewritePattern):
    """Marks each operation once."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if isinstance(op, test.TestOp) and "marked" not in op.attributes:
            op.attributes["marked"] = UnitAttr()
            rewriter.notify_op_modified(op)


class Touch(RewritePattern):
    """Says so many times that it has changed something."""

    def __init__(self, times: int):
        self.left = times

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        if self.left and isinstance(op, test.TestOp):
            self.left -= 1
            rewriter.notify_op_modified(op)


@dataclass(frozen=True)
class WalkPass(ModulePass):
    """Applies a pattern that is handed to it."""

    name = "walk"
    pattern: RewritePattern

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        PatternRewriteWalker(self.pattern).rewrite_module(op)


def run(pattern: RewritePattern, allowed: int | None = None) -> ModuleOp:
    """A module of three operations after a pass."""
    module = ModuleOp([test.TestOp(), test.TestOp()])
    with allowing(allowed):
        run_passes(Context(), module, [WalkPass(pattern)])
    return module


def test_what_ends_is_left_alone():
    assert all("marked" in op.attributes for op in run(Mark()).ops)


@pytest.mark.parametrize(("allowed", "times"), [(7, 7), (None, LIMIT)])
def test_as_many_rewrites_as_are_allowed(allowed: int | None, times: int):
    run(pattern := Touch(times), allowed)
    assert pattern.left == 0


@pytest.mark.parametrize(("allowed", "times"), [(7, 8), (None, LIMIT + 1)])
def test_one_more_is_too_many(allowed: int | None, times: int):
    with pytest.raises(Exception, match="in the pass walk") as caught:
        run(Touch(times), allowed)
    assert isinstance(caught.value.__cause__, EndlessError)
    assert f"has made {times} rewrites" in str(caught.value.__cause__)


def test_walkers_are_as_before_behind_it():
    before, walker = PatternRewriteWalker.rewrite_region, PatternRewriteWalker(pattern := Mark())
    module = ModuleOp([test.TestOp()])
    with bounded(WalkPass(pattern), module):
        assert walker.rewrite_module(module)
    assert PatternRewriteWalker.rewrite_region is before
    assert walker.pattern is pattern
    assert walker.listener.operation_insertion_handler == []
