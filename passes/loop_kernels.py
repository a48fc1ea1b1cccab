"""`loop-kernels`: kernel looping; a run of calls becomes one call of a kernel with a pipelined loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint
from xdsl.utils.exceptions import PassFailedException

from ..dialects import kernel
from ..dialects.rdu import machine_of
from .analysis.call_arguments import Argument, Carried, Gathered, Invariant, Local, Slices
from .analysis.call_runs import LoopRules, plan_loops
from .analysis.footprint import min_sram_bytes
from .analysis.kernel_names import UniqueNames
from .analysis.remarks import add_remark, remarks_on
from .analysis.run_scan import Calls, Run
