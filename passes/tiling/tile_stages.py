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

from dataclasses import dataclass, field
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from ...dialects import dataflow
from ...dialects.rdu import machine_of
from ..knobs import Knob
from .cutting import LEAST_TILES, TILE_BYTES, tile_network

LEAST_KNOB_BYTES, MOST_KNOB_BYTES = 4096, 4 * TILE_BYTES
"""Tiles worth trying: a few requests of the memory to a good part of the SRAM."""


def _bytes_up_to(size: str, default: str | None = None) -> Knob:
    """The knob of a tile's size, where there is something to cut that is larger than the smallest tile."""
    return Knob(
        low=LEAST_KNOB_BYTES,
        high=f"min({MOST_KNOB_BYTES}, {size})",
        scale="pow2",
        prior="exponential",
        default=default,
        where=(f"{size} > {LEAST_KNOB_BYTES}",),
    )


@dataclass(frozen=True)
class TileStagesPass(ModulePass):
    """Cut every stage into tiles of at most `tile-bytes`, at least `least-tiles` where it streams."""

    name: ClassVar[str] = "tile-stages"

    tile_bytes: int = field(default=TILE_BYTES, metadata={"knob": _bytes_up_to("largest_weight_bytes")})
    """Largest tile that a stage streams, where the extents allow it."""
    least_tiles: int = field(
        default=LEAST_TILES, metadata={"knob": Knob(low=1, high=64, scale="pow2", prior="gaussian")}
    )
    """Fewest tiles of what a stage streams, where the extents allow it."""
    least_run_bytes: int | None = field(
        default=None,
        metadata={
            "knob": Knob(low=16, high=512, scale="pow2", prior="gaussian", default="agcu_request_bytes")
        },
    )
    """Neighbouring bytes that a streamed tile should have; the machine's `agcu_request_bytes` if absent."""
    cache_tile_bytes: int | None = field(
        default=None, metadata={"knob": _bytes_up_to("largest_cache_bytes", default="tile_bytes")}
    )
    """Largest tile of a KV cache; `tile_bytes` if absent."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        run = machine_of(op).agcu_request_bytes if self.least_run_bytes is None else self.least_run_bytes
        for name, value in (
            ("tile-bytes", self.tile_bytes),
            ("least-tiles", self.least_tiles),
            ("least-run-bytes", run),
            ("cache-tile-bytes", self.tile_bytes if self.cache_tile_bytes is None else self.cache_tile_bytes),
        ):
            if value < 1:
                message = f"{name} is {value}; it must be positive"
                op.emit_error(message, PassFailedException(message))
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                tile_network(network, self.tile_bytes, self.least_tiles, run, self.cache_tile_bytes)
