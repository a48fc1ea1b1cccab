"""A bound on the rewrites of a pass: a pattern that never ends is stopped, and named.

xDSL's walker applies patterns until none changes anything, for ever if need be. Two patterns that undo each
other, or one that grows the IR, never end; so the rewrites of each pass are counted, and the operations that
they insert.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, Region
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriterListener,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.utils.exceptions import DiagnosticException

from ..dialects.alike import walk
from .values import HELP_MARK

REWRITES = 100_000
"""Rewrites that a pass may make on any module."""
REWRITES_OF_AN_OPERATION = 1_000
"""Rewrites that it may make besides for each operation of the module that it is given."""
WATCHED = 100
"""So many of the last rewrites are watched for their patterns."""

_allowed: ContextVar[int | None] = ContextVar("allowed", default=None)


class EndlessError(DiagnosticException):
    """A pass has made more rewrites than it may; `operation` is the last one that a pattern was tried on."""

    def __init__(self, message: str, operation: Operation | None):
        super().__init__(message)
        self.operation = operation


class _Stop(BaseException):
    """Ends a pass. It is no `Exception`, for which xDSL's walker would print the whole module first."""


@contextmanager
def allowing(rewrites: int | None) -> Generator[None]:
    """Let each pass make so many rewrites; None for the bound that follows from the module."""
    token = _allowed.set(rewrites)
    try:
        yield
    finally:
        _allowed.reset(token)


@contextmanager
def bounded(module_pass: ModulePass, module: ModuleOp) -> Generator[None]:
    """Count what the patterns of a pass do, wherever it makes its walkers.

    Raises: EndlessError, with the names of the last patterns, once it is too much.
    """
    rewrite_region = PatternRewriteWalker.rewrite_region
    count = _Count(module_pass.name, module)

    def counted(self: PatternRewriteWalker, region: Region) -> bool:
        with count.seen_by(self):
            return rewrite_region(self, region)

    PatternRewriteWalker.rewrite_region = counted
    try:
        yield
    except _Stop:
        raise EndlessError(count.message(), count.operation) from None
    finally:
        PatternRewriteWalker.rewrite_region = rewrite_region


@dataclass
class _Count:
    """The rewrites of a pass so far."""

    pass_name: str
    module: ModuleOp
    rewrites: int = 0
    inserted: int = 0
    allowed: int = field(init=False)
    size: int = field(init=False)
    """Operations of the module before the pass."""
    last: dict[str, None] = field(default_factory=dict[str, None])
    """Patterns of the last rewrites."""
    operation: Operation | None = None
    """The last one that a pattern was tried on, while rewrites are watched."""

    def __post_init__(self) -> None:
        self.size = sum(1 for _ in walk(self.module))
        allowed = _allowed.get()
        self.allowed = REWRITES + REWRITES_OF_AN_OPERATION * self.size if allowed is None else allowed

    @contextmanager
    def seen_by(self, walker: PatternRewriteWalker) -> Generator[None]:
        """Let a walker tell what it does."""
        pattern, after, listener = walker.pattern, walker.post_walk_func, walker.listener
        walker.pattern = _Counted(pattern, self)
        walker.listener = PatternRewriterListener(operation_insertion_handler=[self._insert])
        walker.listener.extend_from_listener(listener)
        if after is not None:
            walker.post_walk_func = self._after(after)
        try:
            yield
        finally:
            walker.pattern, walker.post_walk_func, walker.listener = pattern, after, listener

    def add(self) -> None:
        """Count one more rewrite.

        Raises: _Stop where it is one too many.
        """
        self.rewrites += 1
        if self.rewrites > self.allowed or self.inserted > self.allowed:
            raise _Stop

    @property
    def is_near(self) -> bool:
        """Whether little is left of what is allowed."""
        return max(self.rewrites, self.inserted) >= self.allowed - WATCHED

    def _insert(self, op: Operation) -> None:
        self.inserted += sum(1 for _ in op.walk()) if op.regions else 1

    def _after(self, function: Callable[[Region, PatternRewriterListener], bool]) -> Any:
        def counted(region: Region, listener: PatternRewriterListener) -> bool:
            if changed := function(region, listener):
                self.add()
            return changed

        return counted

    def message(self) -> str:
        """What was done, what is allowed, and whose rewrites were the last."""
        *others, last = list(self.last) or ["unknown"]
        which = f"patterns {', '.join(others)} and {last}" if others else f"pattern {last}"
        made = (
            f"has made {self.rewrites} rewrites"
            if self.rewrites > self.allowed
            else (f"has inserted {self.inserted} operations in {self.rewrites} rewrites")
        )
        return (
            f"the pass {self.pass_name} {made} and does not end: the module had {self.size} operations, "
            f"{self.allowed} rewrites are allowed, the last ones are of the {which}{HELP_MARK}"
            f"mend what matches what it has made itself, or allow more with --max-rewrites"
        )


@dataclass(eq=False)
class _Counted(RewritePattern):
    """A pattern whose rewrites are counted."""

    pattern: RewritePattern
    count: _Count

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        """Rewrite as the pattern does."""
        if self.count.is_near:
            self._watch(op, rewriter)
            return
        self.pattern.match_and_rewrite(op, rewriter)
        if rewriter.has_done_action:
            self.count.add()

    def _watch(self, op: Operation, rewriter: PatternRewriter) -> None:
        """Rewrite, and see which pattern does it: appliers, xDSL's and others', try several."""
        self.count.operation = op
        plain, watched = type(rewriter), rewriter.__dict__
        rewriter.__class__ = _Watched
        try:
            self.pattern.match_and_rewrite(op, rewriter)
        finally:
            rewriter.__class__ = plain
            done_by = watched.pop("done_by", None)
        if rewriter.has_done_action:
            self.count.last[done_by or type(self.pattern).__name__] = None
            self.count.add()


class _Watched(PatternRewriter):
    """A rewriter that knows which pattern has used it first."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "has_done_action" and value and "done_by" not in self.__dict__:
            self.__dict__["done_by"] = _pattern_at_work()
        super().__setattr__(name, value)


def _pattern_at_work() -> str | None:
    """The innermost pattern that is being applied."""
    frame = sys._getframe(2)  # pyright: ignore[reportPrivateUsage]  # it is documented, and there is no other way
    while frame is not None:
        pattern = frame.f_locals.get("self")
        if isinstance(pattern, RewritePattern) and not isinstance(
            pattern, GreedyRewritePatternApplier | _Counted
        ):
            return type(pattern).__name__
        frame = frame.f_back
    return None
