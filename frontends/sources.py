"""Where a checkpoint keeps a weight: the tensor's name, the part of it, and the numbers of the layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..dialects.weight_parts import (
    COLUMNS,
    EXPERT,
    LAYER,
    ROWS,
    Part,
    extent_on_disk,
    layers_trouble,
    names_experts,
    part_trouble,
)
from .diagnostics import counted, error
from .scope import Scope, extent, whole
from .syntax import Layer, Name, Numbers, Source, Text
from .syntax import Part as WrittenPart

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Stack:
    """The layer kind that weights and caches belong to; their symbols hold one slice per layer."""

    kind: str
    count: int
    layers: tuple[int, ...] | None = None
    """What `{layer}` stands for in each of them; None is 0, 1, 2, …."""


@dataclass(frozen=True)
class Origin:
    """What is known of a weight's tensor in a checkpoint; without a name, there is none."""

    checkpoint: str | None = None
    transposed: bool = False
    rows: Part | None = None
    columns: Part | None = None
    layers: tuple[int, ...] | None = None


def origin(source: Source | None, shape: Sequence[int], scope: Scope, stack: Stack | None) -> Origin:
    """Where a weight comes from; `shape` is that of one layer of a stack, with its experts.

    Raises: ParseError if the shape cannot come from there, or the name does not say which layer's it is.
    """
    if source is None:
        return Origin()
    _check_placeholders(source.tensor, stack)
    if names_experts(source.tensor.text):
        if len(shape) < 2:
            message = f"'{EXPERT}' in the name of a weight of {counted(len(shape), 'dimension')}"
            raise error(source.tensor.span, message, f"{EXPERT} counts its first one: [experts, in, out]")
        shape = shape[1:]
    if source.transposed and len(shape) < 2:
        message = f"a weight of {counted(len(shape), 'dimension')} cannot come from transposed"
        raise error(source.span, message, 'matrices can: [in, out] from transposed "…"')
    return Origin(
        source.tensor.text,
        source.transposed,
        _part(ROWS, source.rows, source, shape, scope),
        _part(COLUMNS, source.columns, source, shape, scope),
        stack.layers if stack is not None else None,
    )


def _part(
    which: str, written: WrittenPart | None, source: Source, shape: Sequence[int], scope: Scope
) -> Part | None:
    if written is None:
        return None
    there = extent_on_disk(shape, which, transposed=source.transposed)
    if there is None:
        message = f"a weight of {counted(len(shape), 'dimension')} has no {which}"
        raise error(written.span, message, "a vector has rows, a matrix rows and columns")
    each = extent(written.each, scope) if written.each is not None else 0
    part = whole(written.first, scope), whole(written.last, scope), each
    if trouble := part_trouble(which, part, there):
        help = "rows and columns are those of the tensor as it lies on disk, before it is transposed"
        raise error(written.span, trouble, help if source.transposed else "")
    return part


def _check_placeholders(text: Text, stack: Stack | None) -> None:
    names = [f"{{{name}}}" for name in _PLACEHOLDER.findall(text.text)]
    if stack is None and LAYER in names:
        message = f"'{LAYER}' in a weight outside of layers"
        raise error(text.span, message, f"weights of a layer have {LAYER} in their name")
    unknown = [name for name in names if name not in (LAYER, EXPERT)]
    if unknown:
        help = f"{LAYER} is the number of the layer, {EXPERT} that of the expert"
        raise error(text.span, f"'{unknown[0]}' is unknown here", help)
    if stack is not None and stack.count > 1 and LAYER not in names:
        message = f"all {stack.count} layers of '{stack.kind}' would load the same tensor"
        raise error(text.span, message, f'number them: "model.layers.{LAYER}.…"')


def layer_numbers(layer: Layer, count: int, scope: Scope) -> tuple[int, ...] | None:
    """The numbers of a kind's layers in a checkpoint; None where they are 0, 1, 2, ….

    Raises: ParseError if they are not so many different whole numbers from 0.
    """
    places = layer.places
    if places is None:
        return None
    if isinstance(places, Numbers):
        numbers = [whole(number, scope) for number in places.numbers]
    else:
        inner, variable, numbers = scope.inner(), Name(places.span, "layer"), []
        for number in range(count):
            inner.set_number(variable, number)
            numbers.append(whole(places, inner))
    if trouble := layers_trouble(numbers, count):
        help = f"each layer of '{layer.name.text}' has a number of its own in the checkpoint, from 0"
        raise error(places.span, trouble, help)
    return None if numbers == [*range(count)] else tuple(numbers)
