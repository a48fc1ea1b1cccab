"""`join-calls`: all calls of a step become one, of a kernel that does the whole step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import BlockArgument, Region, SSAValue
from xdsl.passes import ModulePass

from ...dialects import kernel
from ...dialects.kernel import CallOp, FuncOp, ReturnOp, Root, root_of
from ...dialects.rdu_machine import machine_of
from ...dialects.symbols import UniqueNames
from ...dialects.tensors import end_of
from ..diagnostics import add_remark
from ..units.traffic import shortage
from .bodies import block_like
from .joined_calls import JoinedCalls, Objection, name_of, returned_by


@dataclass(frozen=True)
class JoinCallsPass(ModulePass):
    """Replace all calls of a schedule by one call of a kernel that does what they do, one behind another.

    So nothing is launched within a step: embedding, layers, head and the choice of the token are stages of
    one kernel, and the weights of the head are loaded while the last layers are at work. Loops over layers
    stay loops, a call for one slice of a stack becomes a loop of one iteration, and what the host reads
    behind all calls is a result of the one. Where something forbids it, the schedule stays as it is, and a
    remark says what.

    Before:

    ```mlir
    kernel.func @up(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
      %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
      kernel.return %y : tensor<1x8xbf16>
    }
    kernel.func @choice(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %y = nn.argmax %x : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %y : tensor<1xi32>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %y = kernel.call @up(%x) : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
      %next = kernel.call @choice(%y) : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %next : tensor<1xi32>
    }
    ```

    After:

    ```mlir
    kernel.func @step.call(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %y = nn.silu %x : (tensor<1x8xbf16>) -> tensor<1x8xbf16>
      %next = nn.argmax %y : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %next : tensor<1xi32>
    }
    kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1xi32> {
      %next = kernel.call @step.call(%x) : (tensor<1x8xbf16>) -> tensor<1xi32>
      kernel.return %next : tensor<1xi32>
    }
    ```
    """

    name = "join-calls"

    unbounded: bool = False
    """Whether the machine holds any kernel, as one that runs operation after operation does."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        kernels = {f.sym_name.data: f for f in op.ops if isinstance(f, FuncOp)}
        for schedule in [op for op in op.ops if isinstance(op, kernel.ScheduleOp)]:
            joined = JoinedCalls.of(schedule, kernels)
            if joined is not None and len(joined.calls) != 1:
                self._join(op, joined)

    def _join(self, module: ModuleOp, joined: JoinedCalls) -> None:
        schedule = joined.schedule
        objection = next(chain(_host_reads_between(joined), joined.objections()), None)
        if objection is None:
            name = UniqueNames(module).take(f"{schedule.sym_name.data}.call")
            func, returned = _build(name, joined)
            trouble = None if self.unbounded else shortage(func, machine_of(module))
            if trouble is None:
                _replace(module, joined, func, returned)
                return
            objection = Objection(schedule, trouble.reason)
        add_remark(objection.op, f"calls are not joined: {objection.message}")


def _host_reads_between(joined: JoinedCalls) -> Iterator[Objection]:
    """What the host reads before the last call; what it reads behind that, the one call makes."""
    for op in joined.host_reads:
        if any(op.is_before_in_block(call) for call in joined.calls[-1:]):
            what = f"the host reads {name_of(op.value)} as '{op.label.data}' between them"
            yield Objection(op, what)


def _build(name: str, joined: JoinedCalls) -> tuple[FuncOp, list[SSAValue]]:
    """A kernel that does what all calls do, and what of the step it returns, each value once."""
    made = {result for call in joined.calls for result in call.results}
    read = (*(op.value for op in joined.host_reads), *returned_by(joined.schedule))
    returned = [value for value in dict.fromkeys(read) if value in made]
    block = block_like(joined.operands)
    values: dict[Root, SSAValue] = dict(zip(map(root_of, joined.operands), block.args, strict=True))
    joined.inline(block, values)
    block.add_op(end := ReturnOp([values[value] for value in returned]))
    for value in returned:
        if not isinstance(values[value], BlockArgument):
            values[value].name_hint = value.name_hint
    type_ = FunctionType.from_lists([a.type for a in block.args], [value.type for value in returned])
    func = FuncOp(name, type_, Region(block))
    func.location = end.location = joined.schedule.location
    return func, returned


def _replace(module: ModuleOp, joined: JoinedCalls, func: FuncOp, returned: list[SSAValue]) -> None:
    """Put one call in the place of all others; it returns what the step does."""
    end = end_of(joined.schedule.body.block)
    call = CallOp(func.sym_name.data, joined.operands, func.function_type.outputs.data)
    joined.schedule.body.block.insert_op_after(call, joined.calls[-1])
    results = dict(zip(returned, call.results, strict=True))
    for old, new in results.items():
        new.name_hint = old.name_hint
    for op in (*joined.host_reads, end):
        op.operands = [results.get(value, value) for value in op.operands]
    joined.replace(module, func, call)
