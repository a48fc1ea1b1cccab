"""What the units of a tiled network move and compute, read off the IR for the planning passes."""

from __future__ import annotations

from ...dialects import dataflow, nn
from ...dialects.machine import Machine


def gathered_tiles(channel: dataflow.ChannelOp) -> int:
    """Tiles that the reader of a channel must find in it at once."""
    return channel.consumers()[0].gathered_tiles(channel.result)


def pass_tiles(channel: dataflow.ChannelOp) -> int:
    """Tiles that the producer of a channel puts into it in one pass, rounded up."""
    return channel.producers()[0].pass_tiles(channel.result)


def is_stream(channel: dataflow.ChannelOp) -> bool:
    """Whether a load of its own fills a channel, so that more tiles can be loaded ahead into it."""
    producer = channel.producers()[0]
    return isinstance(producer, dataflow.LoadOp) and producer.is_alone


def needed_depth(channel: dataflow.ChannelOp, iterations: int) -> int:
    """Fewest tiles that a channel must hold for a kernel to run, and to run without waiting for itself.

    Between stages a whole iteration fits, so that a value read twice never blocks its producer; a stream
    from memory is double-buffered where the kernel loops. Units that feed one another and put a tile on
    before they let go of the one they have taken need a slot more.
    """
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    if isinstance(producer, dataflow.LoadOp):
        return max(gathered_tiles(channel), 2 if iterations > 1 else 1)
    late = producer.FREES_LATE and consumer.FREES_LATE
    return max(gathered_tiles(channel), pass_tiles(channel) + late)


def held_tiles(channel: dataflow.ChannelOp, iterations: int) -> int:
    """The depth of a channel once it is scheduled: what it needs, or more where it has more already."""
    return max(channel.depth.value.data, needed_depth(channel, iterations))


def room_bytes(pmus: int, machine: Machine) -> int:
    """Bytes that a channel in so many PMUs can hold; without any it lies in its reader's input FIFO."""
    return pmus * machine.pmu_bytes if pmus else machine.pcu_fifo_bytes


def needed_pmus(channel: dataflow.ChannelOp, iterations: int, machine: Machine) -> int:
    """Fewest PMUs that hold a channel once it is scheduled; none where its reader's FIFO is enough."""
    held_bytes = held_tiles(channel, iterations) * channel.type.tile_bytes
    return 0 if held_bytes <= room_bytes(0, machine) else -(-held_bytes // machine.pmu_bytes)


def network_pmus(network: dataflow.KernelOp, machine: Machine) -> int:
    """Fewest PMUs with which a kernel runs."""
    return sum(needed_pmus(channel, network.iterations, machine) for channel in network.channels())


def stage_flops(stage: dataflow.StageOp) -> int:
    """Floating-point operations of one firing."""
    return sum(op.flops() for op in stage.body_ops())


def read_bytes(stage: dataflow.StageOp) -> list[tuple[int, bool]]:
    """Per input of a stage, the bytes of a firing, and whether they change with every firing.

    What stays the same for several firings is read once and kept in the PCUs.
    """
    ports = zip(stage.body.block.args, stage.ports(), stage.in_periods.get_values(), strict=False)
    return [
        (nn.size_bytes_of(argument), int(period) == 1 or port.slices > 1) for argument, port, period in ports
    ]
