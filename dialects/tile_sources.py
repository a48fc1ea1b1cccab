"""Which stage makes the tiles of a channel, seen through what hands them on."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.ir import SSAValue

from .dataflow_kernel import producer_of
from .dataflow_stages import StageOp


@dataclass(frozen=True)
class TileSource:
    """The result of a stage that a channel's tiles come from."""

    stage: StageOp
    port: int
    """Number of the output."""
    carried: bool
    """It is that of the iteration before, or of an earlier one."""


def source_of(channel: SSAValue) -> TileSource | None:
    """Where a channel's tiles come from, as others hand them on; None where no stage makes them."""
    seen: set[SSAValue] = set()
    while (handed := (producer := producer_of(channel)).handed_on()) is not None:
        channel = handed.next
        if channel in seen:
            return None
        seen.add(channel)
    if not isinstance(producer, StageOp):
        return None
    port = next(number for number, out in enumerate(producer.outs) if out is channel)
    return TileSource(producer, port, bool(seen))
