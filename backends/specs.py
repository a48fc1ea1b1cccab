"""From the IR to plain data: types as specs, attributes as numbers, weights with their names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    MemRefType,
    ModuleOp,
    TensorType,
)
from xdsl.ir import Attribute

from ..dialects.nn import WeightOp
from ..dialects.rule_calls import attributes_of as attributes_of
from .parts import Part
from .tensors import TensorSpec, whole_spec
from .weight_specs import WeightSpec


@lru_cache(maxsize=1024)
def tensor_spec(type_: Attribute) -> TensorSpec:
    """The spec of a tensor or memref type.

    Raises: ValueError if its element type has no counterpart in numpy.
    """
    assert isinstance(type_, TensorType | MemRefType), f"{type_} has a shape by the op's definition"
    return TensorSpec(type_.get_shape(), str(type_.get_element_type()))


def weight_specs(module: ModuleOp) -> list[WeightSpec]:
    """The weights that a module declares, in its order: whole ones, however they lie on the sockets."""
    return [
        WeightSpec(
            op.sym_name.data,
            spec_of_whole(op),
            op.checkpoint.data if op.checkpoint is not None else None,
            op.transposed is not None,
            op.stacked is not None,
            part_of(op.rows),
            part_of(op.columns),
            tuple(op.layers.get_values()) if op.layers is not None else None,
            values_of(op.value),
            op.stored.stored() if op.stored is not None else None,
        )
        for op in module.ops
        if isinstance(op, WeightOp)
    ]


def spec_of_whole(op: WeightOp) -> TensorSpec:
    """The spec of a weight as a checkpoint has it, of which each socket may have a part.

    Raises: ValueError if its element type has no counterpart in numpy.
    """
    spec = tensor_spec(op.type)
    if op.shard_axis is None or op.shard_parts is None:
        return spec
    return whole_spec(spec, op.shard_axis.value.data, op.shard_parts.value.data, runs_of(op), op.repeats)


def runs_of(op: WeightOp) -> tuple[int, ...]:
    """Elements and zeros in turn along the axis that is split; none if there are no zeros."""
    return tuple(op.shard_runs.get_values()) if op.shard_runs is not None else ()


def values_of(attribute: DenseIntOrFPElementsAttr | None) -> tuple[float, ...] | None:
    """The elements of a constant; None of what is none."""
    if attribute is None:
        return None
    return tuple(value for value in attribute.get_values() if isinstance(value, float))


def part_of(attribute: DenseArrayBase[Any] | None) -> Part | None:
    """The rows or columns of a checkpoint's tensor that a weight is; None is all of them."""
    if attribute is None:
        return None
    first, last, each = attribute.get_values()
    return Part(first, last, each or None)
