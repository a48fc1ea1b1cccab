"""Where in memory everything lies, and what leaves a memory that is too small: a pure solver.

Lifetimes are intervals of steps in the launch schedule. What is alive all the time comes first, one behind
the other; values follow as they are born, each at the lowest address that is free then.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

ALIGNMENT = 256
"""Bytes to which addresses are aligned. Assumed: four bursts of 64 bytes, so that no burst is shared."""


@dataclass(frozen=True)
class Item:
    """A tensor to place: its size and the first and last step at which it is alive (None: always)."""

    name: str
    size_bytes: int
    lifetime: tuple[int, int] | None = None


@dataclass(frozen=True)
class Movable:
    """What may leave a memory as one piece: its bytes there, and the bytes that a step moves of it."""

    size_bytes: int
    traffic_bytes: int


def aligned(size: int) -> int:
    """The bytes that something of this size takes."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def gap_in_stack(size_bytes: int) -> str | None:
    """Why tensors of this size, one behind another, leave gaps between them; None where they do not."""
    if size_bytes == aligned(size_bytes):
        return None
    return f"{size_bytes} bytes, no multiple of {ALIGNMENT}"


def _lowest(size_bytes: int, live: Sequence[tuple[int, int]], base: int) -> int:
    """The lowest address at or above `base` with so much room between the living spans."""
    address = base
    for begin, end in sorted(live):
        if begin - address >= size_bytes:
            break
        address = max(address, end)
    return address


def plan_addresses(items: Sequence[Item]) -> tuple[tuple[int, ...], int]:
    """An address per item, and the bytes that all of them take together.

    Values are placed in the order in which they are born, the larger first of those born together, so that
    only the ones alive at that moment have to be looked at.
    """
    addresses: dict[int, int] = {}
    top = 0
    for number, item in enumerate(items):
        if item.lifetime is None:
            addresses[number] = top
            top += aligned(item.size_bytes)
    base = top
    values = [(item.lifetime, n) for n, item in enumerate(items) if item.lifetime is not None]
    alive: list[tuple[int, int, int]] = []
    for (born, last), number in sorted(values, key=lambda v: (v[0][0], -items[v[1]].size_bytes, v[1])):
        alive = [one for one in alive if one[2] >= born]
        size = aligned(items[number].size_bytes)
        address = _lowest(size, [one[:2] for one in alive], base)
        alive.append((address, address + size, last))
        addresses[number] = address
        top = max(top, address + size)
    return tuple(addresses[number] for number in range(len(items))), top


def choose_spilled(movables: Sequence[Movable], excess_bytes: int) -> frozenset[int] | None:
    """The numbers of those that leave, together at least `excess_bytes`; None where all are not enough.

    Each byte that has to leave costs its share of traffic in the slower memory, so the least traffic per
    byte goes first, and of equals the least traffic. What would be enough at its turn may be far too much:
    it ends one possible choice, and the search goes on without it (the greedy heuristic of Csirik, Frenk,
    Labbe and Zhang, 1991, for the knapsack that must be filled: at most twice the least traffic). Of the
    best choice all that still has room comes back, so that none of the rest can.
    """
    if excess_bytes <= 0:
        return frozenset()
    taken: list[int] = []
    rest, best = excess_bytes, None
    for number in sorted(range(len(movables)), key=lambda n: _cost(movables[n], n)):
        if movables[number].size_bytes < rest:
            taken.append(number)
            rest -= movables[number].size_bytes
            continue
        choice = [*taken, number]
        if best is None or _traffic(movables, choice) < _traffic(movables, best):
            best = choice
    return None if best is None else _pruned(movables, best, excess_bytes)


def _cost(movable: Movable, number: int) -> tuple[Fraction, int, int]:
    return Fraction(movable.traffic_bytes, max(movable.size_bytes, 1)), movable.traffic_bytes, number


def _traffic(movables: Sequence[Movable], chosen: Collection[int]) -> int:
    return sum(movables[number].traffic_bytes for number in chosen)


def _pruned(movables: Sequence[Movable], chosen: Collection[int], excess_bytes: int) -> frozenset[int]:
    """The choice without what can stay after all, the most traffic first."""
    kept, spare = {*chosen}, sum(movables[number].size_bytes for number in chosen) - excess_bytes
    for number in sorted(chosen, key=lambda n: (-movables[n].traffic_bytes, n)):
        if movables[number].size_bytes <= spare:
            kept.discard(number)
            spare -= movables[number].size_bytes
    return frozenset(kept)
