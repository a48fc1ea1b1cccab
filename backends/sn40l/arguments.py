"""What the parameters of a call point to: a region, a slice of one, or regions in a row that make a stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from weakref import ReferenceType, ref

from ..tensors import TensorSpec
from .alive import Alive, sweep
from .errors import ProgramError
from .kernel import Kernel, Parameter
from .program import Execute, LoadArguments, Program, Region


@dataclass(frozen=True)
class Argument:
    """What a parameter points to."""

    regions: tuple[Region, ...]
    """One region, or those that make a stack."""
    slice: int | None = None
    """The slice of the region along its first axis; None is all of it."""

    @property
    def region(self) -> Region:
        """The region at whose begin, or in which, it is."""
        return self.regions[0]


@dataclass(frozen=True)
class Call:
    """A kernel that runs with its arguments."""

    command: int
    """The command that runs it."""
    loaded: int
    """The command that has loaded its arguments."""
    kernel: Kernel
    arguments: tuple[Argument, ...]
    """One for each parameter."""
    location: str

    def touched(self, *, writes: bool) -> Iterator[Argument]:
        """What units read, or write; an argument as often as there are units that do."""
        for unit in self.kernel.units:
            if unit.memory is not None and unit.writes == writes:
                yield self.arguments[unit.memory]
            if not writes:
                yield from (self.arguments[one] for one in unit.positions)


_LAST: list[tuple[ReferenceType[Program], list[Call]]] = []
"""The program whose calls were looked for last, with all of them: one check after another wants them."""


def calls_of(program: Program) -> Iterator[Call]:
    """The calls of a program, in order; its names and numbers are checked.

    Raises: ProgramError where a parameter points to something else than its tensor.
    """
    if _LAST and _LAST[0][0]() is program:
        yield from _LAST[0][1]
        return
    calls = list[Call]()
    for call in _found(program):
        calls.append(call)
        yield call
    _LAST[:] = [(ref(program, lambda _: _LAST.clear()), calls)]


def _found(program: Program) -> Iterator[Call]:
    kernels = {kernel.name: kernel for kernel in program.kernels}
    loaded, addresses = -1, tuple[int, ...]()
    for number, command, alive in sweep(program):
        if isinstance(command, LoadArguments):
            loaded, addresses = number, command.addresses
        if not isinstance(command, Execute):
            continue
        kernel, location = kernels[command.kernel], command.location
        where = f"command {number} executes '{kernel.name}'"
        found = (
            _argument(parameter, address, alive, where, location)
            for parameter, address in zip(kernel.parameters, addresses, strict=True)
        )
        yield Call(number, loaded, kernel, tuple(found), location)


_STACKED = ("weight", "state")
"""The kinds of regions that layers have slices of, or that make stacks."""


def _slice_at(region: Region, slice_: TensorSpec, offset: int) -> int | None:
    """The number of the slice that begins so many bytes behind the begin of a region; None if none does."""
    shape, (number, rest) = region.tensor.shape, divmod(offset, slice_.size_bytes)
    is_stack = region.kind in _STACKED and shape != () and shape[1:] == slice_.shape
    return number if is_stack and rest == 0 and number < shape[0] else None


def _argument(parameter: Parameter, address: int, alive: Alive, where: str, location: str) -> Argument:
    """What is at an address; raises: ProgramError where that is not the tensor of the parameter."""
    tensor, region = parameter.tensor, alive.at(address)
    if region is None:
        what = f"{where} with parameter '{parameter.name}', a {tensor}, at address {address}"
        raise ProgramError(f"{what}, where no region is alive", location)
    offset, whole = address - region.address, region.tensor
    if whole.dtype == tensor.dtype:
        if offset == 0 and whole.shape == tensor.shape:
            return Argument((region,))
        if (number := _slice_at(region, tensor, offset)) is not None:
            return Argument((region,), number)
        if offset == 0 and tensor.shape[1:] == whole.shape and tensor.shape[:1] > (1,):
            parts = tuple(islice(alive.row_from(address), tensor.shape[0]))
            like = all((r.tensor, r.kind, r.tier) == (whole, region.kind, region.tier) for r in parts)
            if len(parts) == tensor.shape[0] and like and region.kind in _STACKED:
                return Argument(parts)
    raise ProgramError(
        f"{where} with parameter '{parameter.name}', a {tensor}, at byte {offset} of region '{region.name}', "
        f"a {whole}; a parameter is a region, a slice of a weight or a state along its first axis, or as "
        "many regions of one type in a row",
        location,
    )
