"""Where in memory everything lies: a pure solver.

Lifetimes are intervals of steps in the launch schedule. What is alive all the time comes first, one behind
the other; values follow, each at the lowest address where it overlaps no other value that is alive with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 256
"""Bytes to which addresses are aligned. Assumed: four bursts of 64 bytes, so that no burst is shared."""


@dataclass(frozen=True)
class Item:
    """A tensor to place: its size and the first and last step at which it is alive (None: always)."""

    name: str
    size_bytes: int
    lifetime: tuple[int, int] | None = None


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] <= b[1] and b[0] <= a[1]


def _lowest(item: Item, placed: Sequence[tuple[int, Item]], base: int) -> int:
    """The lowest address at or above `base` that is free during the item's lifetime."""
    assert item.lifetime is not None, "only values with a lifetime share addresses"
    live = [
        (address, address + _aligned(other.size_bytes))
        for address, other in placed
        if other.lifetime is not None and _overlap(other.lifetime, item.lifetime)
    ]
    address = base
    for begin, end in sorted(live):
        if begin - address >= item.size_bytes:
            break
        address = max(address, end)
    return address


def plan_addresses(items: Sequence[Item]) -> tuple[tuple[int, ...], int]:
    """An address per item, and the bytes that all of them take together."""
    addresses: dict[int, int] = {}
    top = 0
    for number, item in enumerate(items):
        if item.lifetime is None:
            addresses[number] = top
            top += _aligned(item.size_bytes)
    base = top
    placed: list[tuple[int, Item]] = []
    values = [number for number, item in enumerate(items) if item.lifetime is not None]
    for number in sorted(values, key=lambda n: (-items[n].size_bytes, n)):
        address = _lowest(items[number], placed, base)
        placed.append((address, items[number]))
        addresses[number] = address
        top = max(top, address + _aligned(items[number].size_bytes))
    return tuple(addresses[number] for number in range(len(items))), top
