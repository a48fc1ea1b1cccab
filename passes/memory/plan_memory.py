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

The slices of a stack follow one another at a constant stride, and so do the parts of a `kernel.stack`; values
whose lifetimes do not meet share addresses. All of it lies in HBM; with `spill`, what does not fit gets
`tier = "ddr"`. As every byte that has to leave brings its traffic to the slower memory, those go first of
which a step moves the least per byte: an embedding table, of which it gathers a row, then the experts, of
which it reads those that are chosen, then what it reads once. Weights and caches go whole: a stack has one
address for all of its layers, at a constant stride, so where HBM has room for some of them, a remark says so.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects import kernel, nn
from ...dialects.alike import array
from ...dialects.failing import raise_about
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.sizes import exact_bytes_text
from ...dialects.tensors import shape_of, size_bytes_of
from ..diagnostics import NoRoom, add_remark, fail
from ..units.resident_weights import is_resident
from ..units.traffic import traffic_bytes
from .layout import ALIGNMENT, Item, Movable, aligned, choose_spilled, plan_addresses

Global = nn.WeightOp | nn.StateOp


def _globals_in_order(module: ModuleOp, schedule: kernel.ScheduleOp) -> list[list[Global]]:
    """Weights and states; those that a `kernel.stack` joins stand together, in its order.

    Raises: PassFailedException where a stack's part is no whole weight or state, or belongs to two stacks.
    """
    symbols = {op.sym_name.data: op for op in module.ops if isinstance(op, Global) and not is_resident(op)}
    groups: list[list[Global]] = []
    taken: set[str] = set()
    for stack in [op for op in schedule.body.block.ops if isinstance(op, kernel.StackOp)]:
        names = [_part_name(stack, part) for part in stack.parts]
        twice = [name for name in names if name in taken or names.count(name) > 1]
        if twice:
            fail(stack, f"@{twice[0]} stands twice in stacks; it has one place in memory")
        taken |= {*names}
        groups.append([symbols[name] for name in names])
    return groups + [[op] for name, op in symbols.items() if name not in taken]


def _part_name(stack: kernel.StackOp, part: SSAValue) -> str:
    source = part.owner
    if not isinstance(source, nn.GetGlobalOp):
        fail(stack, "only weights and states can be laid out as a stack")
    if size_bytes_of(part) % ALIGNMENT:
        fail(
            stack,
            f"parts of {size_bytes_of(part)} bytes have no constant stride at an alignment of "
            f"{ALIGNMENT}; declare them as one stacked weight",
        )
    return source.global_name.root_reference.data


def _lifetimes(schedule: kernel.ScheduleOp) -> list[tuple[SSAValue, tuple[int, int]]]:
    """Results of calls with the steps at which they are written and read last."""
    step = {op: number for number, op in enumerate(schedule.body.block.ops)}
    return [
        (result, (step[op], max((step[use.operation] for use in result.uses), default=step[op])))
        for op in step
        if isinstance(op, kernel.CallOp)
        for result in op.results
    ]


def _in_ddr(
    module: ModuleOp, schedule: kernel.ScheduleOp, groups: list[list[Global]], rest: int, spill: bool
) -> frozenset[int]:
    """The numbers of the groups that leave HBM, where inputs and values take `rest` bytes.

    Raises: PassFailedException where not all fits, with what would hold it.
    """
    machine = machine_of(module)
    sizes = [sum(aligned(size_bytes_of(op.type)) for op in group) for group in groups]
    needed = sum(sizes) + rest
    excess = needed - machine.hbm_bytes
    if excess <= 0:
        return frozenset()
    moved = traffic_bytes(module, schedule)
    traffic = [sum(moved[op.sym_name.data] for op in group) for group in groups]
    spilled = choose_spilled(list(map(Movable, sizes, traffic)), excess)
    spilled_bytes = sum(sizes[number] for number in spilled or ())
    fits = spilled is not None and spilled_bytes <= machine.ddr_bytes
    if not spill:
        message = without_spill(needed, fits, machine)
        raise_about(schedule, NoRoom(message, "hbm", needed, machine.hbm_bytes))
    if spilled is None:
        message = without_hbm(rest, machine)
        raise_about(schedule, NoRoom(message, "hbm", rest, machine.hbm_bytes))
    if not fits:
        message = without_ddr(needed, spilled_bytes, machine)
        raise_about(schedule, NoRoom(message, "ddr", spilled_bytes, machine.ddr_bytes))
    return spilled


def _place(ops: list[Global], addresses: Sequence[int], tier: str) -> None:
    for op, address in zip(ops, addresses, strict=True):
        op.attributes["address"] = IntegerAttr(address, i64)
        op.attributes.pop("tier", None)
        if tier != "hbm":
            op.attributes["tier"] = StringAttr(tier)


def _items(ops: list[Global]) -> list[Item]:
    return [Item(op.sym_name.data, size_bytes_of(op.type)) for op in ops]


def _others(schedule: kernel.ScheduleOp) -> list[Item]:
    """Inputs and values."""
    inputs = [Item("input", size_bytes_of(arg)) for arg in schedule.args]
    return inputs + [Item("value", size_bytes_of(value), life) for value, life in _lifetimes(schedule)]


def check_room(module: ModuleOp, *, spill: bool) -> None:
    """Refuse what `plan-memory` will refuse, once kernels are formed and weights chosen that stay in SRAM.

    Where DDR cannot hold all, it depends on later passes what moves there: then nothing is refused.

    Raises: NoRoom, as the pass.
    """
    for schedule in (op for op in module.ops if isinstance(op, kernel.ScheduleOp)):
        groups, others = _globals_in_order(module, schedule), _others(schedule)
        movable = sum(aligned(size_bytes_of(op.type)) for group in groups for op in group)
        if movable <= machine_of(module).ddr_bytes:
            _in_ddr(module, schedule, groups, plan_addresses(others)[1], spill)


def _plan(module: ModuleOp, schedule: kernel.ScheduleOp, spill: bool) -> None:
    groups, others = _globals_in_order(module, schedule), _others(schedule)
    values = _lifetimes(schedule)
    spilled = _in_ddr(module, schedule, groups, plan_addresses(others)[1], spill)
    far = [op for number in sorted(spilled) for op in groups[number]]
    near = [op for number, group in enumerate(groups) if number not in spilled for op in group]
    _place(far, plan_addresses(_items(far))[0], "ddr")
    addresses, top = plan_addresses([*_items(near), *others])
    _place(near, addresses[: len(near)], "hbm")
    _note_unused(module, far, machine_of(module).hbm_bytes - top)
    first_value = len(near) + len(schedule.args)
    inputs = addresses[len(near) : first_value]
    schedule.attributes["addresses"] = array(tuple(inputs))
    by_value = dict(zip((v for v, _ in values), addresses[first_value:], strict=True))
    for op in schedule.body.block.ops:
        if isinstance(op, kernel.CallOp):
            op.attributes["addresses"] = array(tuple(by_value[result] for result in op.results))


def _note_unused(module: ModuleOp, far: list[Global], free: int) -> None:
    """Remark that HBM has room for layers of a stack that has gone to DDR as a whole.

    The module says so, as weights and the schedule make way for regions and commands.
    """
    stacks = [op for op in far if isinstance(op, nn.WeightOp) and op.stacked is not None]
    largest = max(stacks, key=lambda op: size_bytes_of(op.type), default=None)
    if largest is None:
        return
    size, layers = size_bytes_of(largest.type), shape_of(largest.type)[0]
    if kept := free * layers // size:
        message = (
            f"{exact_bytes_text(free)} of HBM stay free, where {kept} of {layers} layers of "
            f"@{largest.sym_name.data} would fit: its {exact_bytes_text(size)} go to DDR as a whole; "
            "a layer by another name has stacks of its own"
        )
        add_remark(module, message)


@dataclass(frozen=True)
class PlanMemoryPass(ModulePass):
    """Write `address`, and where it is not HBM `tier`, on weights and states, `addresses` on the schedule and
    its calls; in bytes from the beginning of the tier."""

    name: ClassVar[str] = "plan-memory"

    spill: bool = False
    """Let DDR hold what does not fit HBM: the weights and states with the least traffic per byte."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        schedules = [schedule for schedule in op.ops if isinstance(schedule, kernel.ScheduleOp)]
        if len(schedules) > 1:
            fail(schedules[1], f"{len(schedules)} schedules in a module; memory is planned for one")
        for schedule in schedules:
            _plan(op, schedule, self.spill)


def _short(what: str, needed: int, held: int, machine: Machine, tier: str) -> str:
    """Both numbers and the difference, of a socket and, where there are several, of all."""
    sockets = machine.sockets
    per_socket = "" if sockets == 1 else " on each socket"
    text = (
        f"{what} {exact_bytes_text(needed)} of {tier}{per_socket}, the machine has {exact_bytes_text(held)}: "
        f"{exact_bytes_text(needed - held)} short"
    )
    if sockets == 1:
        return text
    needed, held = needed * sockets, held * sockets
    return (
        f"{text}; on all {sockets} sockets {exact_bytes_text(needed)} of {exact_bytes_text(held)}, "
        f"{exact_bytes_text(needed - held)} short"
    )


def _sockets(needed: int, held: int, machine: Machine) -> int:
    """The least power of two above the machine's sockets among which the need, shared out, fits."""
    count = 1
    while count <= machine.sockets or needed * machine.sockets > held * count:
        count *= 2
    return count


def without_spill(needed: int, spills: bool, machine: Machine) -> str:
    """The message where HBM is too small; `spills` says that DDR has room for the rest."""
    sockets = _sockets(needed, machine.hbm_bytes, machine)
    other = (
        "let DDR hold the rest: --spill, or plan-memory{spill=true}" if spills else "use a smaller context"
    )
    return (
        f"{_short('the model needs', needed, machine.hbm_bytes, machine, 'HBM')}\n"
        f"help: {sockets} sockets would hold it, estimated by dividing; or {other}"
    )


def without_hbm(needed: int, machine: Machine) -> str:
    """The message where HBM cannot hold even what has to lie there."""
    return (
        f"{_short('inputs and values of a step need', needed, machine.hbm_bytes, machine, 'HBM')}\n"
        "help: weights and caches can be spilled, these cannot; use a smaller batch or a larger hbm_bytes"
    )


def without_ddr(needed: int, spilled: int, machine: Machine) -> str:
    """The message where DDR is too small for what HBM cannot hold."""
    sockets = _sockets(needed, machine.hbm_bytes + machine.ddr_bytes, machine)
    return (
        f"{_short('what HBM cannot hold needs', spilled, machine.ddr_bytes, machine, 'DDR')}\n"
        f"help: {sockets} sockets would hold it, estimated by dividing; or use a smaller context"
    )
