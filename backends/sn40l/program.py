"""A program for the machine: plain data without xDSL, written by `emit`, run by the engine.

A kernel is a network of units joined by bounded channels; the launch schedule is a list of commands.
Units refer to channels by their index in the kernel and to memory by the index of a kernel parameter,
whose address an argument load has set. All extents are tiles, firings, bytes or cycles, as named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...dialects.machine import Machine
from ..tensors import TensorSpec

VERSION = 1
"""Version of the saved form; it grows when the form changes in a way that old readers misread."""

TIERS = ("hbm", "ddr", "sram")
"""The memories of a socket; SRAM holds weights that are resident in PMUs from step to step."""

REGION_KINDS = ("weight", "state", "input", "value")


def tier_span(machine: Machine, tier: str) -> tuple[int, int]:
    """First address of a memory and the one behind its last; DDR follows HBM, SRAM follows DDR.

    So an address alone says which memory is meant, and in SRAM which PMU.
    """
    begin = 0
    for name, size in zip(TIERS, (machine.hbm_bytes, machine.ddr_bytes, machine.sram_bytes), strict=True):
        if name == tier:
            return begin, begin + size
        begin += size
    raise AssertionError(f"{tier} is none of {TIERS}")


@dataclass(frozen=True)
class Region:
    """A piece of memory that holds one tensor.

    `kind` is `weight`, `state`, `input` or `value` (a result of a call); a weight knows its name in a
    checkpoint. A stacked tensor's slices lie at the constant stride of one slice. `address` lies in
    `tier_span(machine, tier)`.
    """

    name: str
    kind: str
    tier: str
    address: int
    size_bytes: int
    tensor: TensorSpec
    checkpoint: str | None = None
    transposed: bool = False
    stacked: bool = False
    shard_axis: int | None = None
    """The axis along which the whole weight is split over the sockets; None: each socket has all of it."""
    shard_parts: int = 1
    live: tuple[int, int] | None = None
    """First and last command that need it, where regions share addresses; None is the whole step."""

    @property
    def whole(self) -> TensorSpec:
        """The tensor that a socket has a part of: its own where it is not split."""
        if self.shard_axis is None:
            return self.tensor
        shape = [*self.tensor.shape]
        shape[self.shard_axis] *= self.shard_parts
        return TensorSpec(tuple(shape), self.tensor.dtype)

    @property
    def end(self) -> int:
        """The address behind its last byte."""
        return self.address + self.size_bytes

    def pmus(self, machine: Machine) -> tuple[int, int]:
        """First PMU and number of PMUs that hold it; none outside SRAM."""
        if self.tier != "sram":
            return 0, 0
        first = (self.address - tier_span(machine, "sram")[0]) // machine.pmu_bytes
        return first, -(-self.size_bytes // machine.pmu_bytes)


@dataclass(frozen=True)
class Parameter:
    """An address that the argument load of a kernel sets, and the tensor found there."""

    name: str
    tensor: TensorSpec


@dataclass(frozen=True)
class Channel:
    """A bounded queue in PMUs; `tile` is None where it carries bare tokens."""

    name: str
    tile: TensorSpec | None
    depth: int
    latency_cycles: int = 0
    """Cycles on the network from producer to buffer to consumer."""
    pmus: tuple[int, int] = (0, 0)
    """First PMU and number of PMUs that hold it."""

    @property
    def tile_bytes(self) -> int:
        """Bytes of one tile; a token has none."""
        return 0 if self.tile is None else self.tile.size_bytes


@dataclass(frozen=True)
class AddressPattern:
    """How a stream walks through memory, all in bytes from the parameter's address.

    `tile` may have another shape than the channel's tile, with as many elements of the same type. Tile t
    of pass i begins at `start + i * pass_stride + t * tile_stride`; inside, element (a, b, …) of the tile
    lies at the dot product with `strides`. With `position_stride`, `position * position_stride` is added,
    position being the scalar that `position_parameter` points to.
    """

    parameter: int
    tile: TensorSpec
    strides: tuple[int, ...]
    tiles: int
    tile_stride: int
    start: int = 0
    pass_stride: int = 0
    position_parameter: int | None = None
    position_stride: int = 0


@dataclass(frozen=True)
class Gate:
    """A load's tiles from `position // positions_per_tile` on wait for one token an iteration."""

    channel: int
    position_parameter: int
    positions_per_tile: int


@dataclass(frozen=True)
class Load:
    """An AGCU stream from memory: every tile goes to each of `channels`."""

    name: str
    channels: tuple[int, ...]
    pattern: AddressPattern
    once: bool = False
    """One pass a call instead of one an iteration."""
    gate: Gate | None = None
    location: str = ""


@dataclass(frozen=True)
class Gather:
    """An AGCU stream that reads the rows of a table `[rows, …]` that a tile of indices names."""

    name: str
    ids: int
    channels: tuple[int, ...]
    parameter: int
    table: TensorSpec
    sharded: bool = False
    """The rows are split over the sockets; a row of another socket arrives as zeros."""
    location: str = ""


@dataclass(frozen=True)
class Store:
    """An AGCU stream to memory; each of `done` gets a token when a pass's last tile is in memory."""

    name: str
    channel: int
    pattern: AddressPattern
    once: bool = False
    done: tuple[int, ...] = ()
    location: str = ""


@dataclass(frozen=True)
class InputPort:
    """An input of a stage: `gathered` tiles along `axis` make an argument, held for `period` firings.

    With `slices` > 1, one tile is cut along `axis`; firing f sees slice `f mod slices`.
    """

    channel: int
    argument: TensorSpec
    period: int = 1
    gathered: int = 1
    slices: int = 1
    axis: int | None = None


@dataclass(frozen=True)
class OutputPort:
    """An output of a stage: the value is put out in the last of every `period` firings."""

    channel: int
    value: int
    period: int = 1


@dataclass(frozen=True)
class Instruction:
    """One operation of a stage's body; values are numbered: inputs, states, then instruction results."""

    operation: str
    operands: tuple[int, ...]
    result: TensorSpec
    attributes: Mapping[str, int | float] = field(default_factory=dict[str, int | float])


@dataclass(frozen=True)
class Stage:
    """A pipeline of PCUs: `firings` an iteration, one every `ii_cycles`, results after `latency_cycles`."""

    name: str
    firings: int
    inputs: tuple[InputPort, ...]
    outputs: tuple[OutputPort, ...]
    states: tuple[TensorSpec, ...]
    next_states: tuple[int, ...]
    """Value numbers that become the states of the next firing of the iteration."""
    body: tuple[Instruction, ...]
    ii_cycles: int
    latency_cycles: int
    flops: int
    """Of one firing."""
    pcus: tuple[int, int] = (0, 0)
    """First PCU and number of PCUs."""
    location: str = ""


@dataclass(frozen=True)
class Carry:
    """The carried value of a loop: `init` for iteration 0, `next` after it, `final` after the last."""

    name: str
    tiles: int
    """Per iteration."""
    init: int
    next: int
    final: int
    current: tuple[int, ...]
    location: str = ""


@dataclass(frozen=True)
class Collective:
    """An exchange between sockets: every tile of `source` goes to all of them, see `dataflow.collective`."""

    name: str
    operation: str
    """`all_reduce` or `all_gather`."""
    algorithm: str
    """`one_shot` or `ring`."""
    source: int
    channels: tuple[int, ...]
    tiles: int
    """Per iteration."""
    axis: int | None = None
    """Of an all_gather: along which the tiles stand one behind the other."""
    location: str = ""


Unit = Load | Gather | Store | Stage | Carry | Collective


@dataclass(frozen=True)
class Kernel:
    """A network of units that runs `iterations` times per call. Units stand in program order."""

    name: str
    iterations: int
    parameters: tuple[Parameter, ...]
    channels: tuple[Channel, ...]
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class LoadProgram:
    """Configure the machine for a kernel."""

    kernel: str


@dataclass(frozen=True)
class LoadArguments:
    """Set the addresses of a kernel's parameters."""

    kernel: str
    addresses: tuple[int, ...]


@dataclass(frozen=True)
class Execute:
    """Run the loaded kernel with the loaded arguments until all its units are done."""

    kernel: str
    location: str = ""


@dataclass(frozen=True)
class Observe:
    """The host reads a region under a name; the step waits for it."""

    label: str
    region: str


Command = LoadProgram | LoadArguments | Execute | Observe


@dataclass(frozen=True)
class Program:
    """One step of a model: memory, kernels and the launch schedule.

    `inputs` and `outputs` name the regions that the caller fills before and reads after a step, in order.
    """

    name: str
    machine: Machine
    regions: tuple[Region, ...]
    kernels: tuple[Kernel, ...]
    commands: tuple[Command, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tokens_per_step: int = 1
    """Tokens that a step makes: the batch."""
