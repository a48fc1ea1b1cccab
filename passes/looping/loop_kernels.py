"""`loop-kernels`: kernel looping; a run of calls becomes one call of a kernel with a pipelined loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import kernel
from ...dialects.kernel import Root, root_of
from ...dialects.rdu_machine import machine_of
from ...dialects.symbols import UniqueNames
from ..diagnostics import add_remark, fail, remarks_on
from ..knobs import Knob
from .call_arguments import Gathered
from .call_runs import LoopPlan, plan_loops
from .calls import Calls
from .effort import Effort
from .legal_runs import LoopRules, gathered_parts
from .looped_kernel import LoopedKernel, LoopFitter, share_kernels
from .run_scan import Run


@dataclass(frozen=True)
class LoopKernelsPass(ModulePass):
    """Replace runs of calls of one kernel, or of a pattern of kernels, by one call of a looped kernel.

    What stays the same in all calls is handed in once, what a call hands to the next one is carried, and the
    weights and states of the calls become stacks that the loop walks at a constant stride; so the loads of
    the next iteration can run under this one. What repeats within a round of a pattern is a loop inside the
    loop, so that the body holds each kind of layer once; where that does not fit, it holds all calls of the
    round. A run may end within a round: that is a loop behind the loop. Runs are chosen so that the fewest
    calls are left; those that do the same with the same weights and states call one looped kernel. Where
    something forbids a loop or cuts a run, a remark on the call says what.

    Before:

    ```mlir
    nn.weight @w : tensor<3x8x8xbf16>
    kernel.func @layer(%x: tensor<1x8xbf16>, %w: tensor<8x8xbf16>) -> tensor<1x8xbf16> {
      %y = nn.matmul %x, %w : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
      kernel.return %y : tensor<1x8xbf16>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
      %w = nn.get_global @w : tensor<3x8x8xbf16>
      %a = kernel.call @layer[0](%x, %w) : (tensor<1x8xbf16>, tensor<3x8x8xbf16>) -> tensor<1x8xbf16>
      %b = kernel.call @layer[1](%a, %w) : (tensor<1x8xbf16>, tensor<3x8x8xbf16>) -> tensor<1x8xbf16>
      %c = kernel.call @layer[2](%b, %w) : (tensor<1x8xbf16>, tensor<3x8x8xbf16>) -> tensor<1x8xbf16>
      kernel.return %c : tensor<1x8xbf16>
    }
    ```

    After:

    ```mlir
    nn.weight @w : tensor<3x8x8xbf16>
    kernel.func @layer.loop(%x: tensor<1x8xbf16>, %w: tensor<3x8x8xbf16>) -> tensor<1x8xbf16> {
      %r = kernel.loop 3 carried(%x : tensor<1x8xbf16>) -> tensor<1x8xbf16>
          stacks(%w : tensor<3x8x8xbf16>) {
      ^bb0(%h: tensor<1x8xbf16>, %wi: tensor<8x8xbf16>):
        %y = nn.matmul %h, %wi : (tensor<1x8xbf16>, tensor<8x8xbf16>) -> tensor<1x8xbf16>
        kernel.yield %y : tensor<1x8xbf16>
      }
      kernel.return %r : tensor<1x8xbf16>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
      %w = nn.get_global @w : tensor<3x8x8xbf16>
      %c = kernel.call @layer.loop(%x, %w) : (tensor<1x8xbf16>, tensor<3x8x8xbf16>) -> tensor<1x8xbf16>
      kernel.return %c : tensor<1x8xbf16>
    }
    ```

    Raises: PassFailedException for an option that has no meaning here.
    """

    name = "loop-kernels"
    optional: ClassVar[Knob] = Knob((True, False))

    min_count: int = 2
    """Fewest iterations of a loop."""
    exclude: tuple[str, ...] = ()
    """Names of kernels that stay out of loops, with or without `@`."""
    max_period: int = 64
    """Most kernels in a repeating pattern; the search takes time in proportion."""
    unbounded: bool = False
    """Whether the machine holds any kernel, as one does that runs operation after operation."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self._check_numbers(op)
        kernels = {f.sym_name.data: f for f in op.ops if isinstance(f, kernel.FuncOp)}
        pattern = LoopRuns(self, kernels, self._excluded(op, kernels), UniqueNames(op))
        PatternRewriteWalker(pattern, apply_recursively=False).rewrite_module(op)
        _erase_uncalled(op, {kernels[name] for name in pattern.looped})

    def _check_numbers(self, module: ModuleOp) -> None:
        if self.min_count < 2:
            fail(module, f"min-count is {self.min_count}; a loop takes the place of 2 calls or more")
        if self.max_period < 1:
            fail(module, f"max-period is {self.max_period}; a pattern has 1 kernel or more")

    def _excluded(self, module: ModuleOp, kernels: dict[str, kernel.FuncOp]) -> dict[str, str]:
        """The kernels that no loop takes, each with the reason."""
        names = [name.removeprefix("@") for name in self.exclude]
        for name in names:
            if name not in kernels:
                known = ", ".join(f"@{known}" for known in kernels)
                fail(module, f"exclude names @{name}, no kernel of this module\nhelp: it has {known}")
        loops = [name for name, f in kernels.items() if _holds_loop(f)]
        return dict.fromkeys(loops, "holds a loop already") | dict.fromkeys(names, "is excluded")


def _holds_loop(func: kernel.FuncOp) -> bool:
    return any(isinstance(op, kernel.LoopOp | kernel.StepsOp) for op in func.body.block.ops)


def _erase_uncalled(module: ModuleOp, candidates: set[kernel.FuncOp]) -> None:
    schedules = [op for op in module.ops if isinstance(op, kernel.ScheduleOp)]
    called = {callee for schedule in schedules for callee in _callees(schedule)}
    for func in candidates:
        if func.sym_name.data not in called:
            Rewriter.erase_op(func)


def _callees(schedule: kernel.ScheduleOp) -> Iterator[str]:
    return (op.callee.string_value() for op in schedule.body.block.ops if isinstance(op, kernel.CallOp))


def _stacked_parts(schedule: kernel.ScheduleOp) -> Iterator[SSAValue]:
    stacks = (op for op in schedule.body.block.ops if isinstance(op, kernel.StackOp))
    return (part for stack in stacks for part in stack.parts)


@dataclass
class LoopRuns(RewritePattern):
    """The runs of calls in a schedule become calls of looped kernels."""

    options: LoopKernelsPass
    kernels: dict[str, kernel.FuncOp]
    excluded: dict[str, str]
    names: UniqueNames
    looped: set[str] = field(default_factory=set[str])
    """The kernels that loops have taken the place of."""
    stacked: set[Root] = field(default_factory=set[Root])
    """The weights and states that have got a place in a stack."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: kernel.ScheduleOp, rewriter: PatternRewriter, /):
        if not all(callee in self.kernels for callee in _callees(op)):
            return  # the kernels are of a lower level
        self.stacked |= {root_of(part) for part in _stacked_parts(op)}
        fitter = LoopFitter(self.kernels, None if self.options.unbounded else machine_of(op), Effort())
        plan = self._plan(op, fitter)
        for refusal in plan.refusals:
            add_remark(refusal.call, refusal.message)
        built = share_kernels([fitter.build(run) for run in plan.runs])
        self._add_kernels(plan.runs, built, rewriter)
        # From the last to the first: a run's operands may be the results of an earlier one.
        for run, looped in zip(reversed(plan.runs), reversed(built), strict=True):
            self._replace(run, looped, rewriter)

    def _plan(self, schedule: kernel.ScheduleOp, fitter: LoopFitter) -> LoopPlan:
        """The runs that become loops; their stacks are taken."""
        options = self.options
        called = Counter(_callees(schedule))
        large = ((name, fitter.too_large(self.kernels[name])) for name in called if called[name] > 1)
        excluded = {name: reason for name, reason in large if reason is not None} | self.excluded
        rules = LoopRules(options.min_count, options.max_period, excluded, fitter.objection, self.stacked)
        plan = plan_loops(Calls(schedule, self.kernels, fitter.effort), rules)
        self.stacked |= {
            root_of(part) for run in plan.runs for parts in gathered_parts(run) for part in parts
        }
        return plan

    def _add_kernels(
        self, runs: Sequence[Run], built: Sequence[LoopedKernel], rewriter: PatternRewriter
    ) -> None:
        """Put each looped kernel behind the kernels that it takes the place of."""
        wanted = {looped.func: run for run, looped in zip(runs, built, strict=True)}
        for func in wanted:
            func.sym_name = StringAttr(self.names.take(func.sym_name.data))
        for func, run in reversed(wanted.items()):
            name = run.calls[run.period - 1].callee.string_value()
            rewriter.insert(func, InsertPoint.after(self.kernels[name]))

    def _replace(self, run: Run, looped: LoopedKernel, rewriter: PatternRewriter) -> None:
        """Put the new call in the place of the last of the run, behind all that its operands need."""
        self.looped |= {call.callee.string_value() for call in run.calls[: run.period]}
        place = InsertPoint.before(run.calls[-1])
        operands = _call_operands(run, looped, rewriter, place)
        outputs = looped.func.function_type.outputs.data
        call = rewriter.insert(kernel.CallOp(looped.func.sym_name.data, operands, outputs), place)
        call.location = run.calls[0].location
        for old, result in zip(looped.results, call.res, strict=True):
            result.name_hint = old.name_hint
            rewriter.replace_all_uses_with(old, result)
        for old in reversed(run.calls):
            for message in remarks_on(old):
                add_remark(call, message)
            rewriter.erase(old)


def _call_operands(
    run: Run, looped: LoopedKernel, rewriter: PatternRewriter, place: InsertPoint
) -> list[SSAValue]:
    """What the call of a looped kernel is given; what it gathers is stacked at `place`."""
    operands: list[SSAValue] = []
    for operand, parameter in zip(looped.operands, looped.func.args, strict=True):
        if isinstance(operand, Gathered):
            stack = rewriter.insert(kernel.StackOp(operand.parts), place)
            stack.location = run.calls[0].location
            stack.result.name_hint = parameter.name_hint
            operand = stack.result
        operands.append(operand)
    return operands
