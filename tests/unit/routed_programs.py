"""Programs that choose experts and read their slices by index, for the tests of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from kl.backends.sn40l.program import Program
from kl.backends.sn40l.units import AddressPattern, Index, InputPort, Instruction, Load, OutputPort
from kl.backends.tensors import Array, TensorSpec
from kl.dialects.tiles import last_tile, slot_tiles, tiled_axis


def f32(*shape: int) -> TensorSpec:
    return TensorSpec(shape, "f32")


@dataclass(frozen=True)
class Routed:
    """A loop whose iterations choose experts, copy their slices to memory, and go on."""

    experts: int = 8
    rows: int = 3
    chosen: int = 2
    layers: int = 4
    slice: tuple[int, int] = (4, 6)
    along: int = 1
    tile: tuple[int, int] = (4, 6)
    """Of the stream of slots side by side."""
    depth: int = 2
    late: int = 1
    """II of what chooses."""
    ii: int = 3
    given: bool = False
    """Whether the distinct ids are the program's input; else they are computed of what rows choose."""
    tier: str = "hbm"
    loads: int = 1
    """Stacks that are read by the same ids."""

    @property
    def slots(self) -> int:
        return min(self.experts, self.rows * self.chosen)

    @property
    def gathered(self) -> tuple[int, int]:
        """The shape of what a pass reads."""
        shape = list(self.slice)
        shape[self.along] *= self.slots
        return shape[0], shape[1]

    @property
    def id_shape(self) -> tuple[int, ...]:
        return (self.layers, self.slots) if self.given else (self.layers, self.rows, self.chosen)


def build(network: Any, routed: Routed, calls: int = 1, **machine: int) -> Program:
    """Per iteration: take ids, read `loads` stacks by them, store twice what they have."""
    net = network(routed.layers, **machine)
    ids = net.memory("ids", "input", *routed.id_shape, dtype="i32")
    spec = TensorSpec(routed.id_shape[1:], "i32")
    named = TensorSpec((routed.slots,), "i32")
    chosen = net.channel(*spec.shape, dtype="i32")
    net.load("load ids", ids, chosen, stacked=True)
    by = [net.channel(routed.slots, dtype="i32") for _ in range(routed.loads)]
    operation, attributes = ("nn.distinct", {"experts": routed.experts}) if not routed.given else (None, {})
    body = [Instruction(operation, (0,), named, attributes)] if operation else []
    ports = [OutputPort(channel, len(body)) for channel in by]
    net.stage("choose", 1, [InputPort(chosen, spec)], ports, body, ii=routed.late, latency=routed.late + 1)
    for number, channel in enumerate(by):
        add_experts(net, routed, channel, number)
    return net.program(calls)


def add_experts(net: Any, routed: Routed, by: int, number: int) -> None:
    """A stack that is read by ids, a stage that doubles its tiles, and a store."""
    shape = (routed.experts, *routed.slice)
    stack = net.memory(f"stack{number}", "weight", routed.layers, *shape, tier=routed.tier)
    out = net.memory(f"out{number}", "value", routed.layers, *routed.gathered, output=True)
    tile = f32(*routed.tile)
    read, doubled = net.channel(*tile.shape, depth=routed.depth), net.channel(*tile.shape)
    tiles = tiled_axis(routed.gathered, routed.tile)[1]
    where = f"model.kl:{len(net.units) + 1}:1"
    load = Load(
        f"load stack{number}", (read,), pattern(routed, stack), None, index(routed, by), location=where
    )
    net.units.append(load)
    body = [Instruction("nn.add", (0, 0), tile)]
    ii = max(routed.ii, -(-tile.size_bytes // net.machine.pmu_port_bytes_per_cycle))
    net.stage(f"double{number}", tiles, [InputPort(read, tile)], [OutputPort(doubled, 1)], body, ii=ii)
    net.store(f"store{number}", doubled, out, stacked=True)


def pattern(routed: Routed, memory: int) -> AddressPattern:
    """Where a tile lies in a slice."""
    strides = (4 * routed.slice[1], 4)
    axis, tiles = tiled_axis(routed.gathered, routed.tile)
    cut = slot_tiles(routed.gathered, routed.tile, routed.along, routed.slots)
    distance = 0 if axis is None or cut.tiles_per_slot == 1 else routed.tile[axis] * strides[axis]
    step = 4 * routed.experts * prod(routed.slice)
    last = last_tile(routed.gathered, routed.tile)
    return AddressPattern(memory, f32(*routed.tile), strides, tiles, distance, pass_stride=step, last=last)


def index(routed: Routed, by: int) -> Index:
    """How ids name slices."""
    cut = slot_tiles(routed.gathered, routed.tile, routed.along, routed.slots)
    stride = 4 * prod(routed.slice)
    return Index(by, routed.along, routed.experts, cut.slots, stride, cut.per_tile, cut.tiles_per_slot)


def data_of(routed: Routed, seed: int = 0) -> tuple[dict[str, Array], dict[str, Array]]:
    """Weights, and ids: of rows that choose at random, or distinct ones with gaps."""
    random = np.random.default_rng(seed)
    shape = (routed.layers, routed.experts, *routed.slice)
    weights = {
        f"stack{number}": random.integers(-9, 9, shape).astype(np.float32) for number in range(routed.loads)
    }
    rows = routed.slots if routed.given else routed.rows
    ids = np.zeros(routed.id_shape, np.int32)
    for layer in range(routed.layers):
        if routed.given:
            ids[layer] = random.permutation(routed.experts)[:rows]
            ids[layer][random.random(rows) < 0.4] = -1
        else:
            ids[layer] = [random.permutation(routed.experts)[: routed.chosen] for _ in range(rows)]
    return weights, {"ids": ids}


def named_by(routed: Routed, ids: Array) -> Array:
    """The ids of slots in each layer."""
    if routed.given:
        return ids
    named = np.full((routed.layers, routed.slots), -1)
    for layer in range(routed.layers):
        own = np.unique(ids[layer])
        named[layer, : len(own)] = own
    return named


def gathered(routed: Routed, stack: Array, ids: Array) -> Array:
    """What the loads of all layers read."""
    named = named_by(routed, ids)
    layers = [
        np.concatenate(
            [stack[layer, one] if one >= 0 else 0 * stack[layer, 0] for one in named[layer]],
            axis=routed.along,
        )
        for layer in range(routed.layers)
    ]
    return np.stack(layers)
