"""A pass that is one rewrite pattern: the short form for passes of other packages."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriteWalker, RewritePattern


@dataclass(frozen=True)
class PatternPass(ModulePass, RewritePattern, ABC):
    """A pass and its pattern in one: `match_and_rewrite` is tried on every operation until none changes.

    A subclass with fields is a frozen dataclass itself; they are the options of the pass, and the pattern
    reads them from `self`. What needs several patterns, or an order of its own, is a `ModulePass`.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Apply the pattern to the whole module."""
        PatternRewriteWalker(self).rewrite_module(op)
