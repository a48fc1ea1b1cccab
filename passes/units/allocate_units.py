"""Give every channel its PMUs and every stage its PCUs.

Before:

```mlir
dataflow.kernel @square(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

After:

```mlir
dataflow.kernel @square(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 468} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 468} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 936} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

A static bandwidth model shares the units out: a channel's work is the bytes its reader takes in an
iteration, a stage's the larger of its FLOPs and its streamed bytes in cycles of one PCU. The shares make
the chain of stages as short as possible (`solvers.py`).
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.alike import whole
from ...dialects.dataflow_kernel import channel_of
from ...dialects.dataflow_pace import read_bytes
from ...dialects.failing import raise_about
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import NoRoom, fail
from ..knobs import Knob
from .resident_weights import is_resident, kernel_units, resident_place
from .solvers import Shortage, Task, share_units
from .traffic import is_stream, needed_pmus, pass_tiles, pcu_cycles, room_bytes


@dataclass(frozen=True)
class Shares:
    """Per cent of the PMUs and of the PCUs to share out, and what a streamed byte counts."""

    pmus: int
    pcus: int
    streams: int


def _channel_task(
    channel: dataflow.ChannelOp, network: dataflow.KernelOp, machine: Machine, stream_percent: int
) -> Task:
    minimum = needed_pmus(channel, machine, looped=network.loops.is_looped)
    work = channel.type.tile_bytes * pass_tiles(channel)
    # Tiles of a stream that find no room in a FIFO would wait for memory one by one: it wishes for a PMU.
    wishes = minimum > 0 or (is_stream(channel) and work > room_bytes(0, machine))
    factor = stream_percent / 100 if is_stream(channel) else 1
    return Task(channel.label, minimum, work * factor if wishes else 0)


def _stage_task(stage: dataflow.StageOp, machine: Machine) -> Task:
    compute = pcu_cycles(stage, machine)
    streamed = sum(size for size, changes in read_bytes(stage) if changes)
    stream = streamed / machine.pmu_port_bytes_per_cycle
    return Task(stage.label.data, 1, stage.firings.value.data * max(compute, stream))


def _settle(op: dataflow.StageOp | dataflow.ChannelOp) -> bool:
    """Give what reads a resident weight the units there; whether it does."""
    _, count = resident_place(op)
    if count > 0:
        op.properties["pmus" if isinstance(op, dataflow.ChannelOp) else "pcus"] = whole(count)
    return count > 0


def allocate(network: dataflow.KernelOp, machine: Machine, shares: Shares) -> None:
    """Write the unit counts into a network.

    Raises: PassFailedException where the channels need more SRAM, or the stages more PCUs, than there are.
    """
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp)]
    channels = network.channels()
    tasks = [_channel_task(channel, network, machine, shares.streams) for channel in channels]
    _write_pmus(channels, _shared(network, machine, tasks, machine.pmus * shares.pmus // 100))
    work = [_stage_task(stage, machine) for stage in stages]
    _check_stages(network, len(work), machine.pcus)
    pcus = share_units(work, machine.pcus, machine.pcus * shares.pcus // 100)
    for stage, count in zip(stages, pcus, strict=True):
        stage.pcus = whole(count)


def allocate_beside_weights(network: dataflow.KernelOp, machine: Machine, left: int, shares: Shares) -> None:
    """The same with the places that resident weights leave, by the model that has chosen these.

    A stage has as many PCUs as its largest input has PMUs, so that they can lie side by side.

    Raises: PassFailedException as `allocate` does.
    """
    from .residency_problem import own_works

    channels = [channel for channel in network.channels() if not _settle(channel)]
    stages = [op for op in network.units() if isinstance(op, dataflow.StageOp) and not _settle(op)]
    free, works = machine.with_values({"pcus": left, "pmus": left}), own_works(network, machine, left)
    tasks = list[Task]()
    for channel in channels:
        task = _channel_task(channel, network, free, shares.streams)
        factor = shares.streams / 100 if is_stream(channel) else 1
        tasks.append(replace(task, work=works[channel] * factor if task.work else 0.0))
    large = {channel for channel, task in zip(channels, tasks, strict=True) if task.minimum}
    alone = sum(large.isdisjoint(map(channel_of, stage.ins)) for stage in stages)
    most = min(machine.pmus * shares.pmus // 100, left) - alone
    _write_pmus(channels, _shared(network, free, tasks, most))
    _check_stages(network, len(stages), left)
    for stage in stages:
        inputs = [channel_of(value).pmus for value in stage.ins]
        stage.pcus = whole(max([1, *(pmus.value.data for pmus in inputs if pmus is not None)]))


def _shared(network: dataflow.KernelOp, machine: Machine, tasks: list[Task], target: int) -> tuple[int, ...]:
    """PMUs of each channel.

    Raises: PassFailedException where they need more than there are.
    """
    try:
        return share_units(tasks, machine.pmus, target)
    except Shortage as short:
        largest = max(tasks, key=lambda task: task.minimum)
        message = (
            f"@{network.sym_name.data} needs {short.needed} PMUs of {machine.pmu_bytes} bytes, "
            f"{largest.minimum} of them for {largest.name}; the machine has {short.available} free; "
            "lower tile-bytes or least-run-bytes of tile-stages, or split the kernel"
        )
        raise_about(network, NoRoom(message, "pmus", short.needed, short.available))


def _check_stages(network: dataflow.KernelOp, stages: int, available: int) -> None:
    """Raises: PassFailedException where there are more stages than PCUs."""
    if stages > available:
        name = network.sym_name.data
        message = f"@{name} has {stages} stages, the machine {available} PCUs; split the kernel"
        raise_about(network, NoRoom(message, "pcus", stages, available))


def _write_pmus(channels: list[dataflow.ChannelOp], counts: tuple[int, ...]) -> None:
    for channel, count in zip(channels, counts, strict=True):
        channel.pmus = whole(count)


@dataclass(frozen=True)
class AllocateUnitsPass(ModulePass):
    """Share out `percent` of the machine's units; minima may take all of them."""

    name: ClassVar[str] = "allocate-units"

    percent: int = field(default=90, metadata={"knob": Knob(low=4, high=100, scale="log", unit="%")})
    """Published: one decoder layer of a 7B model uses almost 90 % of the PCUs and PMUs (SN40)."""
    pcu_percent: int | None = field(
        default=None, metadata={"knob": Knob(low=4, high=100, scale="log", default="percent", unit="%")}
    )
    """Of the PCUs; `percent` if absent."""
    stream_percent: int = field(
        default=100, metadata={"knob": Knob(low=25, high=800, scale="log", prior="gaussian", unit="%")}
    )
    """What a byte counts that a stream brings, against one that a stage makes. Streams with more PMUs load
    further ahead (`prefetch-weights`), stages with more exchange their tiles faster."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        pcu_percent = self.percent if self.pcu_percent is None else self.pcu_percent
        for name, value in (("percent", self.percent), ("pcu-percent", pcu_percent)):
            if not 0 < value <= 100:
                fail(op, f"{name} is {value}; it must be between 1 and 100")
        if self.stream_percent < 1:
            fail(op, f"stream-percent is {self.stream_percent}; it must be positive")
        shares = Shares(self.percent, pcu_percent, self.stream_percent)
        machine = machine_of(op)
        left = min(kernel_units(op, machine)) if any(map(is_resident, op.ops)) else None
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp) and left is None:
                allocate(network, machine, shares)
            elif isinstance(network, dataflow.KernelOp) and left is not None:
                allocate_beside_weights(network, machine, left, shares)
