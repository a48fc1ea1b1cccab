"""From the wide weights and caches of a text to those that are stored in few bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ...source_errors import SourceError
from ..models import Model
from ..pieces import Number, Piece, Weight, evaluated
from .facts import KEY
from .scheme import Scheme
from .storage import Storage


def as_stored(piece: Piece, model: Model, layer: int = 0) -> Piece:
    """A piece with weights and caches as the model stores them, in all layers as in one of this number.

    Raises: SourceError for patterns of single experts, and for what a layout cannot give.
    """
    if model.scheme is not None:
        piece = replace(piece, weights=tuple(_stored(one, model.scheme, layer) for one in piece.weights))
    if model.cache_type is not None:
        piece = replace(piece, caches=tuple(_typed(cache, model.cache_type) for cache in piece.caches))
    return piece


def stored_alike(model: Model, names: Sequence[str], bodies: Mapping[str, Piece]) -> list[str]:
    """The kinds of layers, by their bodies' names; those that store their weights differently have numbers.

    Raises: SourceError for patterns of single experts.
    """
    if model.scheme is None:
        return [*names]
    forms = [_form(bodies[name], model.scheme, layer) for layer, name in enumerate(names)]
    found: dict[str, dict[Form, int]] = {}
    for name, form in zip(names, forms, strict=True):
        own = found.setdefault(name, {})
        own.setdefault(form, len(own) + 1)
    return [
        f"{name}_{found[name][form]}" if len(found[name]) > 1 else name
        for name, form in zip(names, forms, strict=True)
    ]


Form = tuple[Storage | None, ...]
"""How the matrices of a layer are stored."""


def _form(piece: Piece, scheme: Scheme, layer: int) -> Form:
    return tuple(scheme.in_layer(one.tensor, len(one.shape), layer) for one in piece.weights if one.linear)


def _stored(weight: Weight, scheme: Scheme, layer: int) -> Weight:
    if not weight.linear:
        return weight
    storage = scheme.in_layer(weight.tensor, len(weight.shape), layer)
    if storage is not None and storage.layout is not None and weight.outputs_first:
        raise SourceError(
            f"'{weight.module}' is stored as {storage.layout}, and the text reads it by its outputs",
            f"{storage.layout} is read by inputs alone; a checkpoint in which the module is wide is read",
        )
    return replace(weight, storage=storage)


def _typed(cache: str, cache_type: str) -> str:
    """The declaration of a cache, with a type behind its extents."""
    declared, _, ring = cache.partition("]")
    return f"{declared}]: {cache_type}{ring}"


def check_part(weight: Weight, outputs: int, numbers: Mapping[str, Number]) -> None:
    """That the part that a weight has of a tensor of so many outputs is whole blocks of it.

    Raises: SourceError where it cuts a block.
    """
    part = weight.rows or weight.columns
    if weight.storage is None or not part:
        return
    some, _, each = part.partition(" each ")
    first, last = (int(evaluated(one, numbers)) for one in some.split(".."))
    every = int(evaluated(each, numbers)) if each else None
    weight.storage.check_part(weight.module, first, last, every, outputs)


def check_stored(model: Model, weights: Iterable[tuple[Weight, int]]) -> None:
    """Raises: SourceError where the scheme of a model stores none of its matrices."""
    if model.scheme is not None and all(weight.storage is None for weight, _ in weights):
        raise SourceError(
            f"the config's {model.scheme.method} stores no matrix of {model.recipe.name}",
            f"--ignore {KEY} goes on with wide weights",
        )


def notes_of(model: Model, weights: Iterable[tuple[Weight, int]]) -> list[str]:
    """What is stored in few bits, and what is not modelled of it, as sentences without a full stop."""
    counts: dict[str, int] = {}
    for weight, layers in weights:
        if weight.storage is not None:
            counts[weight.storage.format] = counts.get(weight.storage.format, 0) + layers
    found = [f"{count} matrices are stored as {name}" for name, count in counts.items()]
    found += model.scheme.notes if model.scheme is not None and counts else ()
    if model.cache_type is not None:
        found.append(f"caches are {model.cache_type}, with a scale of 1")
    return found
