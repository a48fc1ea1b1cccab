"""Deepen the streams from memory until their PMUs are full.

Before:

```mlir
dataflow.kernel @copy(%x: tensor<64x8192xbf16>) -> tensor<64x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<64x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

After:

```mlir
dataflow.kernel @copy(%x: tensor<64x8192xbf16>) -> tensor<64x8192xbf16> {
  %a = dataflow.channel 32 {pmus = 1} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<64x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

An AGCU asks for the next tile as soon as its channel has a free slot, so a deep channel holds the weights of
the next iteration while this one computes: the memory does not idle at the boundary. Deeper than the tiles
of a whole call is no use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.alike import whole
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import fail
from ..knobs import Knob
from ..units.traffic import is_stream, room_bytes


def _deepen(channel: dataflow.ChannelOp, machine: Machine, percent: int) -> None:
    if not is_stream(channel) or channel.pmus is None:
        return
    room = room_bytes(channel.pmus.value.data, machine) * percent // 100 // channel.type.tile_bytes
    useful = channel.producers()[0].produced_tiles(channel.result)
    channel.depth = whole(max(channel.depth.value.data, min(room, useful)))


@dataclass(frozen=True)
class PrefetchWeightsPass(ModulePass):
    """Use the SRAM that `allocate-units` gave to a stream for tiles that are loaded ahead."""

    name: ClassVar[str] = "prefetch-weights"
    optional: ClassVar[Knob] = Knob((True, False))

    percent: int = field(
        default=100, metadata={"knob": Knob(low=1, high=100, scale="log", prior="exponential", unit="%")}
    )
    """Of the room in their PMUs that streams fill; what they need at least they have anyway."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not 0 < self.percent <= 100:
            fail(op, f"percent is {self.percent}; it must be between 1 and 100")
        machine = machine_of(op)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                for channel in network.channels():
                    _deepen(channel, machine, self.percent)
