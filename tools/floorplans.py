"""Floorplans of inputs that are lowered: places from the program, loads from the passes that route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..backends.floorplans import Floorplan, KernelPlan, LinkLoad, NetworkLoads, PortLoad
from ..backends.tables import Table, share_text
from .values import HELP_MARK, InputError

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from .inputs import Input


def floorplan_of(given: Input) -> Floorplan:
    """What lies where on a chip, and what its links carry, of a module that is lowered to its target's level.

    Raises: InputError where the target has no floorplan, and for a saved program, which has no routes.
    """
    from .compilation import emit

    if given.target.floorplan is None:
        raise InputError(f"the target {given.target.name} has no floorplan{HELP_MARK}leave out --floorplan")
    if given.level == "program":
        raise InputError(
            f"{given.path} is a program, which has no loads of links any more{HELP_MARK}"
            f"give the model, or IR at the level {given.target.level}"
        )
    return given.target.floorplan(emit(given), dict(_loads(given.module)))


def _loads(module: ModuleOp) -> Iterator[tuple[str, NetworkLoads]]:
    """What the network carries while each kernel runs."""
    from ..dialects.dataflow import KernelOp
    from ..dialects.rdu_machine import machine_of
    from ..passes.placing.turns import link_loads, port_loads, turns

    machine = machine_of(module)
    for network in module.ops:
        if isinstance(network, KernelOp):
            routed = turns(network, machine)
            links = tuple(
                LinkLoad((link.column, link.row), (link.to_column, link.to_row), load)
                for link, load in link_loads(routed).items()
            )
            ports = (PortLoad((column, row), *both) for (row, column), both in port_loads(routed).items())
            yield network.sym_name.data, NetworkLoads(links, tuple(ports))


def floorplan_table(plan: Floorplan) -> Table:
    """A row for each kernel: the units that it has, and its busiest link."""
    columns = ("kernel", "stages", "PCUs", "PMUs", "resident PMUs", "busiest link", "bytes/cycle", "share")
    return Table(columns, [_row(kernel, plan) for kernel in plan.kernels], texts=(0, 5))


def _row(kernel: KernelPlan, plan: Floorplan) -> list[str]:
    pcus = sum(len(stage.cells) for stage in kernel.stages)
    resident, own = (
        sum(len(one.cells) for one in kernel.channels if one.resident == kind) for kind in (True, False)
    )
    units = (len(kernel.stages), pcus, own, resident)
    return [kernel.kernel, *map(str, units), *_busiest(kernel, plan)]


def _busiest(kernel: KernelPlan, plan: Floorplan) -> list[str]:
    link = max(kernel.links, key=lambda one: one.bytes_per_cycle, default=None)
    if link is None:
        return ["-", "0.0", "0.0 %"]
    share = share_text(link.bytes_per_cycle / plan.link_bytes_per_cycle)
    place = "column {}, row {} -> column {}, row {}".format(*link.start, *link.end)
    return [place, f"{link.bytes_per_cycle:.1f}", share]
