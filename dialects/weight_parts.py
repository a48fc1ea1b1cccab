"""Which part of a checkpoint's tensors a weight is, and which numbers its layers and experts have there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count

Part = tuple[int, int, int]
"""First row and the one behind the last, of every so many; 0 is once in the whole tensor."""

ROWS, COLUMNS = "rows", "columns"
LAYER, EXPERT = "{layer}", "{expert}"
"""What stands in the name of a checkpoint's tensor for the number of a layer, and of an expert."""


def names_experts(checkpoint: str | None) -> bool:
    """Whether a name is that of one tensor an expert: the first axis of the weight, or of its layer, counts
    them.
    """
    return checkpoint is not None and EXPERT in checkpoint


def experts_found(name: str, wanted: int, tensors: Collection[str]) -> int:
    """How many tensors a name with `{expert}` has, numbered from 0; `wanted` if there are none, or one
    is missing between others: that is another trouble.
    """
    here = [name.replace(EXPERT, str(number)) in tensors for number in range(wanted)]
    if not any(here) or not all(here[: sum(here)]):
        return wanted
    return next(n for n in count(sum(here)) if name.replace(EXPERT, str(n)) not in tensors)


def extent_on_disk(shape: Sequence[int], which: str, *, transposed: bool) -> int | None:
    """The extent of a weight along the rows or columns of its tensor; None if it has no such dimension.

    A vector has rows, a matrix both, as they lie on disk; so have all matrices of a stack.
    """
    last = tuple(reversed(shape[-2:])) if transposed else tuple(shape[-2:])
    if which == ROWS:
        return last[0] if last else None
    return last[1] if len(last) == 2 else None


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


def layers_trouble(numbers: Sequence[int], layers: int) -> str:
    """Why numbers cannot be those of so many layers, or nothing."""
    if len(numbers) != layers:
        return f"{len(numbers)} numbers for {layers} layers"
    seen: dict[int, int] = {}
    for layer, number in enumerate(numbers):
        if number < 0:
            return f"layer {layer} has the number {number}; numbers begin at 0"
        if number in seen:
            return f"layers {seen[number]} and {layer} both have the number {number}"
        seen[number] = layer
    return ""
