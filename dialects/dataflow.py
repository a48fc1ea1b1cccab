"""The `dataflow` dialect: a kernel as stages joined by bounded channels.

**Invariants.** Values cross stages only through channels; every channel has one producer, one consumer, a
depth in tiles and a tile type, and both ends agree on how many tiles pass in a call. Every unit runs
`iterations` times per call (the loop of a looped kernel), those `per_step` once in each of its decode
`steps`. Memory is touched by loads, gathers and stores alone; a load that must see a store of the same
iteration waits for that store's token. See `network.py` for the firing rule of a stage.
"""

from __future__ import annotations

from xdsl.ir import Dialect
from xdsl.irdl import irdl_op_definition, traits_def
from xdsl.traits import HasParent

from .dataflow_streams import KernelOp, LoadOp, StoreOp
from .network import (
    ExchangeOp,
    LoopCarryOp,
    PipelineStageOp,
    QueueOp,
    StepCounterOp,
    TableGatherOp,
    YieldOp,
)
from .tiles import ChannelType, TokenType

__all__ = [
    "DATAFLOW",
    "CarryOp",
    "ChannelOp",
    "CollectiveOp",
    "CounterOp",
    "GatherOp",
    "KernelOp",
    "LoadOp",
    "StageOp",
    "StoreOp",
    "YieldOp",
]


@irdl_op_definition
class ChannelOp(QueueOp):
    """A channel of a kernel: `%c = dataflow.channel 2 : !dataflow.channel<tensor<1x512xbf16>>`."""

    name = "dataflow.channel"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class GatherOp(TableGatherOp):
    """Read the rows of a table that a tile of indices names: `dataflow.gather %table by %ids to %c : …`."""

    name = "dataflow.gather"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class StageOp(PipelineStageOp):
    """A pipeline of PCUs that fires `firings` times an iteration on tiles.

    ```
    dataflow.stage "matmul" firings 8 ins(%x, %w : …) periods [8, 1] outs(%y : …) periods [1] {
    ^bb0(%a: tensor<1x64xbf16>, %b: tensor<64x8xbf16>):
      %c = nn.matmul %a, %b : (…) -> tensor<1x8xbf16>
      dataflow.yield %c : tensor<1x8xbf16>
    }
    ```
    """

    name = "dataflow.stage"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CarryOp(LoopCarryOp):
    """The carried value of a looped kernel.

    Iteration 0 of a decode step gets the tiles of `init` as `current`, iteration i > 0 those that iteration
    i - 1 put into `next`; those of the last iteration become `final`. `tiles` is the number of tiles per
    iteration. `per_step` it is the steps of a call that follow one another so.
    """

    name = "dataflow.carry"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CounterOp(StepCounterOp):
    """The position of each decode step: `dataflow.counter %position to %p : tensor<i32> -> …`."""

    name = "dataflow.counter"
    traits = traits_def(HasParent(KernelOp))


@irdl_op_definition
class CollectiveOp(ExchangeOp):
    """An exchange between sockets: `dataflow.collective "all_reduce" 8 %a to %b by "one_shot" : …`."""

    name = "dataflow.collective"
    traits = traits_def(HasParent(KernelOp))


DATAFLOW = Dialect(
    "dataflow",
    [KernelOp, ChannelOp, LoadOp, GatherOp, StoreOp, StageOp, YieldOp, CarryOp, CounterOp, CollectiveOp],
    [TokenType, ChannelType],
)
