"""A package whose dialect, passes, patterns, targets and frontends fail, each in its own way."""

TEXT = """
import time
from dataclasses import dataclass
from typing import Literal

from kl.backends.targets import Target as Machine
from kl.frontends import Frontend
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64
from xdsl.ir import Dialect
from xdsl.irdl import IRDLOperation, irdl_op_definition, prop_def
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier, InsertPoint, PatternRewriter, PatternRewriteWalker, RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.universe import Universe
from xdsl.utils.target import Target


@irdl_op_definition
class CountOp(IRDLOperation):
    name = "toy.count"
    value = prop_def(IntegerAttr)
    assembly_format = "$value attr-dict"

    def verify_(self):
        if self.value.value.data == 13:
            {}["thirteen"]


def counting(value):
    return CountOp.create(properties={"value": IntegerAttr(value, i64)})


class CountUp(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: CountOp, rewriter: PatternRewriter, /):
        if op.value.value.data == 0:
            rewriter.replace(op, counting(1))


class CountDown(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: CountOp, rewriter: PatternRewriter, /):
        if op.value.value.data == 1:
            rewriter.replace(op, counting(0))


class Double(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: CountOp, rewriter: PatternRewriter, /):
        rewriter.insert([other.clone() for other in op.parent.ops], InsertPoint.before(op))


class LookUp(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: CountOp, rewriter: PatternRewriter, /):
        {}["lost"]


class Interrupt(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: CountOp, rewriter: PatternRewriter, /):
        raise KeyboardInterrupt


def applying(pass_name, *patterns):
    @dataclass(frozen=True)
    class ApplyPass(ModulePass):
        name = pass_name

        def apply(self, ctx, op):
            PatternRewriteWalker(GreedyRewritePatternApplier(list(patterns))).rewrite_module(op)

    return ApplyPass


@dataclass(frozen=True)
class LookUpPass(ModulePass):
    name = "toy-look-up"

    def apply(self, ctx, op):
        {}["x"]


@dataclass(frozen=True)
class ExitPass(ModulePass):
    name = "toy-exit"

    def apply(self, ctx, op):
        raise SystemExit(0)


@dataclass(frozen=True)
class AgainPass(ModulePass):
    name = "toy-again"

    def apply(self, ctx, op):
        while True:
            PatternRewriteWalker(CountUp()).rewrite_module(op)
            PatternRewriteWalker(CountDown()).rewrite_module(op)


@dataclass(frozen=True)
class IndexTarget(Target):
    name = "toy-index"

    def emit(self, ctx, module, output):
        [][1]


def fails(*arguments):
    raise KeyError("boom")


def leaves():
    raise SystemExit(4)


UNIVERSE = Universe(
    all_dialects={"toy": lambda: Dialect("toy", [CountOp]), "lazy": leaves, "odd": lambda: 3},
    all_passes={
        "toy-look-up": lambda: LookUpPass,
        "toy-exit": lambda: ExitPass,
        "toy-again": lambda: AgainPass,
        "toy-leaves": leaves,
        "toy-number": lambda: 3,
        "toy-alias": lambda: LookUpPass,
        "toy-undo": lambda: applying("toy-undo", CountUp(), CountDown()),
        "toy-double": lambda: applying("toy-double", Double()),
        "toy-lost": lambda: applying("toy-lost", LookUp()),
        "toy-interrupt": lambda: applying("toy-interrupt", Interrupt()),
    },
    all_targets={"toy-index": lambda: IndexTarget},
)
LISTS = Universe(all_passes=["cse"])
NUMBERS = Universe(all_passes={"toy-none": None})
MACHINE = Machine(
    name="toy", level="kernel", pipeline=fails, machine=fails, set_machine=fails, compile=fails, time=fails,
    dump=fails, recognises=fails, load=fails,
)
HALF = Machine(
    name="half", level="kernel", pipeline=fails, machine=fails, set_machine=fails, compile=fails, time="now",
    dump=fails, recognises=fails, load=fails,
)
FRONTEND = Frontend("toy", (), "toys", fails, fails)
"""
"""Its one module."""

ENTRY_POINTS = """\
[xdsl.universe]
exits = kl_broken_exits:UNIVERSE
lists = kl_broken:LISTS
numbers = kl_broken:NUMBERS
stops = kl_broken_stops:UNIVERSE
toy = kl_broken:UNIVERSE
[kl.targets]
half = kl_broken:HALF
toy = kl_broken:MACHINE
[kl.frontends]
toy = kl_broken:FRONTEND
"""
OTHERS = {
    "kl_broken_exits.py": "raise SystemExit(3)",
    "kl_broken_stops.py": "class Stop(BaseException): pass\nraise Stop('here')",
}
"""Modules that cannot be imported."""
