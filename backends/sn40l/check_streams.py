"""Checks of streams: they walk along their parameter's tensor, and touch all of it that they are to touch.

All is worked out from strides, whatever the number of layers and tiles.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...dialects.vocabulary import STEP
from ..tensors import TensorSpec
from .covered import Covered
from .errors import ProgramError, require
from .kernel import Kernel, Unit
from .program import Program
from .units import Load, Store


def check_streams(program: Program) -> None:
    """That strides of streams are those of the tensors of their parameters, that passes stay inside of these
    and touch all of them, or all of a slice, once, that stores touch nothing twice, and that a load that
    waits for a store reads what it stores.

    Raises: ProgramError naming the kernel, the unit, and what its strides say and what its tensor asks for.
    """
    for kernel in program.kernels:
        for unit in kernel.units:
            try:
                _check_unit(kernel, unit)
            except ProgramError as error:
                what = f"kernel '{kernel.name}': {unit}: {error.message}"
                raise ProgramError(what, error.location or unit.location) from None


def _check_unit(kernel: Kernel, unit: Unit) -> None:
    covered = unit.covers(kernel)
    if isinstance(unit, Store) and covered is not None:
        _check_store(kernel, unit, covered)
    if isinstance(unit, Load) and covered is not None:
        tile, wanted = unit.pattern.tile, kernel.channels[unit.channels[0]].tile
        require(tile == wanted, f"its tile is a {tile} in memory, its channel holds {wanted}")
        if unit.gate is not None:
            _check_gate(kernel, unit, covered)


def _check_store(kernel: Kernel, store: Store, covered: Covered) -> None:
    """That it stores nothing twice, and all but for what other positions and layers have."""
    loops = kernel.tree.path(store.runs(kernel))
    name, tensor = _parameter(kernel, store)
    positioned = covered.positions is not None
    for loop, (count, slices) in zip(loops, covered.moves, strict=True):
        moves = slices != 0 or (positioned and loop.name == STEP)
        require(
            count == 1 or moves,
            f"each of {count} iterations of '{loop.name}' stores over what the one before has",
        )
    apart = covered.without(loop.name == STEP and positioned for loop in loops)
    require(apart.is_once, f"its strides in its loops make it store a slice of '{name}', a {tensor}, twice")
    require(
        positioned or covered.passes == covered.slices,
        f"it stores {covered.passes} of {covered.slices} slices of '{name}', a {tensor}",
    )
    shape, wanted = store.pattern.tile.shape, kernel.channels[store.channel].tile
    require(
        wanted is not None and wanted.shape in _joined(shape),
        f"its tile is a {store.pattern.tile} in memory, its channel holds {wanted}",
    )


def _joined(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """A shape, and those in which two neighbouring axes are one, as heads and their elements are in rows."""
    yield shape
    for axis in range(len(shape) - 1):
        yield (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :])


def _check_gate(kernel: Kernel, load: Load, covered: Covered) -> None:
    """That a load that waits for a token reads what the store that puts it stores, at the same position."""
    gate = load.gate
    assert gate is not None, "asked only of loads that wait"
    store = next((u for u in kernel.units if isinstance(u, Store) and gate.channel in u.done), None)
    if store is None:
        raise ProgramError("it waits for a token that is none of a store")
    at, pattern, what = store.covers(kernel), store.pattern, f"'{store.name}', for which it waits,"
    (mine, tensor), (its, _) = _parameter(kernel, load), _parameter(kernel, store)
    names = [kernel.parameters[number].name for number in (gate.position_parameter, *store.positions)]
    require(
        len({*names}) == 1 and len(names) == 2,
        f"it waits at position '{names[0]}', {what} stores at {names[1:]}",
    )
    require(load.memory == store.memory, f"it reads '{mine}', {what} stores to '{its}'")
    same = (covered.first, covered.moves) == (at.first, at.moves)
    require(same, f"it reads slices {covered.order}, {what} stores slices {at.order}")
    require(gate.ring == pattern.ring, f"a ring of {gate.ring} positions, {what} has one of {pattern.ring}")
    held, wanted = gate.positions(load), at.positions
    require(held == wanted, f"its tiles hold {held} positions of '{mine}', a {tensor}, which has {wanted}")
    distance, each = gate.positions_per_tile * pattern.position_stride, load.pattern.tile_stride
    apart = f"its tiles are {each} bytes apart, {gate.positions_per_tile} positions take {distance}"
    require(load.pattern.tiles == 1 or each == distance, apart)


def _parameter(kernel: Kernel, unit: Load | Store) -> tuple[str, TensorSpec]:
    parameter = kernel.parameters[unit.memory]
    return parameter.name, parameter.tensor
