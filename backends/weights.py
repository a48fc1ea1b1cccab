"""Weights of a model: seeded random ones, or those of a checkpoint in safetensors files.

A safetensors file is eight bytes of header length, a JSON header and raw bytes. Numpy reads that as it
is, so the package of that name is no dependency, and only what a model uses is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np

from .tensors import Array, TensorSpec, rounded

_FLOATS = {"BF16": "bf16", "F16": "f16", "F32": "f32", "F64": "f64"}
"""Our name of each float type of the file format."""


class WeightError(ValueError):
    """A checkpoint that cannot be read or does not fit the model."""


@dataclass(frozen=True)
class WeightSpec:
    """A weight of a model and where a checkpoint holds it.

    A stacked weight has a leading dimension of layers; its checkpoint name holds `{layer}` for the
    index. A transposed one lies in the checkpoint with its last two dimensions swapped.
    """

    name: str
    tensor: TensorSpec
    checkpoint: str | None = None
    transposed: bool = False
    stacked: bool = False

    @property
    def layer_shape(self) -> tuple[int, ...]:
        """The shape of one layer of a stack, or of the whole weight if it is none."""
        return self.tensor.shape[1:] if self.stacked else self.tensor.shape


def random_weights(specs: Iterable[WeightSpec], seed: int) -> dict[str, Array]:
    """Normal numbers that keep activations near 1: deviation fan-in^-1/2; vectors (norms) around 1.

    A weight depends on its name and shape and the seed alone, and the first layers of a stack not on
    how many follow.
    """
    return {spec.name: _random_weight(spec, seed) for spec in specs}


def _random_weight(spec: WeightSpec, seed: int) -> Array:
    rng = np.random.default_rng([seed, *spec.name.encode()])
    numbers = rng.standard_normal(spec.tensor.shape, np.float32)
    shape = spec.layer_shape
    numbers = numbers / sqrt(shape[-2]) if len(shape) > 1 else 1 + numbers / 8
    return rounded(numbers, spec.tensor.dtype)


def load_safetensors(path: str | Path, specs: Iterable[WeightSpec]) -> dict[str, Array]:
    """Read weights by their checkpoint names from one file, or from all such files of a folder.

    Float types are converted to the weight's, with one rounding.

    Raises: WeightError if a file is not in the format or cut short, if a tensor is missing, has another
        shape or holds no floats, or if a weight names no tensor. OSError if a file cannot be opened.
    """
    entries = _read_headers(Path(path))
    return {spec.name: _load_weight(spec, entries) for spec in specs}


@dataclass(frozen=True)
class _Entry:
    """A tensor of a checkpoint: its file, its first byte there, its shape and type as written."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: str

    def read(self, name: str) -> Array:
        """The tensor as a view of the file.

        Raises: WeightError if it holds no floats.
        """
        if self.dtype not in _FLOATS:
            raise WeightError(f"tensor '{name}' of {self.path} is {self.dtype}, not of floats")
        spec = TensorSpec(self.shape, _FLOATS[self.dtype])
        flat = np.memmap(self.path, spec.numpy_dtype, "r", self.offset, spec.elements)
        return flat.reshape(self.shape)


def _load_weight(spec: WeightSpec, entries: Mapping[str, _Entry]) -> Array:
    if spec.checkpoint is None:
        raise WeightError(f"weight {spec.name} has no name in a checkpoint; give it one with `from`")
    if not spec.stacked:
        return _load_tensor(spec, spec.checkpoint, entries)
    stack = spec.tensor.zeros()
    for layer in range(len(stack)):
        stack[layer] = _load_tensor(spec, spec.checkpoint.replace("{layer}", str(layer)), entries)
    return stack


def _load_tensor(spec: WeightSpec, name: str, entries: Mapping[str, _Entry]) -> Array:
    if name not in entries:
        close = get_close_matches(name, entries, 1)
        hint = f"; it has '{close[0]}'" if close else ""
        raise WeightError(f"the checkpoint has no tensor '{name}' for weight {spec.name}{hint}")
    wanted = spec.layer_shape
    if spec.transposed:
        wanted = (*wanted[:-2], wanted[-1], wanted[-2])
    entry = entries[name]
    if entry.shape != wanted:
        raise WeightError(
            f"tensor '{name}' of {entry.path} has shape {entry.shape}, weight {spec.name} takes {wanted}"
        )
    array = entry.read(name)
    array = array.swapaxes(-1, -2) if spec.transposed else array
    return np.array(rounded(array, spec.tensor.dtype), order="C")


# The format.


def read_tensors(path: Path) -> dict[str, _Entry]:
    """The tensors of a file, or of all such files of a folder, by name.

    Raises: WeightError for what is no such file, OSError.
    """
    return _read_headers(path)


def _read_headers(path: Path) -> dict[str, _Entry]:
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if not files:
        raise WeightError(f"{path} is a folder without .safetensors files")
    return {name: entry for file in files for name, entry in _read_header(file).items()}


def _read_header(path: Path) -> dict[str, _Entry]:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise WeightError(
                f"{path} is no safetensors file or cut short: "
                f"its header takes {length} bytes, the file has {size}"
            )
        text = file.read(length)
    try:
        header: dict[str, Any] = json.loads(text)
        header.pop("__metadata__", None)
        entries = {name: _entry(path, 8 + length, fields) for name, fields in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightError(f"{path} is no safetensors file: its header is malformed") from error
    for name, entry in entries.items():
        _check_extent(name, entry, 8 + length + header[name]["data_offsets"][1], size)
    return entries


def _entry(path: Path, start: int, fields: dict[str, Any]) -> _Entry:
    first, _ = map(int, fields["data_offsets"])
    shape = tuple(map(int, fields["shape"]))
    return _Entry(path, start + first, shape, str(fields["dtype"]))


def _check_extent(name: str, entry: _Entry, end: int, size: int) -> None:
    if end > size:
        raise WeightError(
            f"{entry.path} is cut short: tensor '{name}' ends at byte {end}, the file has {size}"
        )
    if entry.dtype in _FLOATS:
        wanted = TensorSpec(entry.shape, _FLOATS[entry.dtype]).size_bytes
        if end - entry.offset != wanted:
            raise WeightError(
                f"tensor '{name}' of {entry.path} takes {end - entry.offset} bytes, "
                f"its shape and type {wanted}"
            )
