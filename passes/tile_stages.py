"""Cut the work of each stage into tiles.

Before:

```mlir
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x256xbf16>) -> tensor<1x256xbf16> attributes {iterations = 1} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x256xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x256xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x256xbf16> -> !dataflow.channel<tensor<8x256xbf16>>
  dataflow.stage "matmul" firings 1 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x256xbf16>>) periods [1, 1] outs(%c : !dataflow.channel<tensor<1x256xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x256xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x256xbf16>) -> tensor<1x256xbf16>
    dataflow.yield %f : tensor<1x256xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x256xbf16>>
}
```

After:

```mlir
dataflow.kernel @project(%x: tensor<1x8xbf16>, %w: tensor<8x256xbf16>) -> tensor<1x256xbf16> attributes {iterations = 1} {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<8x32xbf16>>
  %c = dataflow.channel 1 : !dataflow.channel<tensor<1x32xbf16>>
  dataflow.load %x to %a : tensor<1x8xbf16> -> !dataflow.channel<tensor<1x8xbf16>>
  dataflow.load %w to %b : tensor<8x256xbf16> -> !dataflow.channel<tensor<8x32xbf16>>
  dataflow.stage "matmul" firings 8 ins(%a, %b : !dataflow.channel<tensor<1x8xbf16>>, !dataflow.channel<tensor<8x32xbf16>>) periods [8, 1] outs(%c : !dataflow.channel<tensor<1x32xbf16>>) periods [1] {
  ^bb0(%d: tensor<1x8xbf16>, %e: tensor<8x32xbf16>):
    %f = nn.matmul %d, %e : (tensor<1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x32xbf16>
    dataflow.yield %f : tensor<1x32xbf16>
  }
  dataflow.store %c result 0 : !dataflow.channel<tensor<1x32xbf16>>
}
```

A matmul works column by column of its weight, attention position by position of its cache, elementwise work
follows its producers. Tiles keep the numbers: no reduction is cut except where the stage accumulates in order.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ..dialects import dataflow
from ..dialects.rdu import machine_of
from .analysis.network_tiling import LEAST_TILES, TILE_BYTES, tile_network


@dataclass(frozen=True)
class TileStagesPass(ModulePass):
    """Cut every stage into tiles of at most `tile-bytes`, at least `least-tiles` where it streams."""

    name: ClassVar[str] = "tile-stages"

    tile_bytes: int = TILE_BYTES
    """Largest tile that a stage streams, where the extents allow it."""
    least_tiles: int = LEAST_TILES
    """Fewest tiles of what a stage streams, where the extents allow it."""
    least_run_bytes: int | None = None
    """Neighbouring bytes that a streamed tile should have; the machine's `agcu_request_bytes` if absent."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        run = machine_of(op).agcu_request_bytes if self.least_run_bytes is None else self.least_run_bytes
        for name, value in (
            ("tile-bytes", self.tile_bytes),
            ("least-tiles", self.least_tiles),
            ("least-run-bytes", run),
        ):
            if value < 1:
                message = f"{name} is {value}; it must be positive"
                op.emit_error(message, PassFailedException(message))
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                tile_network(network, self.tile_bytes, self.least_tiles, run)
