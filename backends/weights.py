"""Weights of a model: seeded random ones, or those of a checkpoint in safetensors files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from math import sqrt
from pathlib import Path

from ..dialects.stored_formats import SUFFIXES, ZEROS, StoredPart
from ..dialects.vocabulary import STORED_FLOATS as FLOATS
from ..dialects.weight_parts import EXPERT, LAYER, experts_found, names_experts
from .checkpoints import read_checkpoint
from .packed_weights import as_matrix, of_tensors, packed_tensors, read_packed
from .parts import Part as Part
from .parts import Parts
from .safetensors import CheckpointError, StoredTensor
from .stored_weights import random_part, read_part, shape_on_disk, shares_scale
from .tensors import Array, TensorSpec, rounded
from .unread import check_read, note_read


class WeightError(CheckpointError):
    """A checkpoint that does not fit the model."""


@dataclass(frozen=True)
class WeightSpec:
    """A weight of a model and where a checkpoint holds it, or a constant and its numbers.

    A stacked weight has a leading dimension of layers; its checkpoint name holds `{layer}` for the
    number of each. Where the name holds `{expert}`, the dimension behind it counts experts. `rows` and
    `columns` are of the tensor as a checkpoint has it; what they leave of it is transposed then: its last two
    dimensions are swapped.
    """

    name: str
    tensor: TensorSpec
    checkpoint: str | None = None
    transposed: bool = False
    stacked: bool = False
    rows: Part | None = None
    columns: Part | None = None
    layers: tuple[int, ...] | None = None
    """The number of each layer of a stack in the checkpoint; 0, 1, 2, … if None."""
    values: tuple[float, ...] | None = None
    """All elements of a constant: it is in no checkpoint, and never random."""
    stored: StoredPart | None = None
    """Which part of a weight of fewer bits it is."""

    def __post_init__(self) -> None:
        stack = self.tensor.shape[0] if self.stacked else 0
        if self.layers is not None and len(self.layers) != stack:
            raise ValueError(f"{self.name} has {stack} layers, and numbers for {len(self.layers)}")
        if names_experts(self.checkpoint) and len(self.tensor.shape) < 2 + self.stacked:
            raise ValueError(f"{self.name} is a {self.tensor}, which has no experts and their tensors")
        if self.values is not None and len(self.values) != self.tensor.elements:
            raise ValueError(f"{self.name} is a {self.tensor}, with {len(self.values)} numbers")

    @property
    def layer_shape(self) -> tuple[int, ...]:
        """The shape of one layer of a stack, or of the whole weight if it is none."""
        return self.tensor.shape[1:] if self.stacked else self.tensor.shape

    @property
    def experts(self) -> int | None:
        """How many experts have a tensor each, in a layer; None where tensors are not so divided."""
        return self.layer_shape[0] if names_experts(self.checkpoint) else None

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The shape of what it has of each of its tensors."""
        return self.layer_shape if self.experts is None else self.layer_shape[1:]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Its tensors in a checkpoint, one a layer, with `{expert}` where each expert has one; none without a
        name there, and of a constant.
        """
        if self.checkpoint is None or self.values is not None:
            return ()
        if not self.stacked:
            return (self.checkpoint,)
        numbers = self.layers if self.layers is not None else range(self.tensor.shape[0])
        return tuple(self.checkpoint.replace(LAYER, str(number)) for number in numbers)

    @property
    def tensor_names(self) -> tuple[str, ...]:
        """Its tensors in a checkpoint, those of a layer's experts one behind the other."""
        if self.experts is None:
            return self.layer_names
        numbers = range(self.experts)
        return tuple(name.replace(EXPERT, str(number)) for name in self.layer_names for number in numbers)


@dataclass(frozen=True)
class Weights:
    """Numbers for the weights of a model, by their names."""

    arrays: Mapping[str, Array]
    ignored: Mapping[str, str] = field(default_factory=dict[str, str])
    """The tensors of the checkpoint that are not read, or not wholly, as was asked for: what of each."""


def random_weights(specs: Iterable[WeightSpec], seed: int) -> dict[str, Array]:
    """Normal numbers that keep activations near 1: deviation fan-in^-1/2; vectors (norms) around 1.

    A weight depends on its name and shape and the seed alone, and the first layers of a stack not on
    how many follow. Constants have their own numbers.
    """
    return {
        spec.name: _constant(spec) if spec.values is not None else _random_weight(spec, seed)
        for spec in specs
    }


def _random_weight(spec: WeightSpec, seed: int) -> Array:
    import numpy as np

    rng = np.random.default_rng([seed, *spec.name.encode()])
    if spec.stored is not None:
        return random_part(spec.stored, spec.tensor, rng)
    numbers = rng.standard_normal(spec.tensor.shape, np.float32)
    shape = spec.layer_shape
    numbers = numbers / sqrt(shape[-2]) if len(shape) > 1 else 1 + numbers / 8
    return rounded(numbers, spec.tensor.dtype)


def _constant(spec: WeightSpec) -> Array:
    import numpy as np

    return rounded(np.array(spec.values, np.float64).reshape(spec.tensor.shape), spec.tensor.dtype)


def load_weights(path: str | Path, specs: Iterable[WeightSpec], ignore: Sequence[str] = ()) -> Weights:
    """Read weights by their names in a checkpoint: a file, an index or a folder.

    All of the checkpoint is read by some weight, but for tensors that match one of the patterns of `ignore`,
    such as `*.bias`. Float types are converted to the weight's, with one rounding.

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
    arrays = {spec.name: _load(spec, found[spec.name], tensors, found) for spec in specs}
    return Weights(arrays, ignored)


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
    shape, text = [*_shape_on_disk(spec, tensor)], ""
    for what, part, axis in _parts(spec, shape):
        text += f" {what} {part},"
        if axis < 0 or not part.fits(shape[axis]):
            raise WeightError(f"weight {spec.name} takes{text[:-1]} of {tensor}, of shape {tensor.shape}")
        shape[axis] = part.count(shape[axis])
    wanted = _wanted_shape(spec)
    if tuple(shape) != wanted:
        part = f",{text} {tuple(shape)}" if text else ""
        raise WeightError(f"{tensor} has shape {tensor.shape}{part}; weight {spec.name} takes {wanted}")


def _wanted_shape(spec: WeightSpec) -> tuple[int, ...]:
    """The shape of what is read of a tensor, as it lies there."""
    wanted = spec.tensor_shape
    return (*wanted[:-2], *wanted[:-3:-1]) if spec.transposed else wanted


def _shape_on_disk(spec: WeightSpec, tensor: StoredTensor) -> tuple[int, ...]:
    """The shape of a tensor, or that which scales with other axes of one stand for."""
    if spec.stored is None:
        return tensor.shape
    partial = spec.rows is not None or spec.columns is not None
    return shape_on_disk(spec.stored, _wanted_shape(spec), tensor, partial=partial)


def _parts(spec: WeightSpec, shape: Sequence[int]) -> list[tuple[str, Part, int]]:
    """The parts that a weight takes of a tensor, with their axes; a negative one is not there."""
    rank = len(shape)
    if spec.stored is not None and shares_scale(spec.stored, shape):
        return []
    row = rank - 2 if rank > 1 else rank - 1
    both = (("rows", spec.rows, row), ("columns", spec.columns, rank - 1 if rank > 1 else -1))
    return [(what, part, axis) for what, part, axis in both if part is not None]


def _load(
    spec: WeightSpec,
    tensors: Sequence[StoredTensor],
    checkpoint: Mapping[str, StoredTensor],
    names: Collection[str],
) -> Array:
    """The numbers of a weight whose tensors fit; `names` are those of all weights."""
    if spec.values is not None:
        return _constant(spec)
    if spec.stored is not None and spec.stored.layout:
        base = spec.name.removesuffix(SUFFIXES[spec.stored.part])
        return _load_packed(spec, spec.stored, checkpoint, has_zeros=f"{base}{SUFFIXES[ZEROS]}" in names)
    if not spec.stacked and spec.experts is None:
        return _load_tensor(spec, tensors[0])
    stack = spec.tensor.zeros()
    for slice_, tensor in zip(stack.reshape(-1, *spec.tensor_shape), tensors, strict=True):
        slice_[...] = _load_tensor(spec, tensor)
    return stack


def _load_packed(
    spec: WeightSpec, stored: StoredPart, checkpoint: Mapping[str, StoredTensor], *, has_zeros: bool
) -> Array:
    """A part of a weight that several tensors of each layer hold, or of each expert."""
    whole, part = spec.tensor.zeros(), of_tensors(stored, len(spec.tensor_shape))
    slices = whole.reshape(-1, *spec.tensor_shape)
    for slice_, prefix in zip(slices, spec.tensor_names, strict=True):
        found = read_packed(part, prefix, spec.columns, checkpoint, has_zeros=has_zeros)
        slice_[...] = rounded(found, spec.tensor.dtype)
    return whole


def _load_tensor(spec: WeightSpec, tensor: StoredTensor) -> Array:
    import numpy as np

    if spec.stored is None:
        array = tensor.read()
    else:
        array = read_part(spec.stored, tensor).reshape(_shape_on_disk(spec, tensor))
    for _, part, axis in _parts(spec, array.shape):
        array = part.of(array, axis)
    array = array.swapaxes(-1, -2) if spec.transposed else array
    return np.array(_converted(array, spec, tensor), order="C")


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
