"""The networks of a module as plain data: its units and channels, with how busy each stage is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from ...dialects.dataflow_kernel import ChannelOp, KernelOp
from ...dialects.dataflow_units import UnitOp
from ..diagnostics import position_of
from ..pictures.networks import Edge, Network, Node


def networks_of(module: ModuleOp, uses: Sequence[Mapping[str, Any]]) -> Iterator[Network]:
    """The network of each kernel; `uses` are the kernels in the JSON of `kl time --per-stage`."""
    known = {use["kernel"]: use for use in uses}
    for op in module.ops:
        if isinstance(op, KernelOp):
            yield _network(op, known.get(op.sym_name.data, {}))


def _network(kernel: KernelOp, use: Mapping[str, Any]) -> Network:
    units = kernel.units()
    stages = iter(use.get("stages", ()))
    rows = [next(stages, {}) if unit.name == "dataflow.stage" else {} for unit in units]
    names = dict(zip(units, _names(units, rows), strict=True))
    nodes = tuple(
        _node(unit, names[unit], row, use.get("cycles", 0)) for unit, row in zip(units, rows, strict=True)
    )
    edges = tuple(_edge(kernel, channel, names) for channel in kernel.channels())
    bottleneck = str(use.get("bottleneck", ""))
    return Network(kernel.sym_name.data, nodes, edges, bottleneck if bottleneck in names.values() else "")


def _names(units: Sequence[UnitOp], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those of stages as `kl time` has them; of others what they do, and to which memory, with numbers."""
    found = list[str]()
    for unit, row in zip(units, rows, strict=True):
        memory = unit.memory.name_hint if unit.memory is not None else None
        kind = unit.name.rpartition(".")[2]
        name = row.get("stage") or (f"{kind} {memory}" if memory else f"{kind}")
        again = sum(one == name or one.startswith(f"{name}.") for one in found) if not row else 0
        found.append(f"{name}.{again}" if again else name)
    return found


def _node(unit: UnitOp, name: str, row: Mapping[str, Any], cycles: int) -> Node:
    place = position_of(unit)
    location = f"{place.file}:{place.line}:{place.column}" if place is not None else ""
    kind = unit.name.rpartition(".")[2] if unit.inputs() else "load"
    if not row or not cycles:
        return Node(name, kind, location=location)
    waits = row["input_wait_cycles"] + row["output_wait_cycles"]
    return Node(name, kind, row["pcus"], row["utilisation"], waits / cycles, location)


def _edge(kernel: KernelOp, channel: ChannelOp, names: Mapping[UnitOp, str]) -> Edge:
    [producer], [consumer] = channel.producers(), channel.consumers()
    tiles = producer.produced_tiles(channel.result) / max(1, kernel.loops.passes(consumer.runs))
    return Edge(
        names[producer],
        names[consumer],
        channel.result.name_hint or "channel",
        channel.depth.value.data,
        round(tiles * channel.type.tile_bytes),
        _is_next(consumer, channel.result),
    )


def _is_next(unit: UnitOp, channel: SSAValue) -> bool:
    """Whether a channel brings what the next iteration begins with."""
    handed = unit.handed_on()
    return handed is not None and handed.next is channel
