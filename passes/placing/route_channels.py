"""Route every channel over the grid and check that no link carries more than its width.

Before:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> attributes {ii = 512, latency = 1024} {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 1, hops = 2} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 0} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

After:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> attributes {ii = 512, latency = 1024, busiest_link_bytes_per_cycle = 16} {
  %a = dataflow.channel 1 {pmus = 1, pmu_first = 0, hops = 0} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 1, hops = 1} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 1, pcu_first = 0} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

A channel flows from its producer to its PMUs and on to its reader, in parallel lanes, at its average rate in a
call: its bytes of an iteration over the loop's interval, or over the latency where a kernel runs once. Hops follow from the places alone: they are what
`place-units` has written, or new ones where places have been changed since. The busiest link's load is
rounded up.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp
from ...dialects.failing import raise_about
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ...dialects.vocabulary import Rate
from ..diagnostics import NoRoom, fail
from .detours import route_within
from .floorplan import Flow, Link, Routes, share_on
from .routes import Grid, channel_flows, is_placed, pass_bytes

SHOWN_FLOWS = 3
"""How many flows an error about a link names."""


def _cycles(network: dataflow.KernelOp, rate: Rate) -> float:
    """Cycles for each of the times that something runs at a rate.

    Of a loop they are about its interval where many iterations overlap, the latency of just one; of what has
    loops inside they are its latency without them.

    Raises: PassFailedException where the kernel is not scheduled.
    """
    interval = network.attributes.get(network.schedule_name("ii", rate))
    latency = network.attributes.get(network.schedule_name("latency", rate))
    if not isinstance(latency, IntegerAttr):
        fail(network, f"@{network.sym_name.data} has no `ii` and `latency`; run schedule-loop first")
    if not isinstance(interval, IntegerAttr):
        return max(1, latency.value.data)
    steady, iterations = interval.value.data, network.loops.passes(rate)
    call = max(iterations * steady, latency.value.data + (iterations - 1) * steady)
    return max(1, call) / iterations


def _overloaded(
    network: dataflow.KernelOp,
    link: Link,
    load: float,
    flows: Sequence[Flow],
    routes: Routes,
    machine: Machine,
) -> None:
    """Raises: PassFailedException about a link that carries too much, with the largest flows on it."""
    shares: dict[str, float] = {}
    for number, flow in enumerate(flows):
        paths = routes.paths[number] if routes.paths else ()
        shares[flow.name] = shares.get(flow.name, 0.0) + share_on(flow, link, paths)
    largest = sorted(((share, name) for name, share in shares.items() if share), reverse=True)
    shown = ", ".join(f"{name} {share:.1f}" for share, name in largest[:SHOWN_FLOWS])
    message = (
        f"@{network.sym_name.data} puts {load:.1f} bytes a cycle on the link {Grid.of(machine).show(link)}, "
        f"its width is {machine.rdn_bytes_per_cycle}; the largest flows on it are {shown}; "
        f"split the kernel or raise rdn_bytes_per_cycle"
    )
    raise_about(network, NoRoom(message, "links", load, machine.rdn_bytes_per_cycle))


def route_network(network: dataflow.KernelOp, machine: Machine) -> None:
    """Write hops and the busiest link's load into a network.

    What runs at different rates takes turns: its flows are no load for one another.

    Raises: PassFailedException where a link carries more than its width, or a plan is missing.
    """
    if not is_placed(network):
        fail(network, f"@{network.sym_name.data} has units without places; run place-units first")
    groups: dict[Rate, list[ChannelOp]] = {}
    for channel in network.channels():
        groups.setdefault(_rate(channel), []).append(channel)
    loads = [_route(channels, _cycles(network, rate), machine) for rate, channels in groups.items()]
    network.attributes["busiest_link_bytes_per_cycle"] = IntegerAttr(max(loads, default=0), i64)


def _rate(channel: ChannelOp) -> Rate:
    """How often a channel is filled; what is loaded around a loop counts as if it came in each iteration."""
    producer, consumer = channel.producers()[0], channel.consumers()[0]
    is_held = isinstance(producer, dataflow.LoadOp) and producer.runs != consumer.runs
    return consumer.runs if is_held else producer.runs


def _route(channels: Sequence[ChannelOp], cycles: float, machine: Machine) -> int:
    """Route channels that are filled once in so many cycles; the load of the busiest link, rounded up.

    Raises: PassFailedException where that is more than its width.
    """
    grid, flows = Grid.of(machine), list[Flow]()
    for channel in channels:
        flows += channel_flows(channel, pass_bytes(channel) / cycles, grid)
    routes = route_within(flows, machine.rdn_bytes_per_cycle)
    for number, channel in enumerate(channels):
        channel.hops = IntegerAttr(sum(routes.hops[2 * number : 2 * number + 2]), i64)
    busiest = routes.busiest()
    if busiest is None:
        return 0
    if busiest[1] > machine.rdn_bytes_per_cycle:
        network = channels[0].parent_op()
        assert isinstance(network, dataflow.KernelOp), "channels stand in kernels"
        _overloaded(network, *busiest, flows, routes, machine)
    return ceil(busiest[1])


@dataclass(frozen=True)
class RouteChannelsPass(ModulePass):
    """Route the channels of every kernel; needs the places of `place-units` and `ii` of `schedule-loop`."""

    name: ClassVar[str] = "route-channels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                route_network(network, machine)
