"""Calls that no run goes beyond, whatever its period is: what can be known before any run is scanned."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import accumulate
from math import prod

from xdsl.dialects.builtin import MemRefType

from ...dialects.kernel import place_of
from .calls import Calls


def write_horizons(calls: Calls) -> list[int]:
    """For each call, the one that no run from there holds: it writes what another one of the run has written.

    No loop keeps two writes of one memory in order, be they of one round or of two. Only writes of just the
    same place count here; a scan (`run_scan.py`) finds what overlaps.
    """
    behind, nearest = dict[Hashable, int](), list[int]()
    for at in reversed(range(len(calls.all))):
        places = set(_written(calls, at))
        nearest.append(min((behind.get(place, len(calls.all)) for place in places), default=len(calls.all)))
        behind |= dict.fromkeys(places, at)
    return [*accumulate(nearest, min)][::-1]


def _written(calls: Calls, at: int) -> Iterator[Hashable]:
    """What a call writes: of which memory, from where on, and how much."""
    call, name = calls.all[at], calls.names[at]
    for use in calls.uses[name]:
        if use.writes:
            taken, type_ = calls.taken[call][use.argument], calls.kernels[name].function_type.inputs.data
            memory = type_[use.argument]
            assert isinstance(memory, MemRefType), "it is a use of memory"
            place, size = place_of(taken.value, calls.parts), prod(memory.get_shape())
            yield place.root, place.start + (taken.index or 0) * size, size
