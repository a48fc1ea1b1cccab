"""`loop-steps`: a whole decode step becomes the body of a loop over steps, in one kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, IntegerType, ModuleOp
from xdsl.ir import BlockArgument, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import VerifyException

from ...dialects import kernel
from ...dialects.kernel import FuncOp, ReturnOp, Root, StepsOp, YieldOp, root_of
from ...dialects.module_machine import sockets_of
from ...dialects.rdu_machine import machine_of
from ...dialects.stop_token import vocabulary_of
from ...dialects.symbols import UniqueNames
from ...dialects.tensors import element_type_of, end_of, shape_of
from ..diagnostics import add_remark, fail
from ..units.traffic import shortage
from .bodies import block_like
from .joined_calls import JoinedCalls, Objection, name_of, returned_by


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
      %y = nn.rope %x, %at {head_dim = 8, frequencies = array<f64: 0.1>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
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
        %y = nn.rope %x, %p {head_dim = 8, frequencies = array<f64: 0.1>} : (tensor<1x8xbf16>, tensor<i32>) -> tensor<1x8xbf16>
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

    With `stop`, rows of the batch end at that token, one by one, and the loop with the last of them
    (`kernel.steps … stop`).

    Raises: PassFailedException for less than two steps, for a stop token that no row can have, and with a stop
        token where something forbids the loop.
    """  # noqa: E501

    name = "loop-steps"

    steps: int = 8
    """Decode steps of a call."""
    stop: int | None = None
    """The token that ends a row of the batch; none does if absent."""
    unbounded: bool = False
    """Whether the machine holds any kernel, as one that runs operation after operation does."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.steps < 2:
            fail(op, f"steps is {self.steps}; a loop over steps makes 2 or more")
        for schedule in [op for op in op.ops if isinstance(op, kernel.ScheduleOp)]:
            self._loop(op, schedule)

    def _loop(self, module: ModuleOp, schedule: kernel.ScheduleOp) -> None:
        kernels = {f.sym_name.data: f for f in module.ops if isinstance(f, kernel.FuncOp)}
        joined = JoinedCalls.of(schedule, kernels)
        if joined is None:
            if self.stop is not None:
                fail(
                    schedule,
                    f"stop is {self.stop}; kernels are networks already, or loop over steps",
                )
            return
        found = step_loop(joined)
        if isinstance(found, StepLoop):
            name = UniqueNames(module).take(f"{schedule.sym_name.data}.loop")
            func = build_stepped_kernel(name, found, self.steps, self.stop)
            short = None if self.unbounded else shortage(func, machine_of(module))
            trouble = self._checked_stop(module, func) or (short and short.reason)
            if trouble is None:
                _replace(module, found, func)
                return
            found = Objection(schedule, trouble)
        what = f"steps are not looped: {found.message}"
        if self.stop is not None:
            fail(found.op, f"{what}; so none of them ends at the stop token {self.stop}")
        add_remark(found.op, what)

    def _checked_stop(self, module: ModuleOp, func: FuncOp) -> str | None:
        """What keeps the rows of a kernel from ending one by one; None if nothing does.

        Raises: PassFailedException where the token is none of the vocabulary.
        """
        if self.stop is None:
            return None
        (steps,) = (op for op in func.body.block.ops if isinstance(op, StepsOp))
        rows = vocabulary_of(steps.body.block, steps.body.block.args[0], sockets_of(module))
        if rows is not None and not 0 <= self.stop < rows:
            fail(module, f"stop is {self.stop}; the vocabulary has the tokens 0 to {rows - 1}")
        try:
            steps.verify_()
        except VerifyException as error:
            return str(error)
        return None


def _replace(module: ModuleOp, loop: StepLoop, func: kernel.FuncOp) -> None:
    """Put one call in the place of all others; the schedule returns what all steps do."""
    schedule, block = loop.schedule, loop.schedule.body.block
    end = end_of(block)
    call = kernel.CallOp(func.sym_name.data, loop.joined.operands, func.function_type.outputs.data)
    block.insert_op_before(call, end)
    stacks = dict(zip(loop.carried, call.results, strict=True))
    results: list[SSAValue] = [stacks[argument] for argument in loop.fed]
    for old, new in zip(end.operands, results, strict=True):
        new.name_hint = old.name_hint
    end.operands = results
    inputs = schedule.function_type.inputs.data
    schedule.function_type = FunctionType.from_lists(inputs, [result.type for result in results])
    loop.joined.replace(module, func, call)


@dataclass(frozen=True)
class StepLoop:
    """A schedule as a loop over steps."""

    joined: JoinedCalls
    fed: Sequence[BlockArgument]
    """Per result of the step: the input that it is in the next one."""

    @property
    def schedule(self) -> kernel.ScheduleOp:
        """The schedule."""
        return self.joined.schedule

    @property
    def carried(self) -> list[BlockArgument]:
        """The inputs that a step takes from the one before."""
        return [argument for argument in self.schedule.args if argument in self.fed]

    @property
    def counted(self) -> list[BlockArgument]:
        """The inputs that count the steps."""
        return [argument for argument in self.schedule.args if is_counter(argument)]


def is_counter(value: SSAValue) -> bool:
    """Whether an input is a position: an integer scalar."""
    return shape_of(value) == () and isinstance(element_type_of(value), IntegerType)


def step_loop(joined: JoinedCalls) -> StepLoop | Objection:
    """The loop that a schedule can become, or what is in the way."""
    fed = _fed_inputs(joined.schedule)
    objection = next(chain(joined.objections(), _objections(joined, fed)), None)
    return objection or StepLoop(joined, [one for one in fed if one is not None])


def _fed_inputs(schedule: kernel.ScheduleOp) -> list[BlockArgument | None]:
    """Per result of a step the input that it becomes: the first one like it that is no position."""
    last = end_of(schedule.body.block)
    free = [argument for argument in schedule.args if not is_counter(argument)]
    fed: list[BlockArgument | None] = []
    for value in last.operands:
        like = next((argument for argument in free if argument.type == value.type), None)
        fed.append(like)
        if like is not None:
            free.remove(like)
    return fed


def _objections(joined: JoinedCalls, fed: Sequence[BlockArgument | None]) -> Iterator[Objection]:
    schedule = joined.schedule
    last = end_of(schedule.body.block)
    for op in joined.host_reads:
        yield Objection(op, f"the host reads {name_of(op.value)} as '{op.label.data}' in every step")
    for value, argument in zip(last.operands, fed, strict=True):
        if argument is None:
            what = f"the step returns {name_of(value)}, a {value.type}, and has no input that it becomes"
            yield Objection(last, what)
    for argument in schedule.args:
        if argument not in fed and not is_counter(argument):
            what = f"a {argument.type}, becomes the input {name_of(argument)} of the next one"
            yield Objection(schedule, f"no result of a step, {what}")


def build_stepped_kernel(name: str, loop: StepLoop, count: int, stop: int | None = None) -> FuncOp:
    """A kernel that makes `count` steps, or ends where all rows have the token `stop`.

    It takes the loop's operands and returns all that is carried.
    """
    operands = loop.joined.operands
    outer = block_like(operands)
    outside: dict[Root, SSAValue] = dict(zip(map(root_of, operands), outer.args, strict=True))
    passed = [*loop.carried, *loop.counted]
    inner = block_like(passed)
    values = outside | dict(zip(passed, inner.args, strict=True))
    loop.joined.inline(inner, values)
    returned = dict(zip(loop.fed, returned_by(loop.schedule), strict=True))
    inner.add_op(YieldOp([values[root_of(returned[argument])] for argument in loop.carried]))
    carried, counted = ([outside[a] for a in some] for some in (loop.carried, loop.counted))
    steps = StepsOp(count, carried, counted, Region(inner), stop)
    outer.add_ops([steps, end := ReturnOp(steps.res)])
    for result, argument in zip(steps.res, loop.carried, strict=True):
        result.name_hint = argument.name_hint
    type_ = FunctionType.from_lists([a.type for a in outer.args], [r.type for r in steps.res])
    func = FuncOp(name, type_, Region(outer))
    for op in (steps, end, end_of(inner), func):
        op.location = loop.schedule.location
    return func
