"""Writes safetensors files byte by byte, right ones and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

CODES = {
    **{"bfloat16": "BF16", "float16": "F16", "float32": "F32", "float8_e4m3fn": "F8_E4M3"},
    **{"int8": "I8", "int32": "I32", "int64": "I64", "uint8": "U8"},
}


def framed(header: bytes, data: bytes = b"") -> bytes:
    """A file of this header and this buffer."""
    return len(header).to_bytes(8, "little") + header + data


def contents(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """A safetensors file, with metadata as real ones have it."""
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, array in tensors.items():
        offsets = [len(data), len(data) + array.nbytes]
        entry = {"dtype": CODES[str(array.dtype)], "shape": array.shape, "data_offsets": offsets}
        header[name], data = entry, data + array.tobytes()
    return framed(json.dumps(header).encode(), data)


def save(path: Path, tensors: Mapping[str, NDArray[Any]]) -> Path:
    """Write a safetensors file."""
    path.write_bytes(contents(tensors))
    return path


def save_aligned(path: Path, tensors: Mapping[str, NDArray[Any]]) -> Path:
    """Write a large file, whose buffer begins at a multiple of 8 bytes, as the library's do."""
    header: dict[str, Any] = {}
    end = 0
    for name, array in tensors.items():
        offsets, end = [end, end + array.nbytes], end + array.nbytes
        header[name] = {"dtype": CODES[str(array.dtype)], "shape": array.shape, "data_offsets": offsets}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(framed(text + b" " * (-len(text) % 8)))
        file.writelines(array.tobytes() for array in tensors.values())
    return path


def save_index(path: Path, files: Mapping[str, str]) -> Path:
    """Write an index: the file of each tensor."""
    path.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": files}))
    return path
