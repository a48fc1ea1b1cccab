"""All calls of a schedule as one body: what they take from outside, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import kernel, nn
from ...dialects.kernel import CallOp, FuncOp, LoopOp, ReturnOp, Root, YieldOp, root_of
from .bodies import block_like, inline_body
from .run_memory import parts_taken


@dataclass(frozen=True)
class Objection:
    """What is in the way of one kernel for all calls, and where."""

    op: Operation
    message: str


@dataclass(frozen=True)
class JoinedCalls:
    """The calls of a schedule, to be put one behind another."""

    schedule: kernel.ScheduleOp
    calls: Sequence[CallOp]
    kernels: Sequence[FuncOp]
    """Of each call."""

    @staticmethod
    def of(schedule: kernel.ScheduleOp, kernels: Mapping[str, FuncOp]) -> JoinedCalls | None:
        """Those of a schedule; None where a kernel is of a lower level, or makes decode steps already."""
        calls = [op for op in schedule.body.block.ops if isinstance(op, CallOp)]
        called = [kernels[name] for name in map(callee_of, calls) if name in kernels]
        done = any(isinstance(op, kernel.StepsOp) for func in called for op in func.body.block.ops)
        return None if done or len(called) < len(calls) else JoinedCalls(schedule, calls, called)

    @cached_property
    def operands(self) -> list[SSAValue]:
        """What the calls take from outside: the inputs, and each weight, state and stack once."""
        made = {result for call in self.calls for result in call.results}
        given = (value for call in self.calls for value in call.arguments if value not in made)
        distinct: dict[Root, SSAValue] = {argument: argument for argument in self.schedule.args}
        for value in given:
            distinct.setdefault(root_of(value), value)
        return [*distinct.values()]

    @property
    def host_reads(self) -> list[nn.ObserveOp]:
        """Where the host reads something."""
        return [op for op in self.schedule.body.block.ops if isinstance(op, nn.ObserveOp)]

    def objections(self) -> Iterator[Objection]:
        """What is in the way of putting them into one kernel."""
        if not self.calls:
            yield Objection(self.schedule, "it calls no kernel")
        for call, value in parts_taken(self.schedule):
            yield Objection(call, f"it takes {name_of(value)} by itself, which also stands in a stack")
        for call, func in zip(self.calls, self.kernels, strict=True):
            if _sliced(call, func) and _inits(call, func) is None:
                name = func.sym_name.data
                what = "no loop over layers does it, and it carries no value that one could"
                yield Objection(call, f"@{name} is called for one slice of a stack, {what}")

    def inline(self, block: Block, values: dict[Root, SSAValue]) -> None:
        """Append what the calls do; `values` has what they take, and gets their results."""
        for call, func in zip(self.calls, self.kernels, strict=True):
            given = [values[root_of(value)] for value in call.arguments]
            results = _inline_loop(block, call, func, given) if _sliced(call, func) else None
            if results is None:
                results = inline_body(block, func.body.block, given)
            values |= dict(zip(call.results, results, strict=True))

    def replace(self, module: ModuleOp, func: FuncOp, call: CallOp) -> None:
        """Put one call in the place of all others, and erase the kernels that nobody calls any more."""
        call.location = self.calls[0].location
        for old in reversed(self.calls):
            Rewriter.erase_op(old)
        module.body.block.insert_op_before(func, self.kernels[0])
        called = {callee_of(op) for op in module.walk() if isinstance(op, CallOp)}
        for old in dict.fromkeys(self.kernels):
            if old.sym_name.data not in called:
                Rewriter.erase_op(old)


def callee_of(call: CallOp) -> str:
    """The name of the kernel that is called."""
    return call.callee.string_value()


def name_of(value: SSAValue) -> str:
    """A value in words."""
    return f"%{value.name_hint}" if value.name_hint else "a value"


def _sliced(call: CallOp, func: FuncOp) -> list[int]:
    """The numbers of the arguments of which a call takes a slice."""
    pairs = enumerate(zip(call.arguments, func.args, strict=True))
    return [number for number, (given, wanted) in pairs if given.type != wanted.type]


def _inits(call: CallOp, func: FuncOp) -> list[int] | None:
    """For each result an argument of its type that a loop of one iteration can carry; None without one."""
    free = [n for n in range(len(func.args)) if n not in _sliced(call, func)]
    inits: list[int] = []
    for result in call.results:
        like = next((n for n in free if func.args[n].type == result.type), None)
        if like is None:
            return None
        free.remove(like)
        inits.append(like)
    return inits


def _inline_loop(block: Block, call: CallOp, func: FuncOp, given: Sequence[SSAValue]) -> Sequence[SSAValue]:
    """A call for one slice of its stacks as a loop of one iteration, which begins with that slice."""
    stacked, inits = _sliced(call, func), _inits(call, func)
    assert inits is not None, "there is no objection"
    assert call.index is not None, "a slice has an index"
    inner = block_like([func.args[number] for number in (*inits, *stacked)])
    inside = dict(enumerate(given)) | dict(zip((*inits, *stacked), inner.args, strict=True))
    yielded = YieldOp(inline_body(inner, func.body.block, [inside[n] for n in range(len(given))]))
    inner.add_op(yielded)
    starts = [call.index.value.data] * len(stacked)
    stacks = [given[n] for n in stacked]
    loop = LoopOp(1, [given[n] for n in inits], stacks, Region(inner), starts)
    loop.location = yielded.location = call.location
    for result, old in zip(loop.res, call.results, strict=True):
        result.name_hint = old.name_hint
    block.add_op(loop)
    return loop.res


def returned_by(schedule: kernel.ScheduleOp) -> Sequence[SSAValue]:
    """What a schedule returns."""
    last = schedule.body.block.last_op
    assert isinstance(last, ReturnOp), "checked by the schedule's verifier"
    return last.arguments
