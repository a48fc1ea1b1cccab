"""What the units of a tiled network move and compute, read off the IR for the planning passes."""

from __future__ import annotations

from xdsl.ir import Attribute, SSAValue

from ...dialects import dataflow, nn
from ...dialects.network import ChannelType, QueueOp, UnitOp
from .stage_axes import body_ops


def tile_bytes(channel: SSAValue) -> int:
    """Bytes of one tile of a channel."""
    assert isinstance(channel.type, ChannelType), "checked by the op's definition"
    return channel.type.tile_bytes


def gathered_tiles(channel: QueueOp, consumer: UnitOp) -> int:
    """Tiles that the consumer must find in the channel at once."""
    if not isinstance(consumer, dataflow.StageOp):
        return 1
    port = next(i for i, value in enumerate(consumer.ins) if value is channel.result)
    return consumer.ports()[port].gathered


def pass_tiles(channel: QueueOp, iterations: int) -> int:
    """Tiles that go through a channel in one iteration; all of them where they come once a call."""
    producer = channel.producers()[0]
    made = producer.produced_tiles(channel.result, iterations)
    if isinstance(producer, dataflow.CarryOp) and channel.result is producer.final:
        return made
    return -(-made // iterations)


def needed_depth(channel: QueueOp, iterations: int) -> int:
    """Fewest tiles that a channel must hold for a kernel to run, and to run without waiting for itself.

    Between stages a whole iteration fits, so that a value read twice never blocks its producer; a stream
    from memory is double-buffered where the kernel loops.
    """
    gathered = gathered_tiles(channel, channel.consumers()[0])
    if isinstance(channel.producers()[0], dataflow.LoadOp):
        return max(gathered, 2 if iterations > 1 else 1)
    return max(gathered, pass_tiles(channel, iterations))


def argument_bytes(argument: Attribute) -> int:
    """Bytes that a stage reads of one input in one firing."""
    return nn.size_bytes_of(argument)


def stage_flops(stage: dataflow.StageOp) -> int:
    """Floating-point operations of one firing."""
    return sum(op.flops() for op in body_ops(stage) if isinstance(op, nn.ComputeOp))


def streamed_bytes(stage: dataflow.StageOp) -> int:
    """Bytes of the inputs that change with every firing; held inputs stay in the PCUs."""
    periods = stage.in_periods.get_values()
    return sum(
        argument_bytes(argument.type)
        for argument, period in zip(stage.body.block.args, periods, strict=False)
        if int(period) == 1
    )
