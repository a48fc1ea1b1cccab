"""Layers and stages of a step that was timed with details."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from .ledger import Details, LayerTime, StageUse
from .report import CallReport, Report


@dataclass(frozen=True)
class LayerRow:
    """Layers of a kernel that follow one another and take the same time.

    A layer is an iteration of a kernel with a loop, or a call of one without; its launch does not count.
    """

    kernel: str
    first: int
    """They count in the order of the kernel's layers, from 0 on."""
    last: int
    start_cycle: int
    """The first one starts in this cycle of the step."""
    time: LayerTime
    """Each takes this."""

    @property
    def count(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class KernelUse:
    """How busy the stages of a kernel and the machine's servers are, in all its calls."""

    kernel: str
    calls: int
    cycles: int
    """All calls take so long, without their launch."""
    stages: tuple[StageUse, ...]
    servers: dict[str, int]
    """`HBM`, `DDR` and `links` are busy for so many cycles."""

    @property
    def bottleneck(self) -> tuple[str, int]:
        """What is busy longest, and for how many cycles."""
        stages = {f"stage {stage.stage}": stage.busy_cycles for stage in self.stages}
        return max((self.servers | stages).items(), key=lambda item: item[1])


def layer_rows(report: Report) -> list[LayerRow]:
    """All layers, kernel by kernel, each in the order of time."""
    rows: list[LayerRow] = []
    for name, calls in report.calls_by_kernel.items():
        for number, (start, time) in enumerate(_layers(calls)):
            if rows and rows[-1].kernel == name and rows[-1].time == time:
                last = rows.pop()
                rows.append(LayerRow(name, last.first, number, last.start_cycle, time))
            else:
                rows.append(LayerRow(name, number, number, start, time))
    return rows


def kernel_uses(report: Report) -> list[KernelUse]:
    """All kernels, in the order of their first call."""
    return [_use(name, calls) for name, calls in report.calls_by_kernel.items()]


def _details(call: CallReport) -> Details:
    assert call.details is not None, "the step was timed with details"
    return call.details


def _layers(calls: Sequence[CallReport]) -> Iterator[tuple[int, LayerTime]]:
    """The layers of a kernel's calls, and where each begins in the step."""
    for call in calls:
        start = call.start_cycle + call.ledger.launch
        for layer in _details(call).layers:
            yield start, layer
            start += layer.cycles


def _use(name: str, calls: Sequence[CallReport]) -> KernelUse:
    details = [_details(call) for call in calls]
    columns = zip(*(one.stages for one in details), strict=True)
    return KernelUse(
        name,
        len(calls),
        sum(call.cycles - call.ledger.launch for call in calls),
        tuple(reduce(add, column) for column in columns),
        {
            "HBM": sum(call.ledger.memory_busy for call in calls),
            "DDR": sum(one.ddr_busy_cycles for one in details),
            "links": sum(one.link_busy_cycles for one in details),
        },
    )
