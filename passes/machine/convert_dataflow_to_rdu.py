"""Planned networks become the program for the machine.

Before:

```mlir
nn.weight @w : tensor<128x64xbf16> {address = 0}
dataflow.kernel @copy(%x: tensor<64xbf16>) -> tensor<64xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<64xbf16>>
  dataflow.load %x to %a : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
  dataflow.store %a result 0 : !dataflow.channel<tensor<64xbf16>>
}
kernel.schedule @step() -> tensor<64xbf16> attributes {addresses = array<i64>} {
  %w = nn.get_global @w : tensor<128x64xbf16>
  %y = kernel.call @copy[3](%w) {addresses = array<i64: 16384>} : (tensor<128x64xbf16>) -> tensor<64xbf16>
  kernel.return %y : tensor<64xbf16>
}
```

After:

```mlir
dataflow.kernel @copy(%x: tensor<64xbf16>) -> tensor<64xbf16> {
  %a = dataflow.channel 1 {pmus = 0, pmu_first = 0, hops = 3} : !dataflow.channel<tensor<64xbf16>>
  dataflow.load %x to %a {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 2>}>} : tensor<64xbf16> -> !dataflow.channel<tensor<64xbf16>>
  dataflow.store %a result 0 {rdu.walk = #rdu.walk<{tiles = 1, tile_stride = 0, start = 0, pass_stride = 0, strides = array<i64: 2>}>} : !dataflow.channel<tensor<64xbf16>>
}
rdu.region @w "weight" "hbm" 0 : tensor<128x64xbf16>
rdu.region @y "value" "hbm" 16384 : memref<64xbf16>
rdu.schedule @step inputs [] outputs [@y] {
  rdu.load_program @copy
  rdu.load_arguments @copy [@w, @y] offsets [384, 0]
  rdu.execute @copy
}
```

Streams get explicit byte strides, a call becomes launch commands: a program load where the kernel changes, an
argument load with the addresses of its arguments and, last, of its results, an execute.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ...dialects import dataflow, kernel
from .launch import build_schedule, set_walks


@dataclass(frozen=True)
class ConvertDataflowToRduPass(ModulePass):
    """Turn a planned module into the program for the machine; memory, units and places must be planned."""

    name: ClassVar[str] = "convert-dataflow-to-rdu"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for schedule in [schedule for schedule in op.ops if isinstance(schedule, kernel.ScheduleOp)]:
            regions, launched, replaced = build_schedule(schedule)
            Rewriter.replace_op(schedule, [*regions, launched], [])
            for symbol in replaced:
                Rewriter.erase_op(symbol)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                set_walks(network)
