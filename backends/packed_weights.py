"""Parts of weights of fewer bits that a checkpoint packs into several tensors, named by their prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..dialects.stored_formats import CODES, SCALES, TENSOR_SCALE, ZEROS, StoredPart
from ..dialects.stored_layouts import LAYOUTS, StoredMatrix, parts_of
from .parts import Part
from .safetensors import CheckpointError, StoredTensor
from .stored_weights import SCALES_ON_DISK
from .tensors import Array

_ON_DISK: Mapping[str, str] = {**SCALES_ON_DISK, "I8": "i8", "U8": "i8", "I32": "i32", "I64": "i64"}


def of_tensors(stored: StoredPart, rank: int) -> StoredPart:
    """A part as one of its tensors has it: of so many dimensions, without experts that have tensors each."""
    return replace(stored, shape=stored.shape[-rank:], block=stored.block[-rank:])


def packed_tensors(
    stored: StoredPart, prefix: str, columns: Part | None, tensors: Mapping[str, StoredTensor]
) -> dict[str, StoredTensor]:
    """The tensors of a layout by what stands behind their prefix; optional ones only where they are there.

    A weight may have some `columns` of the matrix that they hold, which are its outputs.

    Raises: CheckpointError where one is missing, has another shape or type, or the layout holds no such
        matrix.
    """
    matrix = whole_matrix(stored, prefix, tensors)
    if stored.part != TENSOR_SCALE:
        _check_columns(stored, prefix, columns, matrix.shape[-1])
    try:
        parts = parts_of(stored.layout, matrix)
    except ValueError as error:
        raise CheckpointError(f"'{prefix}': {error}") from None
    found: dict[str, StoredTensor] = {}
    for ending, part in parts.items():
        tensor = tensors.get(prefix + ending)
        if tensor is None:
            if not part.optional:
                raise CheckpointError(
                    f"the checkpoint has no tensor '{prefix}{ending}', which {stored.layout} has"
                )
            continue
        if tensor.dtype not in part.dtypes or not part.fits(tensor.shape):
            wanted = f"{' or '.join(part.dtypes)} of shape {part.shape}"
            raise CheckpointError(f"{tensor} is {tensor.dtype} of shape {tensor.shape}, not {wanted}")
        found[ending] = tensor
    return found


def whole_matrix(stored: StoredPart, prefix: str, tensors: Mapping[str, StoredTensor]) -> StoredMatrix:
    """The matrix that the tensors of a prefix hold, with all its outputs."""
    outputs = _outputs(stored.layout, prefix, tensors)
    along_in, along_out = stored.block[-2:]
    whole = stored.shape[-1] if outputs is None else outputs
    return StoredMatrix((*stored.shape[:-1], whole), stored.format, (along_in, along_out))


def as_matrix(layout: str, prefix: str, tensors: Mapping[str, StoredTensor]) -> StoredTensor:
    """What the tensors of a prefix hold as one that has its outputs as columns."""
    ending, _ = LAYOUTS[layout].outputs
    shape = (1, _outputs(layout, prefix, tensors) or 0)
    return replace(tensors[prefix + ending], name=prefix, shape=shape)


def _outputs(layout: str, prefix: str, tensors: Mapping[str, StoredTensor]) -> int | None:
    """How many outputs the tensors of a prefix hold; None where they do not say it."""
    ending, axis = LAYOUTS[layout].outputs
    shape = tensors[prefix + ending].shape if prefix + ending in tensors else ()
    return shape[axis] if -len(shape) <= axis < len(shape) else None


def _check_columns(stored: StoredPart, prefix: str, columns: Part | None, outputs: int) -> None:
    """Raises: CheckpointError unless so many outputs, or the columns of them, are those of the weight."""
    fits = columns is None or columns.fits(outputs)
    found = outputs if columns is None or not fits else columns.count(outputs)
    if not fits or found != stored.shape[-1]:
        part = "" if columns is None else f", columns {columns} of them"
        raise CheckpointError(f"'{prefix}' has {outputs} outputs{part}; the weight takes {stored.shape[-1]}")


def read_packed(
    stored: StoredPart,
    prefix: str,
    columns: Part | None,
    tensors: Mapping[str, StoredTensor],
    *,
    has_zeros: bool,
) -> Array:
    """A part of a weight that several tensors hold, by the layout that says how.

    Raises: CheckpointError for what `packed_tensors` refuses, where tensors contradict each other, and for
        zero points other than 0 of a weight that does not have them.
    """
    import numpy as np

    from .stored_layouts import unpacked

    given = packed_tensors(stored, prefix, columns, tensors)
    arrays = {ending: tensor.read_as(_ON_DISK[tensor.dtype]) for ending, tensor in given.items()}
    try:
        found = unpacked(stored.layout, arrays, whole_matrix(stored, prefix, tensors))
    except ValueError as error:
        raise CheckpointError(f"'{prefix}': {error}") from None
    if not has_zeros and found.zeros is not None and found.zeros.any():
        raise CheckpointError(
            f"'{prefix}' has zero points that are not 0, and the weight has none",
            "declare it with them: scale[…] zeros",
        )
    zeros = found.zeros if found.zeros is not None else np.zeros(found.scales.shape, np.int8)
    whole = None if found.whole is None else np.reshape(found.whole, (1,) * len(stored.shape))
    array = {CODES: found.codes, SCALES: found.scales, ZEROS: zeros, TENSOR_SCALE: whole}[stored.part]
    if array is None:
        raise CheckpointError(f"'{prefix}': {stored.layout} has no scale of the tensor")
    return array if columns is None or stored.part == TENSOR_SCALE else columns.of(array, array.ndim - 1)
