"""The header of a safetensors file, held to the rules of the format and of the library of that name.

A file is eight bytes of header length, a JSON header and a buffer of raw bytes. Numpy reads the buffer as it
is, so the library is no dependency. What it (version 0.8) refuses is refused here. The format's own text
forbids more, and so does this reader: a name that stands twice, and a header that does not begin with `{`.
Three forms that the library lets pass and nobody writes are refused, too: entries that are lists or have more
fields than `dtype`, `shape` and `data_offsets`, types that are objects, and `__metadata__` that is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from mmap import mmap
from pathlib import Path
from typing import Any

from ..dialects.vocabulary import STORED_FLOATS as FLOATS
from .tensors import Array, TensorSpec

MOST_HEADER_BYTES = 100_000_000
"""A longer header is refused, as the library does."""

BITS: Mapping[str, int] = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}
"""Bits of an element of each type that the library knows."""


_MOST = 2**64 - 1
_FIELDS = ("dtype", "shape", "data_offsets")


class CheckpointError(ValueError):
    """A checkpoint that cannot be read or does not fit the model."""

    def __init__(self, message: str, way_out: str = ""):
        super().__init__(message)
        self.way_out = way_out


@dataclass(frozen=True)
class StoredTensor:
    """A tensor of a file: its type and shape as written, and where in the file its bytes lie."""

    name: str
    path: Path
    dtype: str
    shape: tuple[int, ...]
    first: int
    """The first byte, from the beginning of the file."""
    size_bytes: int

    def __str__(self) -> str:
        return f"tensor '{self.name}' of {self.path}"

    def read(self, file: Array | None = None) -> Array:
        """The tensor as a view of the file: only what is used of it is read.

        It is a view of `file`, the bytes of all of it, or of a mapping of its own, which goes with it.

        Raises: CheckpointError if it is of no type that weights are read from, OSError.
        """
        if self.dtype not in FLOATS:
            known = ", ".join(FLOATS)
            raise CheckpointError(f"{self} is {self.dtype}; weights are read from {known}")
        return self.read_as(FLOATS[self.dtype], file)

    def read_as(self, dtype: str, file: Array | None = None) -> Array:
        """The bytes of the tensor as elements of one of our types, which takes as many; a view like `read`.

        Raises: OSError.
        """
        import numpy as np

        spec = TensorSpec(self.shape, dtype)
        assert spec.size_bytes == self.size_bytes, f"{self} has elements of another size than {dtype}"
        if not spec.elements:
            return spec.zeros()
        if file is None:
            own = np.memmap(self.path, spec.numpy_dtype, "r", self.first, spec.elements)
            return own.view(np.ndarray).reshape(self.shape)
        return file[self.first : self.first + self.size_bytes].view(spec.numpy_dtype).reshape(self.shape)


def map_file(path: Path) -> Array:
    """All bytes of a file, mapped and read when they are used; they are not to be written.

    Raises: OSError.
    """
    import numpy as np

    return np.memmap(path, np.uint8, "r").view(np.ndarray)


def is_mapped(array: Array) -> bool:
    """Whether an array is a view of a mapped file."""
    owner = array
    while owner.base is not None and hasattr(owner.base, "base"):
        owner = owner.base
    return isinstance(owner.base, mmap)


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a file, by name.

    Raises: CheckpointError for a header that is against the rules, naming the tensor; OSError.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8:
            raise CheckpointError(
                f"{path} is no safetensors file or cut short: it has {size} bytes, "
                "of which the first 8 say how long the header is"
            )
        if size - 8 < length <= MOST_HEADER_BYTES:
            raise CheckpointError(
                f"{path} is no safetensors file or cut short: "
                f"its header takes {length} bytes behind the first 8, the file has {size}"
            )
        if length > MOST_HEADER_BYTES:
            raise CheckpointError(
                f"{path} is no safetensors file: its header would take {length} bytes, "
                f"at most {MOST_HEADER_BYTES} are allowed"
            )
        header = file.read(length)
    return parse_header(path, header, size - 8 - length)


def parse_header(path: Path, header: bytes, buffer_bytes: int) -> dict[str, StoredTensor]:
    """The tensors that a header declares in a buffer of so many bytes behind it; `path` is the file's.

    Raises: CheckpointError for what is against the rules.
    """
    if not header.startswith(b"{"):
        raise CheckpointError(f"{path} is no safetensors file: its header begins with {header[:8]!r}, not {{")
    fields = json_object(header, f"{path} is no safetensors file: its header")
    metadata = fields.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(type(value) is str for value in metadata.values()):
        raise CheckpointError(
            f"{path}: __metadata__ of its header maps names to texts, not {_short(metadata)}"
        )
    start = 8 + len(header)
    tensors = [_tensor(path, start, name, entry) for name, entry in fields.items()]
    _check_coverage(path, start, tensors, buffer_bytes)
    return {tensor.name: tensor for tensor in tensors}


def json_object(text: bytes, where: str) -> dict[str, Any]:
    """The object that a JSON text is, each name once; numbers are what JSON calls so, whole ones `int`.

    Raises: CheckpointError that begins with `where`, for any other text.
    """
    try:
        found = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_named_once,
            parse_int=_number,
            parse_constant=_no_number,
        )
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # half of a surrogate pair has no encoding
    except RecursionError:
        raise CheckpointError(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise CheckpointError(f"{where} is malformed: {error}") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{where} is no object: {_short(found)}")
    return found


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' stands in it twice")
    return found


def _number(text: str) -> int | float:
    """A whole number; -0 is none, as in the library."""
    return float(text) if text == "-0" else int(text)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _tensor(path: Path, start: int, name: str, entry: Any) -> StoredTensor:
    where = f"tensor '{name}' of {path}"
    if not isinstance(entry, dict) or sorted(entry) != sorted(_FIELDS):
        raise CheckpointError(f"{where} needs {', '.join(_FIELDS)} and no more, not {_short(entry)}")
    dtype = entry["dtype"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise CheckpointError(f"{where} is of the unknown type {_short(dtype)}; known: {', '.join(BITS)}")
    shape = _numbers(where, "shape", entry["shape"])
    offsets = _numbers(where, "data_offsets", entry["data_offsets"])
    if len(offsets) != 2:
        raise CheckpointError(f"{where} has {len(offsets)} data_offsets, not 2")
    first, end = offsets
    wanted = _size_bytes(where, dtype, shape)
    if end - first != wanted:
        raise CheckpointError(
            f"{where} takes {end - first} bytes, {first} to {end}; {dtype} of shape {shape} takes {wanted}"
        )
    return StoredTensor(name, path, dtype, shape, start + first, wanted)


def _numbers(where: str, field: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(one) is int and 0 <= one <= _MOST for one in value):
        raise CheckpointError(
            f"{where}: its {field} are whole numbers from 0 to {_MOST} in a list, not {_short(value)}"
        )
    return tuple(value)


def _size_bytes(where: str, dtype: str, shape: tuple[int, ...]) -> int:
    bits = 1
    for factor in (*shape, BITS[dtype]):
        bits *= factor
        if bits > _MOST:
            raise CheckpointError(f"{where}: {dtype} of shape {shape} takes more bits than {_MOST}")
    if bits % 8:
        raise CheckpointError(f"{where}: {dtype} of shape {shape} takes {bits} bits, no whole bytes")
    return bits // 8


def _check_coverage(path: Path, start: int, tensors: Iterable[StoredTensor], buffer_bytes: int) -> None:
    """That tensors lie one behind the other from the first byte of the buffer to the last."""
    end, before = 0, "the buffer begins at 0"
    for tensor in sorted(tensors, key=lambda one: (one.first, one.size_bytes)):
        first = tensor.first - start
        if first != end:
            trouble = "bytes of no tensor are between" if first > end else "they overlap"
            raise CheckpointError(f"{tensor} begins at byte {first} of the buffer, {before}: {trouble}")
        end = first + tensor.size_bytes
        before = f"'{tensor.name}' before it ends at {end}"
    if end != buffer_bytes:
        trouble = "it is cut short" if end > buffer_bytes else "the rest is of no tensor"
        raise CheckpointError(f"tensors of {path} take {end} bytes, its buffer has {buffer_bytes}: {trouble}")
