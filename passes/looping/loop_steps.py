"""`loop-steps`: a whole decode step becomes the body of a loop over steps, in one kernel."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects import kernel
from ...dialects.rdu import machine_of
from ..diagnostics import add_remark
from .step_loop import StepLoop, step_loop
from .stepped_kernel import build_stepped_kernel


@dataclass(frozen=True)
class LoopStepsPass(ModulePass):
    """Replace all calls of a schedule by one call of a kernel that makes `steps` decode steps.

    What a step returns, the token, is what the next one takes; positions, integers that the step takes, count
    the steps; each result of the schedule has what all steps have returned, one behind another. So nothing is
    launched between two steps, and the weights of the next one are loaded while the head, argmax and
    embedding of this one are at work. Where something forbids it, the schedule stays as it is, and a remark
    says what.

    Before:

    ```mlir
    nn.weight @table : tensor<16x8xbf16>
    kernel.func @embedding(%ids: tensor<1xi32>, %e: tensor<16x8xbf16>) -> tensor<1x8xbf16> {
      %x = nn.embedding %ids, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
      kernel.return %x : tensor<1x8xbf16>
    }
    kernel.func @rope(%x: tensor<1x8xbf16>, %at: tensor<i32>) -> tensor<1x8xbf16> {
      %y = nn.rope %x, %at {head_dim = 8, theta = 1.0e+04 : f64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
      kernel.return %y : tensor<1x8xbf16>
    }
    kernel.func @argmax(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %y = nn.argmax %x : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %y : tensor<1xi32>
    }
    kernel.schedule @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<1xi32> {
      %e = nn.get_global @table : tensor<16x8xbf16>
      %x = kernel.call @embedding(%token, %e) : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
      %y = kernel.call @rope(%x, %position) : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
      %next = kernel.call @argmax(%y) : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %next : tensor<1xi32>
    }
    ```

    After:

    ```mlir
    nn.weight @table : tensor<16x8xbf16>
    kernel.func @step.loop(%token: tensor<1xi32>, %position: tensor<i32>, %e: tensor<16x8xbf16>) -> tensor<8x1xi32> {
      %tokens = kernel.steps 8 carried(%token : tensor<1xi32>) counted(%position : tensor<i32>) -> tensor<8x1xi32> {
      ^bb0(%t: tensor<1xi32>, %p: tensor<i32>):
        %x = nn.embedding %t, %e : (tensor<1xi32>, tensor<16x8xbf16>) -> tensor<1x8xbf16>
        %y = nn.rope %x, %p {head_dim = 8, theta = 1.0e+04 : f64} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
        %next = nn.argmax %y : (tensor<1x8xbf16>) -> tensor<1xi32>
        kernel.yield %next : tensor<1xi32>
      }
      kernel.return %tokens : tensor<8x1xi32>
    }
    kernel.schedule @step(%token: tensor<1xi32>, %position: tensor<i32>) -> tensor<8x1xi32> {
      %e = nn.get_global @table : tensor<16x8xbf16>
      %tokens = kernel.call @step.loop(%token, %position, %e) : (tensor<1xi32>, tensor<i32>, tensor<16x8xbf16>) -> tensor<8x1xi32>
      kernel.return %tokens : tensor<8x1xi32>
    }
    ```

    Raises: PassFailedException for less than two steps.
    """  # noqa: E501

    name = "loop-steps"

    steps: int = 8
    """Decode steps of a call."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.steps < 2:
            message = f"steps is {self.steps}; a loop over steps makes 2 or more"
            op.emit_error(message, PassFailedException(message))
        for schedule in [op for op in op.ops if isinstance(op, kernel.ScheduleOp)]:
            self._loop(op, schedule)

    def _loop(self, module: ModuleOp, schedule: kernel.ScheduleOp) -> None:
        kernels = {f.sym_name.data: f for f in module.ops if isinstance(f, kernel.FuncOp)}
        calls = [op for op in schedule.body.block.ops if isinstance(op, kernel.CallOp)]
        called = [kernels[name] for name in map(_callee, calls) if name in kernels]
        if len(called) < len(calls) or any(map(_holds_steps, called)):
            return  # the kernels are of a lower level, or loop over steps already
        found = step_loop(schedule, kernels)
        if isinstance(found, StepLoop):
            name = kernel.UniqueNames(module).take(f"{schedule.sym_name.data}.loop")
            func = build_stepped_kernel(name, found, self.steps)
            found = found.machine_objection(func, machine_of(module)) or _replace(module, found, func)
        if found is not None:
            add_remark(found.op, f"steps are not looped: {found.message}")


def _callee(call: kernel.CallOp) -> str:
    return call.callee.string_value()


def _holds_steps(func: kernel.FuncOp) -> bool:
    return any(isinstance(op, kernel.StepsOp) for op in func.body.block.ops)


def _replace(module: ModuleOp, loop: StepLoop, func: kernel.FuncOp) -> None:
    """Put one call in the place of all others, and erase the kernels that nobody calls any more."""
    schedule, block = loop.schedule, loop.schedule.body.block
    end = block.last_op
    assert end is not None, "the verifier wants a return"
    call = kernel.CallOp(func.sym_name.data, loop.operands, func.function_type.outputs.data)
    call.location = loop.calls[0].location
    block.insert_op_before(call, end)
    stacks = dict(zip(loop.carried, call.results, strict=True))
    results: list[SSAValue] = [stacks[argument] for argument in loop.fed]
    for old, new in zip(end.operands, results, strict=True):
        new.name_hint = old.name_hint
    end.operands = results
    for old in reversed(loop.calls):
        old.detach()
        old.erase()
    inputs = schedule.function_type.inputs.data
    schedule.function_type = FunctionType.from_lists(inputs, [result.type for result in results])
    module.body.block.insert_op_before(func, loop.kernels[0])
    called = {_callee(op) for op in module.walk() if isinstance(op, kernel.CallOp)}
    for old in dict.fromkeys(loop.kernels):
        if old.sym_name.data not in called:
            old.detach()
            old.erase()
