"""A kernel of a program: a network of units joined by bounded channels.

Units refer to channels by their index in the kernel and to memory by the index of a kernel parameter, whose
address an argument load has set. All extents are tiles, firings, bytes or cycles, as named. A kernel may make
several decode steps in a call: units then run once an iteration, once a step (`per_step`) or once a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..tensors import TensorSpec


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
    of the i-th pass of a decode step begins at `start + i * pass_stride + t * tile_stride`; inside, element
    (a, b, …) of the tile lies at the dot product with `strides`. A stream with one pass a step goes on to
    the next pass with each step. With `position_stride`, `position * position_stride` is added, position
    being the scalar that `position_parameter` points to plus the number of the step.
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
    """A load's tiles from `position // positions_per_tile` on wait for one token a pass.

    The position is the scalar that the parameter points to plus the number of the decode step.
    """

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
    per_step: bool = False
    """One pass a decode step."""


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
    per_step: bool = False


@dataclass(frozen=True)
class Store:
    """An AGCU stream to memory; each of `done` gets a token when a pass's last tile is in memory."""

    name: str
    channel: int
    pattern: AddressPattern
    once: bool = False
    done: tuple[int, ...] = ()
    location: str = ""
    per_step: bool = False


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
    per_step: bool = False


@dataclass(frozen=True)
class Carry:
    """The carried value of a loop: `init` for iteration 0, `next` after it, `final` after the last.

    Each decode step begins anew with `init`; with `per_step`, it is the steps that the value is carried
    through. Without `final` the last tiles go nowhere.
    """

    name: str
    tiles: int
    """Per iteration."""
    init: int
    next: int
    final: int | None
    current: tuple[int, ...]
    location: str = ""
    per_step: bool = False


@dataclass(frozen=True)
class Counter:
    """Where the decode steps stand: in step s, the scalar at `position_parameter` plus s to all channels."""

    name: str
    channels: tuple[int, ...]
    position_parameter: int
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
    per_step: bool = False


Unit = Load | Gather | Store | Stage | Carry | Counter | Collective


@dataclass(frozen=True)
class Kernel:
    """A network of units that runs `iterations` times per call. Units stand in program order.

    The iterations are those of `steps` decode steps, equally many of each.
    """

    name: str
    iterations: int
    parameters: tuple[Parameter, ...]
    channels: tuple[Channel, ...]
    units: tuple[Unit, ...]
    steps: int = 1

    @property
    def iterations_per_step(self) -> int:
        """Iterations of a decode step."""
        return self.iterations // self.steps
