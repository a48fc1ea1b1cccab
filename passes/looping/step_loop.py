"""Whether a schedule can be looped over decode steps: what goes from step to step, or what is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import BlockArgument, Operation, SSAValue

from ...dialects import kernel, nn
from ...dialects.machine import Machine
from ..units.fit import shortage
from .kernel_memory import Root, root_of


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
    return nn.shape_of(value) == () and isinstance(nn.element_type_of(value), IntegerType)


def step_loop(schedule: kernel.ScheduleOp, kernels: Mapping[str, kernel.FuncOp]) -> StepLoop | StepObjection:
    """The loop that a schedule of these kernels can become, or what is in the way."""
    calls = [op for op in schedule.body.block.ops if isinstance(op, kernel.CallOp)]
    called = [kernels[call.callee.string_value()] for call in calls]
    fed = _fed_inputs(schedule)
    objection = next(_objections(schedule, calls, called, fed), None)
    return objection or StepLoop(schedule, calls, called, [one for one in fed if one is not None])


def _fed_inputs(schedule: kernel.ScheduleOp) -> list[BlockArgument | None]:
    """Per result of a step the input that it becomes: the first one like it that is no position."""
    last = schedule.body.block.last_op
    assert last is not None, "the verifier wants a return"
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
    last = schedule.body.block.last_op
    assert last is not None, "the verifier wants a return"
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
