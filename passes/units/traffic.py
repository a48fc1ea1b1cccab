"""What the units of a tiled network move and compute, read off the IR for the planning passes."""

from __future__ import annotations

from ...dialects import dataflow, nn
from ...dialects.machine import Machine
from ...dialects.network import QueueOp, UnitOp
from ..tiling.axes import body_ops


def gathered_tiles(channel: QueueOp, consumer: UnitOp) -> int:
    """Tiles that the consumer must find in the channel at once."""
    if not isinstance(consumer, dataflow.StageOp):
        return 1
    port = next(i for i, value in enumerate(consumer.ins) if value is channel.result)
    return consumer.ports()[port].gathered


def pass_tiles(channel: QueueOp) -> int:
    """Tiles that the producer of a channel puts into it in one pass, rounded up."""
    producer = channel.producers()[0]
    if isinstance(producer, dataflow.CarryOp):
        return producer.tiles.value.data
    return -(-producer.produced_tiles(channel.result) // producer.passes)


def is_stream(channel: QueueOp) -> bool:
    """Whether a load of its own fills a channel, so that more tiles can be loaded ahead into it."""
    producer = channel.producers()[0]
    return isinstance(producer, dataflow.LoadOp) and len(producer.channels) == 1


def needed_depth(channel: QueueOp, iterations: int) -> int:
    """Fewest tiles that a channel must hold for a kernel to run, and to run without waiting for itself.

    Between stages a whole iteration fits, so that a value read twice never blocks its producer; a stream
    from memory is double-buffered where the kernel loops. A carry puts a tile before it lets go of the one
    it has copied, so carries that feed one another need a slot more.
    """
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    gathered = gathered_tiles(channel, consumer)
    if isinstance(producer, dataflow.LoadOp):
        return max(gathered, 2 if iterations > 1 else 1)
    carries = isinstance(producer, dataflow.CarryOp) and isinstance(consumer, dataflow.CarryOp)
    return max(gathered, pass_tiles(channel) + carries)


def held_tiles(channel: QueueOp, iterations: int) -> int:
    """The depth of a channel once it is scheduled: what it needs, or more where it has more already."""
    return max(channel.depth.value.data, needed_depth(channel, iterations))


def room_bytes(pmus: int, machine: Machine) -> int:
    """Bytes that a channel in so many PMUs can hold; without any it lies in its reader's input FIFO."""
    return pmus * machine.pmu_bytes if pmus else machine.pcu_fifo_bytes


def needed_pmus(channel: QueueOp, iterations: int, machine: Machine) -> int:
    """Fewest PMUs that hold a channel once it is scheduled; none where its reader's FIFO is enough."""
    held_bytes = held_tiles(channel, iterations) * channel.type.tile_bytes
    return 0 if held_bytes <= room_bytes(0, machine) else -(-held_bytes // machine.pmu_bytes)


def stage_flops(stage: dataflow.StageOp) -> int:
    """Floating-point operations of one firing."""
    return sum(op.flops() for op in body_ops(stage) if isinstance(op, nn.ComputeOp))


def read_bytes(stage: dataflow.StageOp) -> list[tuple[int, bool]]:
    """Per input of a stage, the bytes of a firing, and whether they change with every firing.

    What stays the same for several firings is read once and kept in the PCUs.
    """
    ports = zip(stage.body.block.args, stage.ports(), stage.in_periods.get_values(), strict=False)
    return [
        (nn.size_bytes_of(argument), int(period) == 1 or port.slices > 1) for argument, port, period in ports
    ]
