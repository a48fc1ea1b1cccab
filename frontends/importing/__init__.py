"""From a published model to its text: `config.json`, or a checkpoint with its config (`docs/import.md`).

`import_model` takes plain data, which `kl.tools` reads from files; recipes of other packages come as arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from .checks import Tensor, check, skipped, tied_copy
from .errors import SourceError
from .models import language_part, make_model, unknown_keys
from .pieces import Number
from .recipe import Recipe
from .recipes import RECIPES
from .writer import change, compose, identifier, write

FLOATS = {"BF16": "bf16", "F16": "f16", "F32": "f32", "F64": "f64"}
"""Our name of each float type of safetensors files."""


@dataclass(frozen=True)
class Source:
    """What is imported."""

    name: str
    """Of the file or folder, for the text."""
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor] | None = None
    """Those of a checkpoint, by name; None where there is none."""
    ignored: tuple[str, ...] = ()
    """Patterns of keys and tensors that the user leaves out."""
    parameters: Mapping[str, Number] = field(default_factory=dict[str, Number])
    """What the user says in place of the text's numbers."""
    recipes: tuple[Recipe, ...] = ()
    """Those of other packages."""


@dataclass(frozen=True)
class Imported:
    """A model that is imported."""

    text: str
    architecture: str
    parameters: int
    """The numbers that its checkpoint holds."""
    notes: tuple[str, ...]
    """What was left out, as sentences without a full stop."""
    tied_copy: tuple[str, str] | None
    """Two tensors of the checkpoint that must be equal, bit for bit."""
    skipped: tuple[str, ...]
    """Patterns of tensors that checkpoints of it hold and that the text does not read."""


def import_model(source: Source) -> Imported:
    """The text of a model.

    Raises: SourceError for what is not known, contradicts itself or does not fit the checkpoint.
    """
    values, outer = language_part(source.config)
    ignored = [key for key in values if any(fnmatchcase(key, one) for one in source.ignored)]
    values = {key: value for key, value in values.items() if key not in ignored}
    recipe = find_recipe(values, source.recipes)
    tensors = source.tensors
    model = make_model(identifier(source.name), recipe, values, tensors, _dtype(tensors))
    composed = compose(model)
    unknown_keys(model)
    composed = change(composed, source.parameters)
    _check_context(recipe, composed.numbers["context"], model.positions, values)
    left = [] if tensors is None else check(composed, tensors, source.ignored)
    notes = [f"left out: {', '.join(outer)}"] if outer else []
    notes += [f"ignored: {', '.join(ignored)}"] if ignored else []
    notes += [f"skipped tensors: {_listed(left)}"] if left else []
    return Imported(
        write(composed, source.name, notes),
        recipe.name,
        composed.parameters,
        tuple(notes),
        None if tensors is None else tied_copy(composed, tensors),
        tuple(skipped(composed)),
    )


def _listed(names: list[str]) -> str:
    """A few names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _dtype(tensors: Mapping[str, Tensor] | None) -> str | None:
    """The type of most tensors of a checkpoint."""
    found = [FLOATS[one.dtype] for one in (tensors or {}).values() if one.dtype in FLOATS]
    return max(dict.fromkeys(found), key=found.count) if found else None


def _check_context(recipe: Recipe, context: Number, positions: int | None, values: Mapping[str, Any]) -> None:
    """Raises: SourceError for a context beyond the positions that a model has learned, or scaling that is not
    the same for all of them.
    """
    if positions is None or context <= positions:
        return
    scaling = values.get("rope_scaling") or values.get("rope_parameters") or {}
    if "dynamic" in (scaling.get("rope_type"), scaling.get("type")):
        why = "dynamic scaling of rope changes beyond it"
    elif recipe.embedding.positions is not None:
        why = "the model has learned no further position"
    else:
        return
    raise SourceError(f"context is {context}, max_position_embeddings {positions}: {why}", "take a smaller one")


def find_recipe(values: Mapping[str, Any], others: Iterable[Recipe] = ()) -> Recipe:
    """The recipe of a config.

    Raises: SourceError where there is none.
    """
    known = {name: recipe for one in (*others, *RECIPES) for name, recipe in _named(one)}
    name = values.get("model_type")
    if not isinstance(name, str):
        raise SourceError("the config has no model_type", f"it says one of {', '.join(known)}")
    if name not in known:
        close = get_close_matches(name, known, 3)
        near = f"known are {', '.join(close or known)}"
        raise SourceError(
            f"there is no recipe for the architecture '{name}'",
            f"{near}; docs/import.md shows how to add one",
        )
    return known[name]


def _named(recipe: Recipe) -> list[tuple[str, Recipe]]:
    return [(name, recipe) for name in (recipe.name, *recipe.model_types)]
