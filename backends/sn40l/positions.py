"""Positions of tokens: what caches have room for, and what a step is given as its position."""

from __future__ import annotations

from collections.abc import Iterator

from ..targets import TargetError
from ..tensors import TensorSpec
from .address import packed
from .program import Program, Region
from .units import AddressPattern, Store


def context_length(program: Program) -> int | None:
    """How many positions all KV caches of the program have room for; None without a cache, but for rings.

    Rings have room for any: what comes takes the place of what is oldest.
    """
    return min((positions for positions, is_ring in _caches(program) if not is_ring), default=None)


def context_read(program: Program) -> int | None:
    """How many positions attention reads: the context, or the largest ring where there are but rings."""
    return context_length(program) or max((positions for positions, _ in _caches(program)), default=None)


def _caches(program: Program) -> Iterator[tuple[int, bool]]:
    """How many positions each cache that is appended to holds, and whether it is a ring."""
    for kernel in program.kernels:
        for unit in kernel.units:
            if isinstance(unit, Store) and unit.pattern.position_parameter is not None:
                cache = kernel.parameters[unit.pattern.parameter].tensor
                yield _positions(cache, unit.pattern), unit.pattern.ring is not None


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
            f"position {last} is asked for{many}; the caches of {program.name} have room for positions "
            f"0 to {length - 1}",
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


def _positions(cache: TensorSpec, pattern: AddressPattern) -> int:
    """How many positions a packed cache has: the extent of the axis that the pattern's position walks."""
    axes = [*zip(cache.shape, packed(cache.shape, cache.element_bytes).strides, strict=True)]
    likely = (*axes[-2:-1], *axes)  # another axis has the same stride where there is but one position
    return next((extent for extent, stride in likely if stride == pattern.position_stride), 1)


def input_regions(program: Program) -> list[Region]:
    """What a step takes, in order."""
    by_name = {region.name: region for region in program.regions}
    return [by_name[name] for name in program.inputs]


def position_inputs(program: Program, position: int) -> dict[str, int]:
    """The inputs of a step that are its position."""
    return {r.name: position for r in input_regions(program) if r.is_scalar}
