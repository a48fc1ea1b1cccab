"""Matrices of few bits as checkpoints pack them, unpacked to what `nn.dequantize` takes.

Codes are bytes `[…, in, out]`, of type int8; of two 4-bit codes in a byte the one of the even input lies in
the lower half. Codes and zero points of `i4` and `i8` are in two's complement: what a checkpoint holds from 0
to 15 has 8 taken off, as have its zero points, so that differences are the same. A matrix is `(code - zero) *
scale`, and times `whole` where there is one.

The formulas are those of the packages that write the layouts: AutoGPTQ 0.7 (`qlinear_cuda.py`), GPTQModel
(`convert_gptq_v1_to_v2_format`), AutoAWQ 0.2 (`packing_utils.py`), transformers (`integrations/mxfp4.py`),
TensorRT Model Optimizer (`nvfp4_tensor.py`), compressed-tensors (`pack_quantized.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from ..dialects.stored_layouts import StoredMatrix, parts_of
from .tensors import Array

AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight outputs each 4 bits of a word hold, from the lowest."""


@dataclass(frozen=True)
class Unpacked:
    """A matrix of few bits."""

    codes: Array
    """The bytes, int8 `[…, in, out]`, or `[…, in / 2, out]` of 4-bit codes."""
    scales: Array
    """One for each block `[…, in, out]`: floats as stored, of f8e4m3 and f8e8m0 where a layout has bytes."""
    zeros: Array | None = None
    """Zero points, int8 in the shape of the scales; None where all are 0 by the layout."""
    whole: Array | None = None
    """A scalar of f32 that all scales are multiplied with; None where there is none."""


def unpacked(layout: str, tensors: Mapping[str, Array], matrix: StoredMatrix) -> Unpacked:
    """A matrix, from its tensors in a layout of `LAYOUTS` by what stands behind their prefix: `.qweight`.

    Raises: ValueError for a tensor that is missing or has another shape, a matrix that the layout does not
        hold, inputs in another order than that of memory (GPTQ's `desc_act`), and zero points of which the
        layout does not say what they mean.
    """
    for name, part in parts_of(layout, matrix).items():
        if name not in tensors and not part.optional:
            raise ValueError(f"{layout} needs a tensor that ends in '{name}'")
        if name in tensors and not part.fits(tensors[name].shape):
            raise ValueError(f"'{name}' has shape {[*tensors[name].shape]}, not {[*part.shape]}")
    return _UNPACK[layout](tensors, matrix)


def _gptq(tensors: Mapping[str, Array], matrix: StoredMatrix, less: int = 1) -> Unpacked:
    """Codes packed along `in`, zero points along `out` and `less` by one in the first version."""
    _check_order(tensors.get(".g_idx"), matrix)
    zeros = _fields(tensors[".qzeros"], matrix.bits, 1)
    highest = (1 << matrix.bits) - 1
    if less and (zeros == highest).any():
        raise ValueError(
            f"'.qzeros' holds {highest}, which GPTQ's first version writes for {highest + 1} or for 0: "
            "save it with checkpoint_format gptq_v2"
        )
    codes = _fields(tensors[".qweight"], matrix.bits, 0)
    return Unpacked(_held(_signed(codes, matrix), matrix), tensors[".scales"], _signed(zeros + less, matrix))


def _gptq_v2(tensors: Mapping[str, Array], matrix: StoredMatrix) -> Unpacked:
    return _gptq(tensors, matrix, less=0)


def _check_order(groups: Array | None, matrix: StoredMatrix) -> None:
    """Raises: ValueError where inputs do not belong to groups in their own order."""
    wanted = np.arange(matrix.shape[-2]) // matrix.block[0]
    if groups is not None and not np.array_equal(groups, wanted):
        raise ValueError(
            "'.g_idx' puts inputs into groups in another order (desc_act), which no block of scales says: "
            "quantize with desc_act = false"
        )


def _awq(tensors: Mapping[str, Array], matrix: StoredMatrix) -> Unpacked:
    """Codes and zero points packed along `out`, in AWQ's order."""
    codes, zeros = (_in_order(_fields(tensors[name], 4, 1)) for name in (".qweight", ".qzeros"))
    return Unpacked(_held(_signed(codes, matrix), matrix), tensors[".scales"], _signed(zeros, matrix))


def _in_order(fields: Array) -> Array:
    """Outputs in their own order, of those that AWQ's words hold."""
    words = fields.reshape(len(fields), -1, len(AWQ_ORDER))
    return words[:, :, np.argsort(AWQ_ORDER)].reshape(fields.shape)


def _packed(tensors: Mapping[str, Array], matrix: StoredMatrix) -> Unpacked:
    """Codes `[out, in]` packed along `in`, zero points along `out`."""
    said = tensors.get(".weight_shape")
    if said is not None and (*said.tolist(),) != matrix.shape[::-1]:
        raise ValueError(f"'.weight_shape' is {said.tolist()}, not {[*matrix.shape[::-1]]}")
    codes = _fields(tensors[".weight_packed"], matrix.bits, 1).T
    zeros = tensors.get(".weight_zero_point")
    found = None if zeros is None else _signed(_fields(zeros, matrix.bits, 0).T, matrix)
    return Unpacked(_held(_signed(codes, matrix), matrix), tensors[".weight_scale"].T, found)


def _mxfp4(tensors: Mapping[str, Array], matrix: StoredMatrix) -> Unpacked:
    """Bytes of two codes along `in`, in groups of 16 bytes; scales are exponents."""
    *stack, _, outputs = matrix.shape
    codes = _bytes(tensors["_blocks"]).reshape(*stack, outputs, -1)
    scales = tensors["_scales"].view(ml_dtypes.float8_e8m0fnu)
    return Unpacked(codes.swapaxes(-1, -2), scales.swapaxes(-1, -2))


def _nvfp4(tensors: Mapping[str, Array], matrix: StoredMatrix) -> Unpacked:
    """Bytes of two codes along `in`; a scale of f8e4m3 for 16 of them, and one for the matrix."""
    scales = tensors[".weight_scale"].view(ml_dtypes.float8_e4m3fn)
    whole = tensors[".weight_scale_2"].reshape(())
    return Unpacked(_bytes(tensors[".weight"]).T, scales.T, whole=whole)


_UNPACK: Mapping[str, Callable[[Mapping[str, Array], StoredMatrix], Unpacked]] = {
    "awq": _awq,
    "gptq": _gptq,
    "gptq_v2": _gptq_v2,
    "mxfp4": _mxfp4,
    "nvfp4": _nvfp4,
    "packed": _packed,
}


def _fields(words: Array, bits: int, axis: int) -> Array:
    """The fields of 32-bit words along an axis, the lowest first, as whole numbers from 0."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    fields = np.ascontiguousarray(words).view(np.uint32)[..., None] >> shifts & np.uint32((1 << bits) - 1)
    shape = [*words.shape]
    shape[axis] *= len(shifts)
    return np.moveaxis(fields, -1, axis + 1).reshape(shape).astype(np.int16)


def _signed(fields: Array, matrix: StoredMatrix) -> Array:
    """Whole numbers from 0, less half of what the format holds, as int8."""
    return (fields - (1 << (matrix.bits - 1))).astype(np.int8)


def _held(codes: Array, matrix: StoredMatrix) -> Array:
    """Codes in bytes: of 4 bits two in one, along `in`."""
    return codes if matrix.bits == 8 else paired(codes)


def paired(codes: Array) -> Array:
    """Codes `[…, in, out]` of 4 bits, two in a byte along `in`: that of the even input in the lower half."""
    low, high = (codes[..., first::2, :] & 15 for first in (0, 1))
    return (low | high << 4).astype(np.uint8).view(np.int8)


def _bytes(array: Array) -> Array:
    """The bits of elements of one byte, as int8."""
    return np.ascontiguousarray(array).view(np.int8)
