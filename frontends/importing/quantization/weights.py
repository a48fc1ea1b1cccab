"""From the wide weights and caches of a text to those that are stored in few bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ...source_errors import SourceError
from ..models import Model
from ..pieces import Number, Piece, Weight, evaluated
from .facts import KEY
from .scheme import Scheme


def as_stored(piece: Piece, model: Model, layers: Iterable[int] = (0,)) -> Piece:
    """A piece with weights and caches as the model stores them; `layers` are those that have it.

    Raises: SourceError where layers store them differently, and for what its layout cannot give.
    """
    if model.scheme is not None:
        layers = tuple(layers)
        piece = replace(piece, weights=tuple(_stored(one, model.scheme, layers) for one in piece.weights))
    if model.cache_type is not None:
        piece = replace(piece, caches=tuple(_typed(cache, model.cache_type) for cache in piece.caches))
    return piece


def _stored(weight: Weight, scheme: Scheme, layers: Sequence[int]) -> Weight:
    if not weight.linear:
        return weight
    storage = scheme.of_all(weight.tensor, len(weight.shape), layers)
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
