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

from dataclasses import dataclass
from math import ceil
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.alike import whole
from ...dialects.failing import raise_about
from ...dialects.grid import Grid
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import NoRoom
from .floorplan import Link, share_on
from .routes import show_link
from .turns import Turn, turns

SHOWN_FLOWS = 3
"""How many flows an error about a link names."""


def _overloaded(network: dataflow.KernelOp, turn: Turn, link: Link, load: float, machine: Machine) -> None:
    """Raises: PassFailedException about a link that carries too much, with the largest flows on it."""
    shares: dict[str, float] = {}
    for number, flow in enumerate(turn.flows):
        paths = turn.routes.paths[number] if turn.routes.paths else ()
        shares[flow.name] = shares.get(flow.name, 0.0) + share_on(flow, link, paths)
    largest = sorted(((share, name) for name, share in shares.items() if share), reverse=True)
    shown = ", ".join(f"{name} {share:.1f}" for share, name in largest[:SHOWN_FLOWS])
    crowded = show_link(link, Grid.of(machine))
    message = (
        f"@{network.sym_name.data} puts {load:.1f} bytes a cycle on the link {crowded}, "
        f"its width is {machine.rdn_bytes_per_cycle}; the largest flows on it are {shown}; "
        f"split the kernel or raise rdn_bytes_per_cycle"
    )
    raise_about(network, NoRoom(message, "links", load, machine.rdn_bytes_per_cycle))


def route_network(network: dataflow.KernelOp, machine: Machine) -> None:
    """Write hops and the busiest link's load into a network.

    Raises: PassFailedException where a link carries more than its width, or a plan is missing.
    """
    most = 0.0
    for turn in turns(network, machine):
        _write_hops(turn)
        busiest = turn.routes.busiest()
        if busiest is not None and busiest[1] > machine.rdn_bytes_per_cycle:
            _overloaded(network, turn, *busiest, machine)
        most = max(most, busiest[1] if busiest is not None else 0.0)
    network.attributes["busiest_link_bytes_per_cycle"] = whole(ceil(most))


def _write_hops(turn: Turn) -> None:
    for number, channel in enumerate(turn.channels):
        channel.hops = whole(sum(turn.routes.hops[2 * number : 2 * number + 2]))


@dataclass(frozen=True)
class RouteChannelsPass(ModulePass):
    """Route the channels of every kernel; needs the places of `place-units` and `ii` of `schedule-loop`."""

    name: ClassVar[str] = "route-channels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for network in op.ops:
            if isinstance(network, dataflow.KernelOp):
                route_network(network, machine)
