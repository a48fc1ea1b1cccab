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
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp
from ...dialects.dataflow_kernel import channel_of
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import fail
from ..units.traffic import held_tiles, read_bytes, stage_cycles


def _port_cycles(size_bytes: int, channel: SSAValue, machine: Machine) -> int:
    """Cycles in which a channel's PMUs move this many bytes; a channel in a FIFO moves as one PMU does."""
    pmus = channel_of(channel).pmus
    assert pmus is not None, "checked by the caller"
    return -(-size_bytes // (max(pmus.value.data, 1) * machine.pmu_port_bytes_per_cycle))


def _reads(stage: dataflow.StageOp, machine: Machine) -> tuple[int, int]:
    """Cycles to read the inputs of a firing: those that stream, and those that are held."""
    streamed = held = 0
    for channel, (size_bytes, changes) in zip(stage.ins, read_bytes(stage), strict=True):
        cycles = _port_cycles(size_bytes, channel, machine)
        if changes:
            streamed = max(streamed, cycles)
        else:
            held = max(held, cycles)
    return streamed, held


def _writes(stage: dataflow.StageOp, machine: Machine) -> tuple[int, int]:
    """Cycles to write the results of a firing: as they come on average, and those that come once in several.

    What a stage adds up is written when it is done, while the next sum begins.
    """
    streamed = late = 0
    for out, period in zip(stage.outs, stage.out_periods.get_values(), strict=False):
        cycles = _port_cycles(channel_of(out).type.tile_bytes, out, machine)
        streamed = max(streamed, -(-cycles // int(period)))
        if int(period) > 1:
            late = max(late, cycles)
    return streamed, late


def schedule_stage(stage: dataflow.StageOp, machine: Machine) -> None:
    """Write the interval and the latency of a stage, in cycles."""
    assert stage.pcus is not None, "checked by the caller"
    (streamed, held), (written, late) = _reads(stage, machine), _writes(stage, machine)
    interval = max(1, streamed, written, stage_cycles(stage, machine, stage.pcus.value.data))
    stage.ii = IntegerAttr(interval, i64)
    stage.latency = IntegerAttr(max(1, interval + held + late + machine.stage_latency_cycles), i64)


def _schedule(network: dataflow.KernelOp, machine: Machine) -> None:
    for op in network.body.block.ops:
        if not isinstance(op, dataflow.StageOp | ChannelOp):
            continue
        if (op.pcus if isinstance(op, dataflow.StageOp) else op.pmus) is None:
            fail(op, f"@{network.sym_name.data} has units without counts; run allocate-units first")
    for op in network.body.block.ops:
        if isinstance(op, ChannelOp):
            op.depth = IntegerAttr(held_tiles(op, looped=network.loops.is_looped), i64)
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
