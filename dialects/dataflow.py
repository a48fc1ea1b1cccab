"""The `dataflow` dialect: a kernel as stages joined by bounded channels, from its first form to its last.

**Invariants.** Values cross stages only through channels; every channel has one producer, one consumer, a
depth in tiles and a tile type, and both ends agree on how many tiles pass in a call. Every unit runs
`iterations` times per call (the loop of a looped kernel), those of rate "step" once in each of its decode
`steps`, those of rate "call" once. Memory is touched by loads, gathers and stores alone; a load that must see
a store of the same iteration waits for that store's token. See `dataflow_stages.py` for the firing rule of a
stage. Planning adds properties; what a kernel needs for the machine is checked in `rdu_planned.py`.
"""

from __future__ import annotations

from xdsl.ir import Dialect

from .dataflow_exchanges import CollectiveOp, GatherOp
from .dataflow_kernel import ChannelOp, KernelOp, channel_of, consumer_of, producer_of, readers_of
from .dataflow_loops import CarryOp, CounterOp
from .dataflow_stages import StageOp, TileSource, YieldOp, source_of
from .dataflow_streams import LoadOp, StoreOp
from .dataflow_units import UnitOp
from .tiles import ChannelType, TokenType

__all__ = [
    "DATAFLOW",
    "CarryOp",
    "ChannelOp",
    "ChannelType",
    "CollectiveOp",
    "CounterOp",
    "GatherOp",
    "KernelOp",
    "LoadOp",
    "StageOp",
    "StoreOp",
    "TileSource",
    "TokenType",
    "UnitOp",
    "YieldOp",
    "channel_of",
    "consumer_of",
    "producer_of",
    "readers_of",
    "source_of",
]

DATAFLOW = Dialect(
    "dataflow",
    [KernelOp, ChannelOp, LoadOp, GatherOp, StoreOp, StageOp, YieldOp, CarryOp, CounterOp, CollectiveOp],
    [TokenType, ChannelType],
)
