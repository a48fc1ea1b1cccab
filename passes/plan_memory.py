"""Give every weight, state, input and value of a step its address in memory.

Before:

```mlir
nn.weight @w : tensor<8xbf16>
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-5 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> {
  %w = nn.get_global @w : tensor<8xbf16>
  %y = kernel.call @norm(%x, %w) : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
```

After:

```mlir
nn.weight @w : tensor<8xbf16> {address = 0}
kernel.func @norm(%x: tensor<1x8xbf16>, %w: tensor<8xbf16>) -> tensor<1x8xbf16> {
  %y = nn.rms_norm %x, %w eps 1.0e-5 : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
kernel.schedule @step(%x: tensor<1x8xbf16>) -> tensor<1x8xbf16> attributes {addresses = array<i64: 256>} {
  %w = nn.get_global @w : tensor<8xbf16>
  %y = kernel.call @norm(%x, %w) {addresses = array<i64: 512>} : (tensor<1x8xbf16>, tensor<8xbf16>) -> tensor<1x8xbf16>
  kernel.return %y : tensor<1x8xbf16>
}
```

All of it lies in HBM. The slices of a stack follow one another at a constant stride, and so do the parts of
a `kernel.stack`; values whose lifetimes do not meet share addresses.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NoReturn

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..dialects import kernel, nn
from ..dialects.rdu import machine_of
from .solvers.memory import ALIGNMENT, Item, plan_addresses

Global = nn.WeightOp | nn.StateOp


def _globals_in_order(module: ModuleOp, schedule: kernel.ScheduleOp) -> list[list[Global]]:
    """Weights and states; those that a `kernel.stack` joins stand together, in its order.

    Raises: PassFailedException where a stack's part is no whole weight or state, or belongs to two stacks.
    """
    symbols = {op.sym_name.data: op for op in module.ops if isinstance(op, Global)}
    groups: list[list[Global]] = []
    taken: set[str] = set()
    for stack in [op for op in schedule.body.block.ops if isinstance(op, kernel.StackOp)]:
        names = [_part_name(stack, part) for part in stack.parts]
        twice = [name for name in names if name in taken or names.count(name) > 1]
        if twice:
            _fail(stack, f"@{twice[0]} stands twice in stacks; it has one place in memory")
        taken |= {*names}
        groups.append([symbols[name] for name in names])
    return groups + [[op] for name, op in symbols.items() if name not in taken]


def _part_name(stack: kernel.StackOp, part: SSAValue) -> str:
    source = part.owner
    if not isinstance(source, nn.GetGlobalOp):
        _fail(stack, "only weights and states can be laid out as a stack")
    if nn.size_bytes_of(part) % ALIGNMENT:
        _fail(
            stack,
            f"parts of {nn.size_bytes_of(part)} bytes have no constant stride at an alignment of "
            f"{ALIGNMENT}; declare them as one stacked weight",
        )
    return source.global_name.root_reference.data


def _fail(op: kernel.StackOp, message: str) -> NoReturn:
    op.emit_error(message, PassFailedException(message))


def _lifetimes(schedule: kernel.ScheduleOp) -> list[tuple[SSAValue, tuple[int, int]]]:
    """Results of calls with the steps at which they are written and read last."""
    step = {op: number for number, op in enumerate(schedule.body.block.ops)}
    return [
        (result, (step[op], max((step[use.operation] for use in result.uses), default=step[op])))
        for op in step
        if isinstance(op, kernel.CallOp)
        for result in op.results
    ]


def _plan(module: ModuleOp, schedule: kernel.ScheduleOp) -> None:
    groups = _globals_in_order(module, schedule)
    fixed = [op for group in groups for op in group]
    values = _lifetimes(schedule)
    items = [Item(op.sym_name.data, nn.size_bytes_of(op.type)) for op in fixed]
    items += [Item("input", nn.size_bytes_of(arg)) for arg in schedule.args]
    items += [Item("value", nn.size_bytes_of(value), lifetime) for value, lifetime in values]
    addresses, total = plan_addresses(items)
    capacity = machine_of(module).hbm_bytes
    if total > capacity:
        message = (
            f"the model needs {total} bytes of HBM ({total / 2**30:.2f} GiB), the machine has {capacity} "
            f"({capacity / 2**30:.2f} GiB); use a smaller model, a shorter context or a larger hbm_bytes"
        )
        schedule.emit_error(message, PassFailedException(message))
    for op, address in zip(fixed, addresses, strict=False):
        op.attributes["address"] = IntegerAttr(address, i64)
    inputs = addresses[len(fixed) : len(fixed) + len(schedule.args)]
    schedule.attributes["addresses"] = DenseArrayBase.from_list(i64, inputs)
    by_value = dict(zip((v for v, _ in values), addresses[len(fixed) + len(inputs) :], strict=True))
    for op in schedule.body.block.ops:
        if isinstance(op, kernel.CallOp):
            places = [by_value[result] for result in op.results]
            op.attributes["addresses"] = DenseArrayBase.from_list(i64, places)


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Write `address` on weights and states, `addresses` on the schedule and its calls; in bytes of HBM."""

    name: ClassVar[str] = "plan-memory"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        schedules = [schedule for schedule in op.ops if isinstance(schedule, kernel.ScheduleOp)]
        if len(schedules) > 1:
            message = f"{len(schedules)} schedules in a module; memory is planned for one"
            schedules[1].emit_error(message, PassFailedException(message))
        for schedule in schedules:
            _plan(op, schedule)
