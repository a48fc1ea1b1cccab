"""A program for the machine: plain data without xDSL, written by `emit`, run by the engine.

A kernel is a network of units joined by bounded channels (`kernel.py`); the launch schedule is a list
of commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...dialects.machine import Machine
from ...dialects.stored_formats import StoredPart
from ...dialects.vocabulary import TIERS
from ..digests import Digests
from ..parts import Part
from ..tensors import TensorSpec, whole_spec
from .kernel import Kernel

VERSION = 6
"""Version of the saved form; it grows when the form changes in a way that old readers misread."""


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


def is_in_ddr(machine: Machine, address: int) -> bool:
    """Whether an address lies in DDR."""
    first, end = tier_span(machine, "ddr")
    return first <= address < end


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
    rows: Part | None = None
    """The rows of the checkpoint's tensor that the weight is."""
    columns: Part | None = None
    """The columns, likewise."""
    layers: tuple[int, ...] | None = None
    """What `{layer}` stands for in each layer; None is 0, 1, 2, …."""
    values: tuple[float, ...] | None = None
    """The elements of the whole weight, where it is a constant."""
    shard_axis: int | None = None
    """The whole weight is split over the sockets along this axis; with None each socket has all of it."""
    shard_parts: int = 1
    shard_runs: tuple[int, ...] = ()
    """The parts have elements of the whole axis and zeros behind them, in turn so many; () is no zeros."""
    shard_repeats: int = 1
    """So often each element of the whole axis stands in the parts; the last one perhaps less often."""
    stored: StoredPart | None = None
    """Which part of a weight of fewer bits it is."""
    live: tuple[int, int] | None = None
    """The first and the last command need it, where regions share addresses; None is the whole step."""

    @property
    def whole(self) -> TensorSpec:
        """The tensor that a socket has a part of: its own where it is not split."""
        if self.shard_axis is None:
            return self.tensor
        return whole_spec(self.tensor, self.shard_axis, self.shard_parts, self.shard_runs, self.shard_repeats)

    @property
    def is_scalar(self) -> bool:
        """Whether it is one integer: as an input, it says where in its sequence a token stands."""
        return self.tensor.shape == () and self.tensor.is_integer

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
    """One step of a model, or several in one call: memory, kernels and the launch schedule.

    `inputs` and `outputs` name the regions that the caller fills before and reads after it, in order.
    """

    name: str
    machine: Machine
    regions: tuple[Region, ...]
    kernels: tuple[Kernel, ...]
    commands: tuple[Command, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tokens_per_step: int = 1
    """It makes so many tokens: the batch, as often as it makes decode steps."""
    digests: Digests | None = field(default=None, compare=False, repr=False)
    """Of the program as it was emitted, whatever has been done to it since."""

    @property
    def resident_places(self) -> set[tuple[int, int]]:
        """The PMUs of each resident weight, with the PCUs beside them."""
        return {region.pmus(self.machine) for region in self.regions if region.tier == "sram"}

    @property
    def stop_token(self) -> int | None:
        """Rows of the batch end at this token, if at any."""
        return next((kernel.stop_token for kernel in self.kernels if kernel.stop_token is not None), None)

    @property
    def steps(self) -> int:
        """Decode steps that it makes; what it returns has those of each step, one behind another."""
        return max((kernel.steps for kernel in self.kernels), default=1)
