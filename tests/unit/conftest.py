"""Small programs built by hand, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from kl.backends.sn40l.kernel import Channel, Kernel, Parameter, Unit
from kl.backends.sn40l.program import Command, Execute, LoadArguments, LoadProgram, Program, Region, tier_span
from kl.backends.sn40l.step_facts import tokens_made
from kl.backends.sn40l.units import (
    AddressPattern,
    Carry,
    Collective,
    Counter,
    Gate,
    Gather,
    InputPort,
    Instruction,
    Load,
    OutputPort,
    Stage,
    Store,
)
from kl.backends.sn40l.units.body import work_of
from kl.backends.tensors import Array, TensorSpec
from kl.dialects.loop_tree import LoopTree
from kl.dialects.machine import SN40L
from kl.dialects.tiles import last_tile
from kl.dialects.vocabulary import TIERS


def f32(*shape: int) -> TensorSpec:
    """A tensor of f32."""
    return TensorSpec(shape, "f32")


LAUNCH = {
    "program_load_ns": 20_000,
    "argument_load_ns": 4_000,
    "execute_ns": 3_000,
    "host_command_ns": 10_000,
}
"""Round launch times, so that cycles can be worked out by hand and a new fit changes no test."""
SHORT = {"stage_latency_cycles": 0, "hop_latency_cycles": 0}
"""Stages and channels may be as fast as a test wants them, whatever they do and wherever they lie."""


class Network:
    """A program of one kernel under construction; memory, PMUs and PCUs are handed out one after another."""

    def __init__(self, iterations: int = 1, **machine: int):
        self.machine = SN40L.with_values(LAUNCH | SHORT | machine)
        self.iterations = iterations
        self.steps = 1
        """Decode steps of a call."""
        self.regions: list[Region] = []
        self.channels: list[Channel] = []
        self.units: list[Unit] = []
        self.outputs: list[str] = []
        self._free = {tier: tier_span(self.machine, tier)[0] for tier in TIERS}
        self._pmus = 0
        self._pcus = 0

    def memory(
        self,
        name: str,
        kind: str,
        *shape: int,
        dtype: str = "f32",
        tier: str = "hbm",
        output: bool = False,
        split: tuple[int, int] | None = None,
    ) -> int:
        """A region and the parameter that points to it; its index; `split`: axis and parts, if several."""
        tensor = TensorSpec(shape, dtype)
        region = Region(name, kind, tier, self._free[tier], tensor.size_bytes, tensor)
        if split is not None and split[1] > 1:
            region = replace(region, shard_axis=split[0], shard_parts=split[1])
        self._free[tier] += -(-tensor.size_bytes // 64) * 64
        self.regions.append(region)
        if output:
            self.outputs.append(name)
        return len(self.regions) - 1

    def channel(self, *shape: int, depth: int = 2, latency: int = 0, dtype: str = "f32") -> int:
        """A channel of tiles; its index."""
        return self._channel(TensorSpec(shape, dtype), depth, latency)

    def token(self, depth: int = 2) -> int:
        """A channel of bare tokens; its index."""
        return self._channel(None, depth, 0)

    def _channel(self, tile: TensorSpec | None, depth: int, latency: int) -> int:
        size = 0 if tile is None else tile.size_bytes * depth
        pmus = -(-size // self.machine.pmu_bytes)
        self.channels.append(Channel(f"c{len(self.channels)}", tile, depth, latency, (self._pmus, pmus)))
        self._pmus += pmus
        return len(self.channels) - 1

    def pattern(self, memory: int, tile: TensorSpec, *, stacked: bool = False) -> AddressPattern:
        """Tiles of a region, or of each of its slices, cut along the first axis where they differ."""
        whole = self.regions[memory].tensor.shape[1 if stacked else 0 :]
        size = tile.numpy_dtype.itemsize
        strides = tuple(prod(whole[axis + 1 :]) * size for axis in range(len(whole)))
        axes = [axis for axis, extent in enumerate(whole) if extent != tile.shape[axis]]
        tiles, step = 1, 0
        if axes:
            tiles, step = -(-whole[axes[0]] // tile.shape[axes[0]]), strides[axes[0]] * tile.shape[axes[0]]
        pass_stride = prod(whole) * size if stacked else 0
        last = last_tile(whole, tile.shape)
        return AddressPattern(memory, tile, strides, tiles, step, pass_stride=pass_stride, last=last)

    def load(
        self,
        name: str,
        memory: int,
        *channels: int,
        stacked: bool = False,
        once: bool = False,
        gate: Gate | None = None,
    ) -> None:
        """A load of a region, or of a slice of it per iteration."""
        tile = self.channels[channels[0]].tile
        assert tile is not None
        pattern = self.pattern(memory, tile, stacked=stacked)
        self._add(Load(name, channels, pattern, gate), once=once)

    def store(
        self,
        name: str,
        channel: int,
        memory: int,
        *,
        stacked: bool = False,
        once: bool = False,
        done: tuple[int, ...] = (),
        pattern: AddressPattern | None = None,
    ) -> None:
        """A store to a region, or to a slice of it per iteration."""
        tile = self.channels[channel].tile
        assert tile is not None
        pattern = pattern or self.pattern(memory, tile, stacked=stacked)
        self._add(Store(name, channel, pattern, done), once=once)

    def gather(self, name: str, ids: int, memory: int, *channels: int, sharded: bool = False) -> None:
        """A gather of rows of a region."""
        table = self.regions[memory].tensor
        self._add(Gather(name, ids, channels, memory, table, sharded))

    def collective(
        self,
        name: str,
        operation: str,
        source: int,
        *channels: int,
        tiles: int = 1,
        axis: int | None = None,
        algorithm: str = "one_shot",
    ) -> None:
        """An exchange between sockets."""
        self._add(Collective(name, operation, algorithm, source, channels, tiles, axis))

    def counter(self, name: str, memory: int, *channels: int) -> None:
        """A counter of decode steps."""
        self._add(Counter(name, channels, memory))

    def once_a_step(self) -> None:
        """Let the last unit run once a decode step."""
        self.units[-1] = replace(self.units[-1], rate="step")

    def _add(self, unit: Unit, *, once: bool = False) -> None:
        """A unit whose location says where it stands; `once` a call or at the rate of its kind."""
        location, rate = f"model.kl:{len(self.units) + 1}:1", "call" if once else unit.rate
        self.units.append(replace(unit, location=location, rate=rate))

    def carry(self, name: str, tiles: int, init: int, next: int, final: int | None, *current: int) -> None:
        """A carried value."""
        self.units.append(Carry(name, tiles, init, next, final, current))

    def stage(
        self,
        name: str,
        firings: int,
        inputs: Sequence[InputPort],
        outputs: Sequence[OutputPort],
        body: Sequence[Instruction],
        *,
        states: tuple[TensorSpec, ...] = (),
        next_states: tuple[int, ...] = (),
        ii: int = 4,
        latency: int = 10,
    ) -> None:
        """A stage on eight PCUs."""
        place, self._pcus = (self._pcus, 8), self._pcus + 8
        ports = tuple(inputs), tuple(outputs)
        work = work_of([*(port.argument for port in inputs), *states], body)
        numbers = ii, latency, work.flops, place, work.wide_flops
        self._add(Stage(name, firings, *ports, states, next_states, tuple(body), *numbers))

    def program(self, calls: int = 1) -> Program:
        """The program that calls the kernel."""
        parameters = tuple(Parameter(region.name, region.tensor) for region in self.regions)
        channels, units = tuple(self.channels), tuple(self.units)
        in_steps = self.steps > 1 or any(unit.rate == "step" for unit in units)
        around = [("step", self.steps)] if in_steps else []
        in_loop = not units or any(unit.rate in (None, "iteration") for unit in units)
        inside = [("iteration", self.iterations // self.steps)] if in_loop else []
        loops = LoopTree.chain([*around, *inside]).loops
        kernel = Kernel("kernel", loops, parameters, channels, units)
        addresses = tuple(region.address for region in self.regions)
        commands: list[Command] = [LoadProgram("kernel")]
        for _ in range(calls):
            commands += [LoadArguments("kernel", addresses), Execute("kernel", "model.kl:9:9")]
        inputs = tuple(region.name for region in self.regions if region.kind == "input")
        regions, outputs = tuple(self.regions), tuple(self.outputs)
        first = [region.tensor.shape for region in regions if region.name in outputs[:1]]
        tokens = tokens_made(first[0] if first else (), kernel.steps)
        return Program("test", self.machine, regions, (kernel,), tuple(commands), inputs, outputs, tokens)


@pytest.fixture(scope="session")
def network() -> type[Network]:
    """The builder of small programs."""
    return Network


LAYERS, CONTEXT, WIDTH, TILE = 3, 8, 8, 2


def _decoder(row_depth: int = 2, *, gated: bool = True) -> Program:
    """A looped kernel like a decoder's: a carried row, a projection, a cache that it appends to and reads.

    Per layer `k = x @ w`, `cache[position] = k`, `x = probabilities @ cache + k`.
    """
    net = Network(LAYERS)
    x = net.memory("x", "input", 1, WIDTH)
    position = net.memory("position", "input", dtype="i32")
    w = net.memory("w", "weight", LAYERS, WIDTH, WIDTH)
    probabilities = net.memory("probabilities", "input", 1, 1, CONTEXT)
    cache = net.memory("cache", "state", LAYERS, 1, 1, CONTEXT, WIDTH)
    y = net.memory("y", "value", 1, WIDTH, output=True)
    init, following, final, current = (net.channel(1, WIDTH, latency=3) for _ in range(4))
    columns = net.channel(WIDTH, WIDTH // 2)
    stored = net.channel(1, WIDTH // 2)
    row = net.channel(1, WIDTH // 2, depth=row_depth)
    chances = net.channel(1, 1, CONTEXT, depth=1)
    values = net.channel(1, 1, TILE, WIDTH, depth=3)
    done = net.token()
    net.load("load x", x, init, once=True)
    net.load("load w", w, columns, stacked=True)
    net.load("load p", probabilities, chances, once=True)
    net.carry("carry", 1, init, following, final, current)
    net.stage(
        "project",
        2,
        [InputPort(current, f32(1, WIDTH), 2), InputPort(columns, f32(WIDTH, WIDTH // 2))],
        [OutputPort(stored, 2), OutputPort(row, 2)],
        [Instruction("nn.matmul", (0, 1), f32(1, WIDTH // 2))],
    )
    append = AddressPattern(
        cache,
        f32(1, WIDTH // 2),
        (4 * WIDTH, 4),
        tiles=2,
        tile_stride=2 * WIDTH,
        pass_stride=4 * CONTEXT * WIDTH,
        position_parameter=position,
        position_stride=4 * WIDTH,
    )
    net.store("append", stored, cache, done=(done,) if gated else (), pattern=append)
    gate = Gate(done, position, TILE) if gated else None
    net.load("load values", cache, values, stacked=True, gate=gate)
    total = TensorSpec((1, WIDTH), "f64")
    tiles = CONTEXT // TILE
    net.stage(
        "combine",
        tiles,
        [
            InputPort(chances, f32(1, 1, TILE), tiles * LAYERS, slices=tiles, axis=2),
            InputPort(values, f32(1, 1, TILE, WIDTH)),
            InputPort(row, f32(1, WIDTH), tiles, gathered=2, axis=1),
        ],
        [OutputPort(following, 6, tiles)],
        [
            Instruction("nn.attention_values", (0, 1, 3), total),
            Instruction("nn.cast", (4,), f32(1, WIDTH)),
            Instruction("nn.add", (5, 2), f32(1, WIDTH)),
        ],
        states=(total,),
        next_states=(4,),
    )
    net.store("store y", final, y, once=True)
    program = net.program()
    return program if gated else _without_channel(program, done)


def _without_channel(program: Program, index: int) -> Program:
    """The program without its last channel, which no unit uses."""
    (kernel,) = program.kernels
    assert index == len(kernel.channels) - 1
    kernel = Kernel(kernel.name, kernel.loops, kernel.parameters, kernel.channels[:-1], kernel.units)
    fields = {name: getattr(program, name) for name in program.__dataclass_fields__}
    return Program(**(fields | {"kernels": (kernel,)}))


@pytest.fixture(scope="session")
def decoder() -> Callable[..., Program]:
    """The builder of a looped kernel with a carried value and a cache."""
    return _decoder


def _decoder_data() -> tuple[dict[str, Array], dict[str, Array]]:
    """Weights and inputs of `decoder`: small integers, so that every sum is exact in any order."""
    rng = np.random.default_rng(7)
    weights = {"w": rng.integers(-2, 3, (LAYERS, WIDTH, WIDTH)).astype(np.float32)}
    inputs = {
        "x": rng.integers(-2, 3, (1, WIDTH)).astype(np.float32),
        "probabilities": rng.integers(0, 2, (1, 1, CONTEXT)).astype(np.float32),
        "position": np.array(0, np.int32),
    }
    return weights, inputs


@pytest.fixture(scope="session")
def decoder_data() -> tuple[dict[str, Array], dict[str, Array]]:
    """Weights and inputs of `decoder`."""
    return _decoder_data()


def _decoder_result(
    weights: Mapping[str, Array], inputs: Mapping[str, Array], cache: Array, position: int
) -> Array:
    x = inputs["x"]
    for layer in range(LAYERS):
        k = x @ weights["w"][layer]
        cache[layer, 0, 0, position] = k[0]
        x = inputs["probabilities"][0] @ cache[layer, 0, 0] + k
    return x


@pytest.fixture(scope="session")
def decoder_result() -> Callable[..., Array]:
    """What `decoder` computes, in numpy; it appends to the cache."""
    return _decoder_result
