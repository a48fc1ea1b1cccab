"""Packs matrices of codes as checkpoints do, one bit field after the other, in plain Python.

Each function states a layout by itself: nothing of `kl` is used. Codes and zero points are numbers from 0, as
nested lists `[in][out]` and `[groups][out]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = Sequence[Sequence[int]]
Array = NDArray[Any]


def word(fields: Sequence[int], bits: int) -> int:
    """A signed 32-bit word, the first field in its lowest bits."""
    value = 0
    for place, field in enumerate(fields):
        value += (field % (1 << bits)) << (bits * place)
    return value - (1 << 32) if value >= 1 << 31 else value


def along_rows(rows: Rows, bits: int) -> Array:
    """Words of fields that lie below each other."""
    per = 32 // bits
    words = [
        [word([rows[first + n][column] for n in range(per)], bits) for column in range(len(rows[0]))]
        for first in range(0, len(rows), per)
    ]
    return np.array(words, np.int32)


def along_columns(rows: Rows, bits: int, order: Sequence[int] | None = None) -> Array:
    """Words of fields that lie beside each other, in an order of the fields of a word."""
    per = 32 // bits
    places = range(per) if order is None else order
    words = [
        [word([row[first + n] for n in places], bits) for first in range(0, len(row), per)] for row in rows
    ]
    return np.array(words, np.int32)


def turned(rows: Rows) -> list[list[int]]:
    """Columns as rows."""
    return [[*column] for column in zip(*rows, strict=True)]


def gptq(codes: Rows, zeros: Rows, scales: Array, bits: int, less: int) -> dict[str, Array]:
    """AutoGPTQ: words along the inputs; zero points along the outputs, less by one in the first version."""
    stored = [[zero - less for zero in row] for row in zeros]
    group = len(codes) // len(zeros)
    return {
        ".qweight": along_rows(codes, bits),
        ".qzeros": along_columns(stored, bits),
        ".scales": scales,
        ".g_idx": np.array([row // group for row in range(len(codes))], np.int32),
    }


def awq(codes: Rows, zeros: Rows, scales: Array) -> dict[str, Array]:
    """AutoAWQ: words along the outputs, whose fields are those of outputs 0, 2, 4, 6, 1, 3, 5, 7."""
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    return {
        ".qweight": along_columns(codes, 4, order),
        ".qzeros": along_columns(zeros, 4, order),
        ".scales": scales,
    }


def packed(codes: Rows, zeros: Rows | None, scales: Array, bits: int) -> dict[str, Array]:
    """compressed-tensors: a row for each output, words along the inputs."""
    found = {
        ".weight_packed": along_columns(turned(codes), bits),
        ".weight_scale": np.array(scales.T, order="C"),
        ".weight_shape": np.array([len(codes[0]), len(codes)], np.int64),
    }
    if zeros is not None:
        found[".weight_zero_point"] = along_rows(turned(zeros), bits)
    return found


def pairs(codes: Rows) -> Array:
    """A row of bytes for each output: even inputs in the lower halves."""
    rows = [[row[n] | row[n + 1] << 4 for n in range(0, len(row), 2)] for row in turned(codes)]
    return np.array(rows, np.uint8)


def mxfp4(codes: Rows, exponents: Rows) -> dict[str, Array]:
    """gpt-oss: bytes of an output in groups of 16, an exponent for each."""
    found = pairs(codes)
    return {
        "_blocks": found.reshape(len(found), -1, 16),
        "_scales": np.array(turned(exponents), np.uint8),
    }


def nvfp4(codes: Rows, scales: Rows, whole: float) -> dict[str, Array]:
    """modelopt: bytes of an output, a byte of f8e4m3 for each 16 inputs, and one number."""
    return {
        ".weight": pairs(codes),
        ".weight_scale": np.array(turned(scales), np.uint8),
        ".weight_scale_2": np.array(whole, np.float32),
    }
