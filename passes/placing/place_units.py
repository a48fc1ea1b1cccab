"""Give every stage and every channel its place on the chip.

Before:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 2} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 8} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

After:

```mlir
dataflow.kernel @copy(%x: tensor<1x8192xbf16>) -> tensor<1x8192xbf16> {
  %a = dataflow.channel 1 {pmus = 2, pmu_first = 2, hops = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  %b = dataflow.channel 1 {pmus = 1, pmu_first = 4, hops = 4} : !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.load %x to %a : tensor<1x8192xbf16> -> !dataflow.channel<tensor<1x8192xbf16>>
  dataflow.stage "silu" firings 1 ins(%a : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] outs(%b : !dataflow.channel<tensor<1x8192xbf16>>) periods [1] attributes {pcus = 8, pcu_first = 0} {
  ^bb0(%c: tensor<1x8192xbf16>):
    %d = nn.silu %c : (tensor<1x8192xbf16>) -> tensor<1x8192xbf16>
    dataflow.yield %d : tensor<1x8192xbf16>
  }
  dataflow.store %b result 0 : !dataflow.channel<tensor<1x8192xbf16>>
}
```

Stages follow one another along the snake of the grid, in program order or so that both edges of the grid
bring about as much (`edges.py`), and channels in the order of their readers, each as near to its ends as it
may be (`floorplan.py`). Places decide routes, and so the hops of a channel: the longest lane from the
producer to its PMUs, and on to its reader.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ...dialects import dataflow
from ...dialects.alike import whole
from ...dialects.dataflow import ChannelOp, UnitOp
from ...dialects.dataflow_kernel import channel_of
from ...dialects.dataflow_pace import way_of
from ...dialects.grid import Grid
from ...dialects.machine import Machine
from ...dialects.rdu_machine import machine_of
from ..diagnostics import fail
from ..units.resident_weights import is_resident, kernel_units, move_residents, resident_place
from .edges import Problem, place_for_both_edges
from .floorplan import Block, Placement
from .routes import filling_rate, pass_bytes, port_bytes
from .side_by_side import Bay, place_side_by_side

EVEN_ROWS = 0.85
"""Of what the rows of an edge could take if they were even; measured on decoder layers."""


def _count(op: dataflow.StageOp | ChannelOp) -> int:
    count = op.pcus if isinstance(op, dataflow.StageOp) else op.pmus
    if count is None:
        fail(op, "a unit without a count; run allocate-units first")
    return count.value.data


def _check_room(network: dataflow.KernelOp, kind: str, needed: int, available: int) -> None:
    if needed > available:
        fail(
            network,
            f"@{network.sym_name.data} has {needed} {kind}s, {available} are free; run allocate-units",
        )


def _settle(op: dataflow.StageOp | ChannelOp) -> bool:
    """Place what reads a resident weight there; whether it does."""
    first, count = resident_place(op)
    if count:
        if _count(op) != count:
            fail(op, f"it has {_count(op)} units, the resident weight that it is beside {count}")
        _write(op, first)
    return count > 0


def _write(op: dataflow.StageOp | ChannelOp, first: int) -> None:
    op.properties["pcu_first" if isinstance(op, dataflow.StageOp) else "pmu_first"] = whole(first)


def place_network(network: dataflow.KernelOp, machine: Machine) -> None:
    """Write places and hops into a network, which has all of the machine's PCUs and PMUs.

    Raises: PassFailedException where a unit has no count yet, or all together are too many.
    """
    units = _Units.of(network, settle=False)
    units.check_room(network, machine.pcus, machine.pmus)
    units.write(units.in_the_middle(machine, machine.pcus, machine.pmus))
    _write_hops(network, machine)


def place_beside_weights(network: dataflow.KernelOp, machine: Machine, places: int, *, settle: bool) -> None:
    """The same with the first places alone.

    Those of resident weights and what reads them stay with `settle`; without it they are new, too.

    Raises: PassFailedException as `place_network` does.
    """
    units = _Units.of(network, settle=settle)
    units.check_room(network, places, places)
    units.write(units.side_by_side(places) or units.in_the_middle(machine, places, places))
    _write_hops(network, machine)


@dataclass(frozen=True)
class _Units:
    """What is placed of a network."""

    all: tuple[UnitOp, ...]
    stages: tuple[dataflow.StageOp, ...]
    channels: tuple[ChannelOp, ...]

    @staticmethod
    def of(network: dataflow.KernelOp, *, settle: bool) -> _Units:
        units, channels = network.units(), network.channels()
        stages = [op for op in units if isinstance(op, dataflow.StageOp) and not (settle and _settle(op))]
        return _Units(
            tuple(units), tuple(stages), tuple(one for one in channels if not (settle and _settle(one)))
        )

    def check_room(self, network: dataflow.KernelOp, pcus: int, pmus: int) -> None:
        """Raises: PassFailedException for more than there is room for, or for a unit without a count."""
        _check_room(network, "PCU", sum(map(_count, self.stages)), pcus)
        _check_room(network, "PMU", sum(map(_count, self.channels)), pmus)

    def in_the_middle(self, machine: Machine, pcus: int, pmus: int) -> Placement:
        """Each channel as near to both of its ends as it may be, and about as much of them at either edge."""
        numbers: dict[UnitOp, int] = {stage: number for number, stage in enumerate(self.stages)}
        turns = [*dict.fromkeys(map(filling_rate, self.channels))]
        blocks = [
            Block(
                _count(channel),
                pass_bytes(channel),
                numbers.get(channel.producers()[0]),
                numbers.get(consumer := channel.consumers()[0]),
                None if consumer.beside is None else numbers.get(channel_of(consumer.beside).consumers()[0]),
                port_bytes(channel),
                turns.index(filling_rate(channel)),
            )
            for channel in self.channels
        ]
        counts, grid = tuple(map(_count, self.stages)), Grid.of(machine)
        enough = _enough(machine, grid)
        return place_for_both_edges(Problem(counts, tuple(blocks), pcus, pmus, grid.left, enough))

    def side_by_side(self, places: int) -> Placement | None:
        """Each stage beside its largest input; None where that needs more places."""
        numbers, here = {channel: n for n, channel in enumerate(self.channels)}, {*self.stages}
        bays = list[Bay]()
        for unit in self.all:
            blocks = [numbers[one] for one in map(channel_of, unit.inputs()) if one in numbers]
            bays.append(
                Bay(_count(unit) if isinstance(unit, dataflow.StageOp) and unit in here else 0, tuple(blocks))
            )
        return place_side_by_side(bays, [_count(channel) for channel in self.channels], places)

    def write(self, placement: Placement) -> None:
        """Write the places."""
        for op, first in zip(self.stages, placement.stages, strict=True):
            _write(op, first)
        for op, first in zip(self.channels, placement.blocks, strict=True):
            _write(op, first)


def _enough(machine: Machine, grid: Grid) -> float:
    """How many times half of what HBM sends the links at an edge take, if their rows are not quite even."""
    sent = machine.hbm_bandwidth * machine.hbm_efficiency_permille / 1000 / machine.clock_hz
    return EVEN_ROWS * grid.rows * machine.rdn_bytes_per_cycle / (sent / 2)


def _write_hops(network: dataflow.KernelOp, machine: Machine) -> None:
    grid = Grid.of(machine)
    for channel in network.channels():
        channel.hops = whole(way_of(channel, grid).hops)


@dataclass(frozen=True)
class PlaceUnitsPass(ModulePass):
    """Number the units of every kernel along the grid; needs the counts of `allocate-units`."""

    name: ClassVar[str] = "place-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        networks = [one for one in op.ops if isinstance(one, dataflow.KernelOp)]
        has_residents, moves = any(map(is_resident, op.ops)), len(networks) == 1
        places = min(machine.pcus, machine.pmus) if moves else min(kernel_units(op, machine))
        for network in networks:
            if has_residents:
                place_beside_weights(network, machine, places, settle=not moves)
            else:
                place_network(network, machine)
        if has_residents and moves:
            move_residents(op, machine)
