"""The numpy meaning of the `collective` operations: the arrays of all sockets in, those of all sockets out.

The sockets stand in order. What a socket holds of a tensor that is split in fewer parts than there are
sockets it shares with its neighbours. As in `numerics.py`, no result depends on how its operands are tiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import accumulate

import numpy as np

from .arithmetic import Operation
from .numerics import Attributes
from .tensors import Array, TensorSpec, rounded

Collective = Callable[[Sequence[Sequence[Array]], Attributes, TensorSpec], list[Array]]
"""The operands of each socket, attributes and the spec of a socket's result give the result of each socket.

Raises: ValueError for an index that is outside its range.
"""


def shards(
    whole: Array, axis: int, parts: int, sockets: int, runs: Sequence[int] = (), repeats: int = 1
) -> list[Array]:
    """The part that each socket holds of a tensor split along an axis, as views: `socket * parts // sockets`.

    With `runs` the parts are made of so many elements of the axis, so many zeros, and so on in turn. Each
    element stands `repeats` times before that; what is more than `runs` have is left out.

    Raises: ValueError if the sockets cannot share the parts evenly.
    """
    group = _sockets_per_part(sockets, parts)
    if repeats > 1:
        whole = np.repeat(whole, repeats, axis)
        whole = np.take(whole, np.arange(sum(runs[::2]) or whole.shape[axis]), axis)
    padded = _padded(whole, axis, runs) if runs else whole
    return [part for part in np.split(padded, parts, axis) for _ in range(group)]


def _padded(whole: Array, axis: int, runs: Sequence[int]) -> Array:
    """The tensor with zeros put in along an axis."""
    shape = [*whole.shape]
    shape[axis] = sum(runs)
    padded = np.zeros(shape, whole.dtype)
    taken = [*accumulate(runs[::2], initial=0)]
    places = [*accumulate(runs, initial=0)][::2]
    target, source = np.moveaxis(padded, axis, 0), np.moveaxis(whole, axis, 0)
    for place, first, end in zip(places, taken, taken[1:], strict=False):
        target[place : place + end - first] = source[first:end]
    return padded


def _sockets_per_part(sockets: int, parts: int) -> int:
    if sockets % parts:
        raise ValueError(f"{sockets} sockets cannot share {parts} parts evenly")
    return sockets // parts


def all_reduce(
    operands: Sequence[Sequence[Array]], attributes: Attributes, result: TensorSpec
) -> list[Array]:
    """The sum over the sockets: in f64, in their order, rounded once."""
    with np.errstate(all="ignore"):
        total = reduce(np.add, (x.astype(np.float64) for (x,) in operands))
        return [rounded(total, result.dtype)] * len(operands)


def all_gather(
    operands: Sequence[Sequence[Array]], attributes: Attributes, result: TensorSpec
) -> list[Array]:
    """The parts one behind the other along `axis`; of sockets that share a part, the first one's counts.

    Raises: ValueError if the sockets cannot share the parts evenly.
    """
    axis, sockets = int(attributes["axis"]), len(operands)
    parts = result.shape[axis] // operands[0][0].shape[axis]
    group = _sockets_per_part(sockets, parts)
    return [np.concatenate([x for (x,) in operands[::group]], axis)] * sockets


def sharded_embedding(
    operands: Sequence[Sequence[Array]], attributes: Attributes, result: TensorSpec
) -> list[Array]:
    """Rows of a table whose rows are split over the sockets; zeros where another socket has the row."""
    return [
        local_rows(ids, table, socket, int(attributes.get("rows", len(operands) * len(table))), result)
        for socket, (ids, table) in enumerate(operands)
    ]


def local_rows(ids: Array, table: Array, socket: int, count: int, result: TensorSpec) -> Array:
    """What one socket contributes to an embedding: its own rows, zeros for those of the others.

    `count` are the rows of the whole table.

    Raises: ValueError if an id is outside the whole table.
    """
    rows = result.zeros()
    for number, row in enumerate(map(int, ids)):
        if not 0 <= row < count:
            raise ValueError(f"row {row} is outside 0 to {count - 1}")
        owner, index = divmod(row, len(table))
        if owner == socket:
            rows[number] = table[index]
    return rows


def own_experts(
    operands: Sequence[Sequence[Array]], attributes: Attributes, result: TensorSpec
) -> list[Array]:
    """Ids of experts as each socket counts its own, which stand one socket's behind another's.

    Raises: ValueError for an id that no expert has.
    """
    places = ({**attributes, "socket": socket, "sockets": len(operands)} for socket in range(len(operands)))
    return [local_experts(mine, place, result) for mine, place in zip(operands, places, strict=True)]


def local_experts(operands: Sequence[Array], attributes: Attributes, result: TensorSpec) -> Array:
    """Ids as one `socket` of `sockets` counts its `experts`: -1 for those of the others.

    Raises: ValueError for an id that no expert has.
    """
    (ids,) = operands
    experts, socket, sockets = (int(attributes[name]) for name in ("experts", "socket", "sockets"))
    outside = ids[(ids < 0) | (ids >= experts * sockets)]
    if outside.size:
        raise ValueError(f"expert {outside[0]} is outside 0 to {experts * sockets - 1}")
    return np.where(ids // experts == socket, ids % experts, -1).astype(result.numpy_dtype)


ON_A_SOCKET: Mapping[str, Operation] = {"collective.own_experts": local_experts}
"""What operations without an exchange compute on one socket, given which it is."""


COLLECTIVES: Mapping[str, Collective] = {
    f"collective.{operation.__name__}": operation
    for operation in (all_reduce, all_gather, sharded_embedding, own_experts)
}
"""What each collective operation computes, by its name in the IR."""
