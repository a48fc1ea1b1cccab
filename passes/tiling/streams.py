"""Which channels a stage may cut as it likes: those of loads that it alone reads, or reads as the first."""

from __future__ import annotations

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import SSAValue

from ...dialects import dataflow
from ...dialects.dataflow_kernel import consumer_of, producer_of


def port_number(channel: SSAValue) -> int:
    """The number of the input of its reader that a channel is."""
    return next(number for number, value in enumerate(consumer_of(channel).operands) if value is channel)


def shared_with(channel: SSAValue) -> SSAValue | None:
    """The first channel of a load of a cache that several stages read, as keys and as values; else None."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or producer.is_alone:
        return None
    readers = [consumer_of(one) for one in producer.channels]
    alike = all(isinstance(one, dataflow.StageOp) and one.runs == producer.runs for one in readers)
    return producer.channels[0] if alike and isinstance(producer.source.type, MemRefType) else None


def streams_tiles(channel: SSAValue) -> bool:
    """Whether a stage may cut the tiles of a channel freely: it alone or as the first reads its load."""
    if shared_with(channel) is channel:
        return True
    return _streams_alone(channel)


def _streams_alone(channel: SSAValue) -> bool:
    """Whether a channel is fed by a load of its own as often as it is read."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or not producer.is_alone:
        return False
    return producer.runs == consumer_of(channel).runs
