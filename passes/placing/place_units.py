"""Give every stage and every channel its place on the chip.

Before:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
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
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 2, pmu_first = 2, hops = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 4, hops = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 8, pcu_first = 0} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

Stages follow one another along the snake of the grid, in program order, and channels in the order of their
readers, each as near to its ends as it may be (`floorplan.py`). Places decide routes, and so the
hops of a channel: the longest lane from the producer to its PMUs, and on to its reader.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp, UnitOp
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import fail
from ..units.resident_weights import kernel_units, resident_place
from .floorplan import Block, place
from .routes import Grid, channel_hops, pass_bytes


def _count(op: dataflow.StageOp | ChannelOp) -> int:
    count = op.pcus if isinstance(op, dataflow.StageOp) else op.pmus
    if count is None:
        fail(op, "a unit without a count; run allocate-units first")
    return count.value.data


def _check_room(network: dataflow.KernelOp, kind: str, needed: int, available: int) -> None:
    if needed > available:
        fail(
            network,
            f"@{network.sym_name.data} has {needed} {kind}s, {available} are free; run allocate-units",
        )


def _settle(op: dataflow.StageOp | ChannelOp) -> bool:
    """Place what reads a resident weight there; whether it does."""
    first, count = resident_place(op)
    if not count:
        return False
    if isinstance(op, dataflow.StageOp):
        op.pcu_first = IntegerAttr(first, i64)
    else:
        op.pmu_first = IntegerAttr(first, i64)
    return True


def place_network(network: dataflow.KernelOp, machine: Machine, pcus: int, pmus: int) -> None:
    """Write places and hops into a network, which has the first of the machine's PCUs and PMUs.

    Raises: PassFailedException where a unit has no count yet, or all together are too many.
    """
    all_stages = [op for op in network.units() if isinstance(op, dataflow.StageOp)]
    all_channels = network.channels()
    stages = [stage for stage in all_stages if not _settle(stage)]
    channels = [channel for channel in all_channels if not _settle(channel)]
    numbers: dict[UnitOp, int] = {stage: number for number, stage in enumerate(stages)}
    counts = [_count(stage) for stage in stages]
    blocks = [
        Block(
            _count(channel),
            pass_bytes(channel),
            numbers.get(channel.producers()[0]),
            numbers.get(channel.consumers()[0]),
        )
        for channel in channels
    ]
    _check_room(network, "PCU", sum(counts), pcus)
    _check_room(network, "PMU", sum(block.count for block in blocks), pmus)
    placement = place(counts, blocks, pcus, pmus)
    for stage, first in zip(stages, placement.stages, strict=True):
        stage.pcu_first = IntegerAttr(first, i64)
    for channel, first in zip(channels, placement.blocks, strict=True):
        channel.pmu_first = IntegerAttr(first, i64)
    grid = Grid.of(machine)
    for channel in all_channels:
        channel.hops = IntegerAttr(channel_hops(channel, grid), i64)


@dataclass(frozen=True)
class PlaceUnitsPass(ModulePass):
    """Number the units of every kernel along the grid; needs the counts of `allocate-units`."""

    name: ClassVar[str] = "place-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        pcus, pmus = kernel_units(op, machine)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                place_network(network, machine, pcus, pmus)
