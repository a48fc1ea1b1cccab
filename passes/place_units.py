"""Give every stage and every channel its place on the chip.

Before:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> attributes {iterations = 1} {
  %a = dataflow.channel 1 {pmus = 2} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 8} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

After:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> attributes {iterations = 1} {
  %a = dataflow.channel 1 {pmus = 2, pmu_first = 0, hops = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 2, hops = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 8, pcu_first = 0} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

A legal placement, not yet a good one: stages and the channels they read follow one another along the snake
of the grid, in program order. A channel's hops go from the middle of its producer to the middle of its PMUs
to the middle of its reader; an AGCU sits at the first column of the row of the PMUs.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..dialects import dataflow
from ..dialects.machine import Machine
from ..dialects.network import QueueOp, UnitOp
from ..dialects.rdu import machine_of


def _middle(first: IntegerAttr | None, count: IntegerAttr | None) -> int:
    assert first is not None, "placed before hops are counted"
    assert count is not None, "placed units have counts"
    return first.value.data + count.value.data // 2


def _units_hops(unit: UnitOp, buffer: int, machine: Machine) -> int:
    """Hops between a unit and the middle PMU of a channel."""
    if isinstance(unit, dataflow.StageOp):
        return machine.hops(_middle(unit.pcu_first, unit.pcus), buffer)
    return machine.coordinates(buffer)[2]


def _channels_in_order(network: dataflow.KernelOp) -> Iterable[QueueOp]:
    """Channels by the unit that reads them, in program order."""
    order = {unit: number for number, unit in enumerate(network.body.block.ops)}
    channels = [op for op in network.body.block.ops if isinstance(op, QueueOp)]
    return sorted(channels, key=lambda channel: order[channel.consumers()[0]])


def place(network: dataflow.KernelOp, machine: Machine) -> None:
    """Write places and hops into a network.

    Raises: PassFailedException where a unit has no count yet.
    """
    next_pcu = next_pmu = 0
    for stage in network.body.block.ops:
        if isinstance(stage, dataflow.StageOp):
            stage.pcu_first = IntegerAttr(next_pcu, i64)
            next_pcu += _count(stage, stage.pcus)
    for channel in _channels_in_order(network):
        channel.pmu_first = IntegerAttr(next_pmu, i64)
        next_pmu += _count(channel, channel.pmus)
    for channel in _channels_in_order(network):
        buffer = min(_middle(channel.pmu_first, channel.pmus), machine.pmus - 1)
        ends = (channel.producers()[0], channel.consumers()[0])
        hops = sum(_units_hops(unit, buffer, machine) for unit in ends)
        channel.hops = IntegerAttr(hops, i64)


def _count(op: dataflow.StageOp | QueueOp, count: IntegerAttr | None) -> int:
    if count is None:
        message = "a unit without a count; run allocate-units first"
        op.emit_error(message, PassFailedException(message))
    return count.value.data


@dataclass(frozen=True)
class PlaceUnitsPass(ModulePass):
    """Number the units of every kernel along the grid; needs the counts of `allocate-units`."""

    name: ClassVar[str] = "place-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                place(network, machine)
