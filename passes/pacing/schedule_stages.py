"""Set initiation intervals, latencies and channel depths.

Before:

```mlir
dataflow.kernel @square(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 2 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [2] outs(%b : !dataflow.channel<tensor<1x4096xbf16>>) periods [1] attributes {pcus = 8} {
  ^bb0(%c: tensor<1x4096xbf16>):
    %d = nn.silu %c : (tensor<1x4096xbf16>) -> tensor<1x4096xbf16>
    dataflow.yield %d : tensor<1x4096xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x4096xbf16>>
}
```

After:

```mlir
dataflow.kernel @square(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 2 {pmus = 4} : !dataflow.channel<tensor<1x4096xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 2 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [2] outs(%b : !dataflow.channel<tensor<1x4096xbf16>>) periods [1] attributes {pcus = 8, ii = 32, latency = 80} {
  ^bb0(%c: tensor<1x4096xbf16>):
    %d = nn.silu %c : (tensor<1x4096xbf16>) -> tensor<1x4096xbf16>
    dataflow.yield %d : tensor<1x4096xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x4096xbf16>>
}
```

The interval of a stage is the longest of its compute, its streamed inputs and its outputs, each at the rate
of the units it has. An input that stays the same for several firings is read once and counts in the latency.
These are the fewest cycles (`dialects/pacing.py`): what is written by hand may be more, not fewer.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.alike import whole
from ...dialects.dataflow import ChannelOp
from ...dialects.dataflow_pace import pace_of
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import fail
from ..tiling.socket_loads import remark_on_sockets
from ..units.traffic import held_tiles


def schedule_stage(stage: dataflow.StageOp, machine: Machine) -> None:
    """Write the interval and the latency of a stage, in cycles."""
    pace = pace_of(stage, machine)
    stage.ii, stage.latency = whole(pace.interval), whole(pace.latency)


def _schedule(network: dataflow.KernelOp, machine: Machine) -> None:
    for op in network.body.block.ops:
        if not isinstance(op, dataflow.StageOp | ChannelOp):
            continue
        if (op.pcus if isinstance(op, dataflow.StageOp) else op.pmus) is None:
            fail(op, f"@{network.sym_name.data} has units without counts; run allocate-units first")
    for op in network.body.block.ops:
        if isinstance(op, ChannelOp):
            op.depth = whole(held_tiles(op, looped=network.loops.is_looped))
        elif isinstance(op, dataflow.StageOp):
            schedule_stage(op, machine)


@dataclass(frozen=True)
class ScheduleStagesPass(ModulePass):
    """Write II, latency, depths for an iteration, which `schedule-loop` lowers; after `allocate-units`."""

    name: ClassVar[str] = "schedule-stages"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                _schedule(network, machine)
        if machine.sockets > 1:
            remark_on_sockets(op, machine)
