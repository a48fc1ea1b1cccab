"""Weights of a model: seeded random ones, or those of a checkpoint in safetensors files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..dialects.stored_formats import SUFFIXES, ZEROS
from ..dialects.vocabulary import STORED_FLOATS as FLOATS
from ..dialects.weight_parts import EXPERT, experts_found
from .checkpoints import read_checkpoint
from .packed_weights import as_matrix, of_tensors, packed_tensors
from .parts import Part as Part
from .parts import Parts
from .safetensors import StoredTensor
from .stored_weights import random_part, shares_scale
from .tensors import Array, TensorSpec, in_pieces, rounded
from .unread import check_read, note_read
from .weight_layers import WeightError as WeightError
from .weight_layers import kept, layer_of, packed_layer, parts_of_tensor, shape_on_disk_of, wanted_shape
from .weight_specs import WeightSpec as WeightSpec

if TYPE_CHECKING:
    from numpy.random import Generator

T = TypeVar("T")


@dataclass(frozen=True)
class Weights:
    """Numbers for the weights of a model, by their names."""

    slices: Mapping[str, tuple[Array, ...]]
    """Of a stack one array a layer, else one: each of the weight's `layer_shape`, and never written.

    Each is C-ordered, or C-ordered with its last two dimensions swapped: so are those of a transposed weight,
    which lie as a checkpoint has them, but for constants and what several tensors pack. Where a checkpoint
    has the very numbers it is a view of the mapped file, which must stay as it is: one cut short meanwhile
    ends the process.
    """
    stacks: frozenset[str] = frozenset()
    """The names of the stacks."""
    ignored: Mapping[str, str] = field(default_factory=dict[str, str])
    """The tensors of the checkpoint that are not read, or not wholly, as was asked for: what of each."""

    @property
    def arrays(self) -> Mapping[str, Array]:
        """Whole weights, C-ordered: each is made when it is asked for, and not kept here."""
        return WholeArrays(self.slices, self.stacks)


@dataclass(frozen=True, eq=False)
class WholeArrays(Mapping[str, Array]):
    """Whole weights by name; one that is no view of its only slice is made of its slices each time."""

    slices: Mapping[str, tuple[Array, ...]]
    stacks: frozenset[str]

    def __getitem__(self, name: str) -> Array:
        import numpy as np

        slices = self.slices[name]
        if name not in self.stacks:
            return np.asarray(slices[0], order="C")
        stack = np.empty((len(slices), *slices[0].shape), slices[0].dtype)
        for layer, slice_ in enumerate(slices):
            stack[layer] = slice_
        return stack

    def __iter__(self) -> Iterator[str]:
        return iter(self.slices)

    def __len__(self) -> int:
        return len(self.slices)


def in_slices(weights: Mapping[str, Array]) -> Mapping[str, Array | tuple[Array, ...]]:
    """Weights by name, without a copy: in slices where whole ones would have to be made of them."""
    return weights.slices if isinstance(weights, WholeArrays) else weights


def random_weights(specs: Iterable[WeightSpec], seed: int) -> dict[str, Array]:
    """Normal numbers that keep activations near 1: deviation fan-in^-1/2; vectors (norms) around 1.

    A weight depends on its name and shape and the seed alone, and the first layers of a stack not on
    how many follow. Constants have their own numbers.
    """
    return {spec.name: _whole(spec, _random_layers(spec, seed)) for spec in specs}


def _random_layers(spec: WeightSpec, seed: int) -> Iterator[Array]:
    """The layers of a random weight, in order, or the whole one: new arrays, C-ordered."""
    import numpy as np

    if spec.values is not None:
        yield from _constant_layers(spec)
        return
    rng = np.random.default_rng([seed, *spec.name.encode()])
    layers = spec.tensor.shape[0] if spec.stacked else 1
    if spec.stored is not None:
        yield from random_part(spec.stored, TensorSpec(spec.layer_shape, spec.tensor.dtype), layers, rng)
        return
    for _ in range(layers):
        yield _normal(TensorSpec(spec.layer_shape, spec.tensor.dtype), rng)


def _constant_layers(spec: WeightSpec) -> Iterator[Array]:
    """The layers of a constant, or the whole one, C-ordered."""
    import numpy as np

    assert spec.values is not None, f"{spec.name} is no constant"
    whole = rounded(np.array(spec.values, np.float64).reshape(spec.tensor.shape), spec.tensor.dtype)
    yield from (whole[layer, ...] for layer in range(len(whole))) if spec.stacked else (whole,)


def _normal(layer: TensorSpec, rng: Generator) -> Array:
    import numpy as np

    def make(count: int) -> Array:
        numbers = rng.standard_normal(count, np.float32)
        shape = layer.shape
        numbers = numbers / sqrt(shape[-2]) if len(shape) > 1 else 1 + numbers / 8
        return rounded(numbers, layer.dtype)

    return in_pieces(layer, make)


def _whole(spec: WeightSpec, layers: Iterable[Array]) -> Array:
    if not spec.stacked:
        (whole,) = layers
        return whole
    stack = spec.tensor.zeros()
    for number, layer in enumerate(layers):
        stack[number] = layer
    return stack


def seeded_weights(specs: Iterable[WeightSpec], seed: int) -> Weights:
    """The weights of `random_weights`, those that are transposed as a checkpoint would have them."""
    specs = tuple(specs)
    slices = {spec.name: tuple(kept(spec, layer) for layer in _random_layers(spec, seed)) for spec in specs}
    return Weights(slices, _stacks(specs))


def _stacks(specs: Iterable[WeightSpec]) -> frozenset[str]:
    return frozenset(spec.name for spec in specs if spec.stacked)


def load_weights(path: str | Path, specs: Iterable[WeightSpec], ignore: Sequence[str] = ()) -> Weights:
    """Read weights by their names in a checkpoint: a file, an index or a folder.

    All of the checkpoint is read by some weight, but for tensors that match one of the patterns of `ignore`,
    such as `*.bias`. Float types are converted to the weight's, with one rounding. What is there
    as the weight has it is mapped and not read.

    Raises: CheckpointError if a file is against the rules of the format, if a tensor is missing, has another
        shape or holds no floats, if a weight names no tensor, or if something of the checkpoint is not read.
        OSError if a file cannot be opened.
    """
    tensors, specs = read_checkpoint(Path(path)), tuple(specs)
    for spec in specs:
        _check_experts(spec, tensors, ignore)
    found = {spec.name: _tensors_of(spec, tensors) for spec in specs}
    read: dict[str, list[Parts]] = {}
    matrices = dict(tensors)
    for spec in specs:
        part, stored = (spec.rows, spec.columns), spec.stored
        if stored is not None and stored.layout and spec.columns is not None:
            whole = {name: as_matrix(stored.layout, name, tensors) for name in spec.tensor_names}
            matrices |= whole
            note_read(read, whole.values(), part)
            part = (None, None)
        for tensor in found[spec.name]:
            shared = stored is not None and shares_scale(stored, tensor.shape)
            note_read(read, [tensor], (None, None) if shared else part)
    ignored = check_read(matrices, read, ignore)
    files: dict[Path, Array] = {}
    slices = {spec.name: tuple(_load(spec, found[spec.name], tensors, found, files)) for spec in specs}
    return Weights(slices, _stacks(specs), ignored)


def _tensors_of(spec: WeightSpec, tensors: Mapping[str, StoredTensor]) -> list[StoredTensor]:
    """The tensors of a checkpoint that a weight reads, one a layer or one an expert of each.

    Raises: WeightError if one is missing or has another shape, or the weight no name.
    """
    if spec.checkpoint is None and spec.values is None:
        raise WeightError(f"weight {spec.name} has no name in a checkpoint; give it one with `from`")
    if spec.stored is not None and spec.stored.layout:
        part = of_tensors(spec.stored, len(spec.tensor_shape))
        each = [packed_tensors(part, prefix, spec.columns, tensors) for prefix in spec.tensor_names]
        return [tensor for found in each for tensor in found.values()]
    for name in spec.tensor_names:
        if name not in tensors:
            close = get_close_matches(name, tensors, 1)
            hint = f"; it has '{close[0]}'" if close else ""
            raise WeightError(f"the checkpoint has no tensor '{name}' for weight {spec.name}{hint}")
        _check_shape(spec, tensors[name])
    return [tensors[name] for name in spec.tensor_names]


def _check_experts(spec: WeightSpec, tensors: Collection[str], ignore: Sequence[str]) -> None:
    """Raises: WeightError where a layer has more experts in the checkpoint than in the weight, or fewer; more
    may be ignored.
    """
    for name in spec.layer_names if spec.experts is not None else ():
        found = experts_found(name, spec.experts or 0, tensors)
        more = name.replace(EXPERT, str(spec.experts))
        if found == spec.experts or (more in tensors and any(fnmatchcase(more, one) for one in ignore)):
            continue
        has = f"the checkpoint has {found} of '{name}', weight {spec.name} takes {spec.experts}"
        raise WeightError(f"another number of experts: {has}")


def _check_shape(spec: WeightSpec, tensor: StoredTensor) -> None:
    """Raises: WeightError unless the part of a tensor that a weight reads is of its shape and a type."""
    if spec.stored is None and spec.tensor.dtype not in FLOATS.values():
        raise WeightError(f"weight {spec.name} is of {spec.tensor.dtype}; checkpoints hold floats only")
    shape, text = [*shape_on_disk_of(spec, tensor)], ""
    for what, part, axis in parts_of_tensor(spec, shape):
        text += f" {what} {part},"
        if axis < 0 or not part.fits(shape[axis]):
            raise WeightError(f"weight {spec.name} takes{text[:-1]} of {tensor}, of shape {tensor.shape}")
        shape[axis] = part.count(shape[axis])
    wanted = wanted_shape(spec)
    if tuple(shape) != wanted:
        part = f",{text} {tuple(shape)}" if text else ""
        raise WeightError(f"{tensor} has shape {tensor.shape}{part}; weight {spec.name} takes {wanted}")


def _load(
    spec: WeightSpec,
    tensors: Sequence[StoredTensor],
    checkpoint: Mapping[str, StoredTensor],
    names: Collection[str],
    files: dict[Path, Array],
) -> Iterator[Array]:
    """The slices of a weight whose tensors fit; `names` are those of all weights, `files` are mapped."""
    if spec.values is not None:
        yield from (kept(spec, layer) for layer in _constant_layers(spec))
    elif spec.stored is not None and spec.stored.layout:
        base = spec.name.removesuffix(SUFFIXES[spec.stored.part])
        has_zeros = f"{base}{SUFFIXES[ZEROS]}" in names
        for prefixes in _by_layer(spec, spec.tensor_names):
            yield kept(spec, packed_layer(spec, spec.stored, prefixes, checkpoint, has_zeros=has_zeros))
    else:
        yield from (layer_of(spec, layer, files) for layer in _by_layer(spec, tensors))


def _by_layer(spec: WeightSpec, each: Sequence[T]) -> Iterator[Sequence[T]]:
    """What there is of each tensor, in groups of those of a layer: one, or one an expert."""
    count = spec.experts or 1
    return (each[first : first + count] for first in range(0, len(each), count))
