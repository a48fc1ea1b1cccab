"""What the network of a placed kernel carries: channels by their rates, which take turns, and their routes.

It is computed from the IR whenever it is asked for, by whoever writes it down, checks it or shows it: loads
are kept nowhere. Routes that were found once are found again at once (`floorplan.py`, `detours.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import IntegerAttr

from ...dialects import dataflow
from ...dialects.dataflow import ChannelOp
from ...dialects.grid import Grid, Place
from ...dialects.machine import Machine
from ...dialects.vocabulary import Rate
from ..diagnostics import fail
from .detours import route_within
from .floorplan import Flow, Link, Routes, lanes
from .routes import channel_flows, filling_rate, is_placed, pass_bytes


@dataclass(frozen=True)
class Turn:
    """The channels that are filled at one rate, and their routes."""

    channels: tuple[ChannelOp, ...]
    flows: tuple[Flow, ...]
    """Two of each channel, in their order: to its PMUs, and on to its reader."""
    routes: Routes

    def ports(self) -> Iterator[tuple[Place, float, float]]:
        """What each lane brings in at an AGCU, and takes out there, in bytes a cycle."""
        for number, flow in enumerate(self.flows):
            if not (flow.far_sources or flow.far_targets):
                continue
            ends = _ends(flow, self.routes.paths[number] if self.routes.paths else ())
            share = flow.bytes_per_cycle / max(1, len(ends))
            for source, target in ends if share else ():
                yield (source, share, 0.0) if flow.far_sources else (target, 0.0, share)


def _ends(flow: Flow, paths: Sequence[Sequence[Link]]) -> list[tuple[Place, Place]]:
    """The first and the last place of each lane of a flow, where its ways are others than the usual."""
    usual = [*lanes(flow)]
    return [
        ((links[0].row, links[0].column), (links[-1].to_row, links[-1].to_column)) if links else ends
        for links, ends in zip(paths or [()] * len(usual), usual, strict=True)
    ]


def turns(network: dataflow.KernelOp, machine: Machine) -> list[Turn]:
    """Route all channels of a network, those of a rate together.

    What runs at different rates takes turns: its flows are no load for one another.

    Raises: PassFailedException where a plan is missing.
    """
    if not is_placed(network):
        fail(network, f"@{network.sym_name.data} has units without places; run place-units first")
    groups: dict[Rate, list[ChannelOp]] = {}
    for channel in network.channels():
        groups.setdefault(filling_rate(channel), []).append(channel)
    return [_turn(channels, _cycles(network, rate), machine) for rate, channels in groups.items()]


def _turn(channels: Sequence[ChannelOp], cycles: float, machine: Machine) -> Turn:
    """Route channels that are filled once in so many cycles."""
    grid, flows = Grid.of(machine), list[Flow]()
    for channel in channels:
        flows += channel_flows(channel, pass_bytes(channel) / cycles, grid)
    return Turn(tuple(channels), tuple(flows), route_within(flows, machine.rdn_bytes_per_cycle))


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


def link_loads(routed: Sequence[Turn]) -> dict[Link, float]:
    """Bytes a cycle on every link that carries some, in the turn in which it carries most."""
    loads: dict[Link, float] = {}
    for turn in routed:
        for link, load in turn.routes.loads.items():
            loads[link] = max(load, loads.get(link, 0.0))
    return dict(sorted(loads.items()))


def port_loads(routed: Sequence[Turn]) -> dict[Place, tuple[float, float]]:
    """Bytes a cycle that come in and go out at every AGCU, in the turn in which it moves most of both."""
    loads: dict[Place, tuple[float, float]] = {}
    for turn in routed:
        moved: dict[Place, tuple[float, float]] = {}
        for place, *amounts in turn.ports():
            into, out = moved.get(place, (0.0, 0.0))
            moved[place] = into + amounts[0], out + amounts[1]
        loads |= {place: max(pair, loads.get(place, pair), key=sum) for place, pair in moved.items()}
    return dict(sorted(loads.items()))
