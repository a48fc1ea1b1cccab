"""Which part of a checkpoint's tensor a weight is, and which numbers its layers have there."""

from __future__ import annotations

from collections.abc import Sequence

Part = tuple[int, int, int]
"""First row and the one behind the last, of every so many; 0 is once in the whole tensor."""

ROWS, COLUMNS = "rows", "columns"


def extent_on_disk(shape: Sequence[int], which: str, *, transposed: bool) -> int | None:
    """The extent of a weight along the rows or columns of its tensor; None if it has no such dimension.

    A vector has rows, a matrix both, as they lie on disk; nothing else has any.
    """
    lies = tuple(reversed(shape)) if transposed else tuple(shape)
    if which == ROWS:
        return lies[0] if len(lies) in (1, 2) else None
    return lies[1] if len(lies) == 2 else None


def part_trouble(which: str, part: Part, extent: int) -> str:
    """Why a part cannot be that of a weight with this extent along it, or nothing."""
    first, last, each = part
    if not 0 <= first < last:
        return f"{which} {first} to {last} are none; the first is at least 0 and below the last"
    if each and last > each:
        return f"{which} {first} to {last} of each {each}, which has no {last}"
    taken = last - first
    if each and extent % taken:
        return f"the weight has {extent} {which}, which are no multiple of {taken} of each {each}"
    if not each and extent != taken:
        return f"the weight has {extent} {which}, {first} to {last} are {taken}"
    return ""


def layers_trouble(numbers: Sequence[int], count: int) -> str:
    """Why numbers cannot be those of so many layers, or nothing."""
    if len(numbers) != count:
        return f"{len(numbers)} numbers for {count} layers"
    seen: dict[int, int] = {}
    for layer, number in enumerate(numbers):
        if number < 0:
            return f"layer {layer} has the number {number}; numbers begin at 0"
        if number in seen:
            return f"layers {seen[number]} and {layer} both have the number {number}"
        seen[number] = layer
    return ""
