"""Positions of tokens: what caches have room for, and what a step is given as its position."""

from __future__ import annotations

from collections.abc import Iterator

from ..targets import TargetError
from .kernel import Kernel
from .program import Program, Region
from .units import Store


def context_length(program: Program) -> int | None:
    """How many positions all KV caches, and tables of positions, have room for; None without such, but rings.

    Rings have room for any: what comes takes the place of what is oldest.
    """
    caches = [positions for positions, is_ring in _caches(program) if not is_ring]
    rows = _rows_by_position(program)
    return min((*caches, *(() if rows is None else (rows,))), default=None)


def context_read(program: Program) -> int | None:
    """How many positions attention reads: the context, or the largest ring where there are but rings."""
    return context_length(program) or max((positions for positions, _ in _caches(program)), default=None)


def _caches(program: Program) -> Iterator[tuple[int, bool]]:
    """How many positions each cache that is appended to holds, and whether it is a ring."""
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Store) and unit.pattern.position_parameter is not None:
                yield unit.room(kernel) or 1, unit.pattern.ring is not None


def _rows_by_position(program: Program) -> int | None:
    """How many positions the tables have rows for of which a row is read by position; None without such."""
    found: list[int] = []
    for kernel in program.kernels:
        for unit in kernel.units:
            rows = unit.rows(program.machine.sockets)
            if rows is not None and any(_is_position(kernel, port.channel) for port in unit.takes(kernel)):
                found.append(rows)
    return min(found, default=None)


def _is_position(kernel: Kernel, channel: int) -> bool:
    """Whether a channel brings the position, as it is given or counted."""
    makers = (unit for unit in kernel.units if any(port.channel == channel for port in unit.puts(kernel)))
    maker = next(makers, None)
    if maker is None or maker.memory is None:
        return maker is not None and maker.positions != ()
    return kernel.parameters[maker.memory].tensor.shape == ()


def check_position(program: Program, position: int) -> None:
    """Check that the decode steps of a call from a position on stay inside the context.

    Raises: TargetError for a position that the caches have no room for.
    """
    length, last = context_length(program), position + program.steps - 1
    if length is not None and last >= length:
        many = (
            f" (the last of {program.steps} steps from position {position} on)" if program.steps > 1 else ""
        )
        fewer = "--steps-per-call can be smaller; " if program.steps > 1 else ""
        raise TargetError(
            f"position {last} is asked for{many}; the caches and tables of {program.name} have room for "
            f"positions 0 to {length - 1}",
            way_out=f"{fewer}a model's parameters can be changed: --param context=8192",
        )


def timed_position(program: Program, wanted: int | None) -> int:
    """The position to time: the one that is asked for, else the last one of the context, or of the rings.

    Where a call makes several decode steps, it is that of the first of them.

    Raises: TargetError for a position outside the context.
    """
    position = max(0, (context_read(program) or 1) - program.steps) if wanted is None else wanted
    check_position(program, position)
    return position


def input_regions(program: Program) -> list[Region]:
    """What a step takes, in order."""
    by_name = {region.name: region for region in program.regions}
    return [by_name[name] for name in program.inputs]


def position_inputs(program: Program, position: int) -> dict[str, int]:
    """The inputs of a step that are its position."""
    return {r.name: position for r in input_regions(program) if r.is_scalar}
