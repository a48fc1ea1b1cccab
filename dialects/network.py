"""Networks of units and channels: what the `dataflow` and `rdu` levels share.

Both levels describe a kernel as units joined by bounded channels, with the same firing rule; the `rdu`
level adds places, addresses and routes. The types print as `!dataflow.…` at both levels.

**Ports.** The body of a stage sees one argument per input channel. Where the argument's type is the tile,
one tile is held for `period` firings. Where it is larger along one axis by a factor r, r tiles are
gathered, then held. Where it is smaller by r, one tile is held and firing f sees slice
`f mod r`. A result is emitted in the last of every `period` firings of its output.
Arguments behind the inputs are states (accumulators): zero when an iteration begins, then what the last
firing yielded.
"""

from __future__ import annotations

from .network_kernel import NetworkOp, QueueOp, UnitOp, channel_of, fail_at
from .network_loops import LoopCarryOp, StepCounterOp
from .network_streams import LoadStreamOp, StreamUnitOp
from .network_units import (
    ALGORITHMS,
    COLLECTIVES,
    ExchangeOp,
    PipelineStageOp,
    TableGatherOp,
    YieldOp,
)
from .tiles import (
    ChannelType,
    PortShape,
    TokenType,
    data_tile_of,
    expect_tokens,
    port_shape,
    tile_of,
    tiled_axis,
)

__all__ = [
    "ALGORITHMS",
    "COLLECTIVES",
    "ChannelType",
    "ExchangeOp",
    "LoadStreamOp",
    "LoopCarryOp",
    "NetworkOp",
    "PipelineStageOp",
    "PortShape",
    "QueueOp",
    "StepCounterOp",
    "StreamUnitOp",
    "TableGatherOp",
    "TokenType",
    "UnitOp",
    "YieldOp",
    "channel_of",
    "data_tile_of",
    "expect_tokens",
    "fail_at",
    "port_shape",
    "tile_of",
    "tiled_axis",
]
