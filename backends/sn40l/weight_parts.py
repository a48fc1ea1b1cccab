"""What each socket has of the values that a caller gives for regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..tensors import Array, TensorSpec
from .errors import ExecutionError
from .program import Region
from .weight_slices import Slices


def weight_slices(region: Region, values: Mapping[str, Array | Slices], sockets: int) -> Sequence[Slices]:
    """What each socket gets of the value of a weight, as views wherever it is no more than a part of it.

    Raises: ExecutionError if none is given or it does not fit.
    """
    import numpy as np

    value, whole, axis = value_of(region, values), region.whole, region.shard_axis
    if not isinstance(value, tuple):
        value = np.asarray(value)
        check_value(region, whole, value)
        return _parts(region, (value,), axis, sockets)
    is_stack = value[0].shape != whole.shape
    layer = TensorSpec(whole.shape[1:], whole.dtype) if is_stack else whole
    for one in value:
        check_value(region, layer, one)
    if is_stack and len(value) != whole.shape[0]:
        raise ExecutionError(f"{region.kind} '{region.name}' is a {whole}, {len(value)} layers are given")
    if is_stack and axis == 0:
        return _parts(region, (np.stack(value),), axis, sockets)
    return _parts(region, value, axis if axis is None else axis - is_stack, sockets)


def value_of(region: Region, values: Mapping[str, Array | Slices]) -> Array | Slices:
    """Raises: ExecutionError if there is no value for a region."""
    if region.name not in values:
        raise ExecutionError(f"no value for {region.kind} '{region.name}', a {region.whole}")
    return values[region.name]


def check_value(region: Region, wanted: TensorSpec, value: Array) -> None:
    """Raises: ExecutionError if a value is not of the shape and type that are wanted."""
    if not wanted.fits(value):
        has = f"{value.dtype}{list(value.shape)}"
        raise ExecutionError(f"{region.kind} '{region.name}' is a {wanted}, the value given is {has}")


def _parts(region: Region, slices: Slices, axis: int | None, sockets: int) -> Sequence[Slices]:
    if axis is None:
        return [slices] * sockets
    from ..collectives import shards

    parts, runs, repeats = region.shard_parts, region.shard_runs, region.shard_repeats
    return [*zip(*(shards(one, axis, parts, sockets, runs, repeats) for one in slices), strict=True)]
