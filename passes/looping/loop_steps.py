"""`loop-steps`: a whole decode step becomes the body of a loop over steps, in one kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, IntegerType, ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import kernel, nn
from ...dialects.kernel import FuncOp, ReturnOp, Root, StepsOp, YieldOp, root_of
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.tensors import element_type_of, end_of, shape_of
from ..diagnostics import add_remark, fail
from ..units.traffic import shortage
from .run_memory import parts_taken


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
            fail(op, f"steps is {self.steps}; a loop over steps makes 2 or more")
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
    end = end_of(block)
    call = kernel.CallOp(func.sym_name.data, loop.operands, func.function_type.outputs.data)
    call.location = loop.calls[0].location
    block.insert_op_before(call, end)
    stacks = dict(zip(loop.carried, call.results, strict=True))
    results: list[SSAValue] = [stacks[argument] for argument in loop.fed]
    for old, new in zip(end.operands, results, strict=True):
        new.name_hint = old.name_hint
    end.operands = results
    for old in reversed(loop.calls):
        Rewriter.erase_op(old)
    inputs = schedule.function_type.inputs.data
    schedule.function_type = FunctionType.from_lists(inputs, [result.type for result in results])
    module.body.block.insert_op_before(func, loop.kernels[0])
    called = {_callee(op) for op in module.walk() if isinstance(op, kernel.CallOp)}
    for old in dict.fromkeys(loop.kernels):
        if old.sym_name.data not in called:
            Rewriter.erase_op(old)


@dataclass(frozen=True)
class StepObjection:
    """What is in the way of a loop over steps, and where."""

    op: Operation
    message: str


@dataclass(frozen=True)
class StepLoop:
    """A schedule as a loop over steps."""

    schedule: kernel.ScheduleOp
    calls: Sequence[kernel.CallOp]
    kernels: Sequence[kernel.FuncOp]
    """Of each call."""
    fed: Sequence[BlockArgument]
    """Per result of the step: the input that it is in the next one."""

    @property
    def carried(self) -> list[BlockArgument]:
        """The inputs that a step takes from the one before."""
        return [argument for argument in self.schedule.args if argument in self.fed]

    @property
    def counted(self) -> list[BlockArgument]:
        """The inputs that count the steps."""
        return [argument for argument in self.schedule.args if is_counter(argument)]

    @property
    def operands(self) -> list[SSAValue]:
        """What the calls take from outside: the inputs, and each weight, state and stack once."""
        made = {result for call in self.calls for result in call.results}
        given = (value for call in self.calls for value in call.arguments if value not in made)
        distinct: dict[Root, SSAValue] = {argument: argument for argument in self.schedule.args}
        for value in given:
            distinct.setdefault(root_of(value), value)
        return [*distinct.values()]

    def machine_objection(self, func: kernel.FuncOp, machine: Machine) -> StepObjection | None:
        """What the machine or the passes to come have against the kernel of all steps."""
        trouble = shortage(func, machine)
        return None if trouble is None else StepObjection(self.schedule, trouble)


def is_counter(value: SSAValue) -> bool:
    """Whether an input is a position: an integer scalar."""
    return shape_of(value) == () and isinstance(element_type_of(value), IntegerType)


def step_loop(schedule: kernel.ScheduleOp, kernels: Mapping[str, kernel.FuncOp]) -> StepLoop | StepObjection:
    """The loop that a schedule of these kernels can become, or what is in the way."""
    calls = [op for op in schedule.body.block.ops if isinstance(op, kernel.CallOp)]
    called = [kernels[call.callee.string_value()] for call in calls]
    fed = _fed_inputs(schedule)
    objection = next(_objections(schedule, calls, called, fed), None)
    return objection or StepLoop(schedule, calls, called, [one for one in fed if one is not None])


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


def _objections(
    schedule: kernel.ScheduleOp,
    calls: Sequence[kernel.CallOp],
    kernels: Sequence[kernel.FuncOp],
    fed: Sequence[BlockArgument | None],
) -> Iterator[StepObjection]:
    last = end_of(schedule.body.block)
    for op in schedule.body.block.ops:
        if isinstance(op, nn.ObserveOp):
            yield StepObjection(op, f"the host reads {_name(op.value)} as '{op.label.data}' in every step")
    if not calls:
        yield StepObjection(schedule, "it calls no kernel")
    for value, argument in zip(last.operands, fed, strict=True):
        if argument is None:
            what = f"the step returns {_name(value)}, a {value.type}, and has no input that it becomes"
            yield StepObjection(last, what)
    for argument in schedule.args:
        if argument not in fed and not is_counter(argument):
            what = (
                f"no result of a step, a {argument.type}, becomes the input {_name(argument)} of the next one"
            )
            yield StepObjection(schedule, what)
    for call, value in parts_taken(schedule):
        yield StepObjection(call, f"it takes {_name(value)} by itself, which also stands in a stack")
    yield from _kernel_objections(calls, kernels)


def _kernel_objections(
    calls: Sequence[kernel.CallOp], kernels: Sequence[kernel.FuncOp]
) -> Iterator[StepObjection]:
    """What is in the way of putting the bodies of the kernels one behind another."""
    looped: str | None = None
    for call, func in zip(calls, kernels, strict=True):
        name = func.sym_name.data
        if any(a.type != b.type for a, b in zip(call.arguments, func.args, strict=True)):
            what = "no loop over layers does it"
            yield StepObjection(call, f"@{name} is called for one slice of a stack, {what}")
        if any(isinstance(op, kernel.LoopOp) for op in func.body.block.ops):
            if looped is not None:
                yield StepObjection(call, f"@{looped} and @{name} both loop; one kernel can hold one loop")
            looped = name


def _name(value: SSAValue) -> str:
    return f"%{value.name_hint}" if value.name_hint else "a value"


def build_stepped_kernel(name: str, loop: StepLoop, count: int) -> FuncOp:
    """A kernel that makes `count` steps; it takes the loop's operands and returns all that is carried."""
    outer = _block(loop.operands)
    outside: dict[Root, SSAValue] = dict(zip(map(root_of, loop.operands), outer.args, strict=True))
    passed = [*loop.carried, *loop.counted]
    inner = _block(passed)
    values = outside | dict(zip(passed, inner.args, strict=True))
    _inline_calls(inner, loop, values)
    last = end_of(loop.schedule.body.block)
    returned = dict(zip(loop.fed, last.operands, strict=True))
    inner.add_op(YieldOp([values[root_of(returned[argument])] for argument in loop.carried]))
    carried, counted = ([outside[a] for a in some] for some in (loop.carried, loop.counted))
    steps = StepsOp(count, carried, counted, Region(inner))
    outer.add_ops([steps, end := ReturnOp(steps.res)])
    for result, argument in zip(steps.res, loop.carried, strict=True):
        result.name_hint = argument.name_hint
    type_ = FunctionType.from_lists([a.type for a in outer.args], [r.type for r in steps.res])
    func = FuncOp(name, type_, Region(outer))
    for op in (steps, end, end_of(inner), func):
        op.location = loop.schedule.location
    return func


def _block(values: Sequence[SSAValue]) -> Block:
    """A block with arguments like these values."""
    block = Block(arg_types=[value.type for value in values])
    for argument, value in zip(block.args, values, strict=True):
        argument.name_hint = value.name_hint
    return block


def _inline_calls(block: Block, loop: StepLoop, values: dict[Root, SSAValue]) -> None:
    """Append what the calls do; `values` get their results."""
    for call, func in zip(loop.calls, loop.kernels, strict=True):
        given = [values[root_of(value)] for value in call.arguments]
        mapping: dict[SSAValue, SSAValue] = dict(zip(func.args, given, strict=True))
        for op in func.body.block.ops:
            if isinstance(op, ReturnOp):
                made = (mapping[value] for value in op.arguments)
                values |= dict(zip(call.results, made, strict=True))
            else:
                block.add_op(op.clone(mapping))
