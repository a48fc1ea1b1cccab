"""Layers of weights as a checkpoint has them: mapped where its numbers are the weight's, else read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..dialects.stored_formats import StoredPart
from .packed_weights import of_tensors, read_packed
from .parts import Part
from .safetensors import CheckpointError, StoredTensor, is_mapped, map_file
from .stored_weights import read_part, shape_on_disk, shares_scale
from .tensors import Array, TensorSpec, rounded
from .weight_specs import WeightSpec


class WeightError(CheckpointError):
    """A checkpoint that does not fit the model."""


def layer_of(spec: WeightSpec, tensors: Sequence[StoredTensor], files: dict[Path, Array]) -> Array:
    """A layer of a weight, of one tensor or one an expert: a view of a mapped file or an array of its own.

    `files` are those that are mapped so far.

    Raises: WeightError where a number is beyond what the type holds; CheckpointError, OSError.
    """
    one = _as_one(spec, tensors)
    mapped = None if one is None else _mapped(spec, one, files)
    return mapped if mapped is not None else kept(spec, _read_layer(spec, tensors))


def packed_layer(
    spec: WeightSpec,
    stored: StoredPart,
    prefixes: Sequence[str],
    checkpoint: Mapping[str, StoredTensor],
    *,
    has_zeros: bool,
) -> Array:
    """A part of a layer's weight that several tensors hold, or several of each expert."""
    import numpy as np

    experts = () if spec.experts is None else (spec.experts,)
    layer = TensorSpec(spec.layer_shape, spec.tensor.dtype).zeros()
    part = of_tensors(stored, len(spec.tensor_shape))
    for place, prefix in zip(np.ndindex(*experts), prefixes, strict=True):
        found = read_packed(part, prefix, spec.columns, checkpoint, has_zeros=has_zeros)
        layer[place] = rounded(found, spec.tensor.dtype)
    return layer


def kept(spec: WeightSpec, layer: Array) -> Array:
    """A slice of an array of its own, which is written no more; of a transposed weight as it lies on disk."""
    import numpy as np

    turned = spec.transposed and spec.values is None and not (spec.stored is not None and spec.stored.layout)
    kept = np.asarray(layer.swapaxes(-1, -2), order="C") if turned else np.asarray(layer, order="C")
    kept.flags.writeable = False
    return kept.swapaxes(-1, -2) if turned else kept


def wanted_shape(spec: WeightSpec) -> tuple[int, ...]:
    """The shape of what is read of a tensor, as it lies there."""
    wanted = spec.tensor_shape
    return (*wanted[:-2], *wanted[:-3:-1]) if spec.transposed else wanted


def shape_on_disk_of(spec: WeightSpec, tensor: StoredTensor) -> tuple[int, ...]:
    """The shape of a tensor, or that which scales with other axes of one stand for."""
    if spec.stored is None:
        return tensor.shape
    partial = spec.rows is not None or spec.columns is not None
    return shape_on_disk(spec.stored, wanted_shape(spec), tensor, partial=partial)


def parts_of_tensor(spec: WeightSpec, shape: Sequence[int]) -> list[tuple[str, Part, int]]:
    """The parts that a weight takes of a tensor, with their axes; a negative one is not there."""
    rank = len(shape)
    if spec.stored is not None and shares_scale(spec.stored, shape):
        return []
    row = rank - 2 if rank > 1 else rank - 1
    both = (("rows", spec.rows, row), ("columns", spec.columns, rank - 1 if rank > 1 else -1))
    return [(what, part, axis) for what, part, axis in both if part is not None]


def _as_one(spec: WeightSpec, tensors: Sequence[StoredTensor]) -> StoredTensor | None:
    """The tensors of a layer as one; None where those of experts are not one behind the other in a file."""
    first = tensors[0]
    if spec.experts is None:
        return first
    wanted = [
        replace(first, name=one.name, first=first.first + n * first.size_bytes)
        for n, one in enumerate(tensors)
    ]
    has_parts = spec.rows is not None or spec.columns is not None
    if has_parts or first.shape != wanted_shape(spec) or wanted != [*tensors]:
        return None
    return replace(first, shape=(len(tensors), *first.shape), size_bytes=len(tensors) * first.size_bytes)


def _mapped(spec: WeightSpec, tensor: StoredTensor, files: dict[Path, Array]) -> Array | None:
    """A layer as a view of the file, if its numbers are there as the weight has them."""
    found = _part_of(spec, tensor)
    fits = found.dtype == spec.tensor.numpy_dtype and found.flags.c_contiguous and found.flags.aligned
    if not (fits and is_mapped(found)):
        return None
    file = files.get(tensor.path)
    if file is None:
        file = files[tensor.path] = map_file(tensor.path)
    there = _part_of(spec, tensor, file)
    return there.swapaxes(-1, -2) if spec.transposed else there


def _read_layer(spec: WeightSpec, tensors: Sequence[StoredTensor]) -> Array:
    """A layer in the weight's type, in an array of its own; a transposed one as it lies on disk."""
    import numpy as np

    experts = () if spec.experts is None else (spec.experts,)
    whole = TensorSpec((*experts, *wanted_shape(spec)), spec.tensor.dtype).zeros()
    for place, tensor in zip(np.ndindex(*experts), tensors, strict=True):
        whole[place] = _converted(_part_of(spec, tensor), spec, tensor)
    return whole.swapaxes(-1, -2) if spec.transposed else whole


def _part_of(spec: WeightSpec, tensor: StoredTensor, file: Array | None = None) -> Array:
    """What a weight has of a tensor, as it lies there: a view, if it can be one, of the mapped `file`."""
    array = tensor.read(file) if spec.stored is None else read_part(spec.stored, tensor, file)
    if spec.stored is not None:
        array = array.reshape(shape_on_disk_of(spec, tensor))
    for _, part, axis in parts_of_tensor(spec, array.shape):
        array = part.of(array, axis)
    return array


def _converted(array: Array, spec: WeightSpec, tensor: StoredTensor) -> Array:
    """The numbers in the weight's type.

    Raises: WeightError where one is beyond what the type holds: it would become infinite.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        found = rounded(array, spec.tensor.dtype)
    if array.dtype != found.dtype and not np.array_equal(np.isfinite(found), np.isfinite(array)):
        raise WeightError(f"{tensor} has numbers beyond {spec.tensor.dtype}, the type of weight {spec.name}")
    return found
