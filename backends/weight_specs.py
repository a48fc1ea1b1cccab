"""What a weight of a model is, and where a checkpoint holds it."""

from __future__ import annotations

from dataclasses import dataclass

from ..dialects.stored_formats import StoredPart
from ..dialects.weight_parts import EXPERT, LAYER, names_experts
from .parts import Part
from .tensors import TensorSpec


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
