"""How many units a kernel needs at least: its network is built and cut into the default tiles."""

from __future__ import annotations

from dataclasses import dataclass

from ...dialects import kernel
from ...dialects.dataflow import StageOp
from ...dialects.machine import Machine
from ...dialects.network import QueueOp
from ..network.builder import build_network
from ..tiling.cutting import LEAST_TILES, TILE_BYTES, tile_network
from .traffic import needed_pmus


@dataclass(frozen=True)
class Footprint:
    """Fewest units of a kernel: PMUs that hold its channels, and a PCU per stage."""

    pmus: int
    pcus: int


def footprint(func: kernel.FuncOp, machine: Machine) -> Footprint:
    """What `allocate-units` will need for a kernel.

    Raises: PassFailedException where the kernel has no form as a network.
    """
    network = build_network(func)
    tile_network(network, TILE_BYTES, LEAST_TILES, machine.agcu_request_bytes)
    units = list(network.body.block.ops)
    channels = [op for op in units if isinstance(op, QueueOp)]
    return Footprint(
        sum(needed_pmus(channel, network.iterations, machine) for channel in channels),
        sum(isinstance(op, StageOp) for op in units),
    )
