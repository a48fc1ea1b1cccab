"""What sockets send and how many hops a tile takes, against the algorithms played hop by hop."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kl.dialects.machine import SN40L, Machine

SOCKETS = [*range(2, 70), 96, 127, 128, 129]


def machine_of(sockets: int) -> Machine:
    """A machine whose links take a cycle a byte, with a latency of a thousand cycles."""
    return SN40L.with_values({"sockets": sockets, "p2p_bandwidth": SN40L.clock_hz, "p2p_latency_ns": 625})


def parents(sockets: int) -> list[int | None]:
    """The binary tree of NCCL (`src/graph/trees.cc`, ncclGetBtree): odd ranks are leaves, 0 is the root."""
    found: list[int | None] = [None]
    for rank in range(1, sockets):
        bit = rank & -rank
        above = (rank ^ bit) | (bit << 1)
        found.append(above if above < sockets else rank ^ bit)
    return found


def renamed(tree: list[int | None], name: Callable[[int], int]) -> list[int | None]:
    """A tree with other sockets in the places of its nodes."""
    new: list[int | None] = [None] * len(tree)
    for rank, parent in enumerate(tree):
        new[name(rank)] = None if parent is None else name(parent)
    return new


def double_tree(sockets: int) -> tuple[list[int | None], list[int | None]]:
    """A tree and its mirror image, or for an odd number itself, shifted by one (ncclGetDtree)."""
    tree = parents(sockets)
    if sockets % 2 == 0:
        return tree, renamed(tree, lambda rank: sockets - 1 - rank)
    return tree, renamed(tree, lambda rank: (rank + 1) % sockets)


def depth(tree: list[int | None], rank: int) -> int:
    parent = tree[rank]
    return 0 if parent is None else 1 + depth(tree, parent)


@pytest.mark.parametrize("size", [1, 2, 63, 64, 1000])
@pytest.mark.parametrize("sockets", SOCKETS)
def test_a_tree_of_all_reduce_is_the_double_tree_of_nccl(sockets: int, size: int) -> None:
    trees, halves = double_tree(sockets), [0] * sockets
    for tree in trees:
        for rank, parent in enumerate(tree):
            if parent is not None:
                halves[rank] += 1  # up, to the parent
                halves[parent] += 1  # and down to this one again
    hops = 2 * max(depth(tree, rank) for tree in trees for rank in range(sockets))
    busy, latency = machine_of(sockets).exchange_cycles("all_reduce", "tree", size)
    assert (busy, latency) == (max(halves) * -(-size // 2), 1000 * hops)


@pytest.mark.parametrize("sockets", SOCKETS)
def test_a_tree_of_all_gather_doubles_what_a_socket_has(sockets: int) -> None:
    # Bruck's: in step n every socket gets the first 2^n of what the one 2^n further has, or the rest of it.
    held, sent, steps = [[rank] for rank in range(sockets)], 0, 0
    while len(held[0]) < sockets:
        count = min(2**steps, sockets - len(held[0]))
        held = [mine + held[(rank + 2**steps) % sockets][:count] for rank, mine in enumerate(held)]
        sent, steps = sent + count, steps + 1
    assert all(sorted(mine) == [*range(sockets)] for mine in held)
    assert machine_of(sockets).exchange_cycles("all_gather", "tree", 10) == (10 * sent, 1000 * steps)
