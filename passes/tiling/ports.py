"""The inputs of a stage: which are streams of tiles, how they may be cut, what lies together in memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import MemRefType
from xdsl.ir import SSAValue

from ...dialects import dataflow
from ...dialects.dataflow_kernel import consumer_of, producer_of
from ...dialects.tensors import shape_of, size_bytes_of


@dataclass(frozen=True)
class Cut:
    """The axis along which a tensor is cut, and how many of its elements belong together, as a unit."""

    axis: int
    unit: int = 1


@dataclass(frozen=True)
class Port:
    """An input of a stage that may be cut: what is streamed into it."""

    channel: SSAValue
    argument: SSAValue
    cut: Cut | None

    @property
    def is_cut(self) -> bool:
        """Whether a stream of its own is cut as the stage is."""
        return self.cut is not None and streams_tiles(self.channel)

    @property
    def axis(self) -> int | None:
        """Along which axis it may be cut."""
        return None if self.cut is None else self.cut.axis

    @property
    def size_bytes(self) -> int:
        """Of the whole of it."""
        return size_bytes_of(self.argument)

    @property
    def unit_bytes(self) -> int:
        """Of the elements of it that belong together."""
        unit = 1 if self.cut is None else self.cut.unit
        return unit * self.size_bytes // prod(shape_of(self.argument))

    @property
    def cuts_neighbours(self) -> bool:
        """Whether it is a stream cut along its last axis, whose elements are neighbours in memory."""
        return self.is_cut and self.axis == len(shape_of(self.argument)) - 1

    @property
    def slots(self) -> int | None:
        """The slots that a load by index puts side by side along the axis; None of any other stream."""
        load = producer_of(self.channel)
        if not self.is_cut or not isinstance(load, dataflow.LoadOp) or load.by is None:
            return None
        return load.slots if load.axis == self.axis else None


def streams_tiles(channel: SSAValue) -> bool:
    """Whether a stage may cut the tiles of a channel freely: it alone or as the first reads its load."""
    if shared_with(channel) is channel:
        return True
    return _streams_alone(channel)


def shared_with(channel: SSAValue) -> SSAValue | None:
    """The first channel of a load of a cache that several stages read, as keys and as values; else None."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or producer.is_alone:
        return None
    readers = [consumer_of(one) for one in producer.channels]
    alike = all(isinstance(one, dataflow.StageOp) and one.runs == producer.runs for one in readers)
    return producer.channels[0] if alike and isinstance(producer.source.type, MemRefType) else None


def _streams_alone(channel: SSAValue) -> bool:
    """Whether a channel is fed by a load of its own as often as it is read."""
    producer = producer_of(channel)
    if not isinstance(producer, dataflow.LoadOp) or not producer.is_alone:
        return False
    return producer.runs == consumer_of(channel).runs


def streams_cache(channel: SSAValue) -> bool:
    """Whether a channel is fed by a load of a cache."""
    producer = producer_of(channel)
    return isinstance(producer, dataflow.LoadOp) and isinstance(producer.source.type, MemRefType)
