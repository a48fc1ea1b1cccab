"""From a published model to its text: `config.json`, or a checkpoint with its config (`docs/import.md`).

`import_model` takes plain data, which `kl.tools` reads from files; recipes of other packages are part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from ...dialects.vocabulary import STORED_FLOATS as FLOATS
from ...dialects.weight_parts import LAYER
from ..source_errors import SourceError
from .architectures import check_architectures
from .checks import Tensor, check, expected, tied_copy, unread
from .chunks import chunk_limit
from .configs import is_harmless, matching, without
from .headers import check_asked, header_config, left_of
from .models import Model, language_part, make_model, unknown_keys
from .pieces import Number
from .quantization import CACHE_TYPES, chosen, scheme_of
from .quantization.weights import check_stored, notes_of
from .recipe import Recipe
from .recipes import RECIPES
from .writer import ModelText, change, compose, identifier, write

SCALES = ("scale", "scales", "_scale_inv", "_scale_2")
"""How the names of tensors of scales end."""


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
    architecture: str | None = None
    """What the user says where there is no config; empty if nothing."""
    quantize: str | None = None
    """In which of the forms of `STORED` all matrices are, of a model without checkpoint."""
    cache_type: str | None = None
    """The type of caches, in place of what the config says."""


@dataclass(frozen=True)
class Imported:
    """A model that is imported."""

    text: str
    name: str
    """Of the model in the text."""
    architecture: str
    parameters: int
    """The numbers that its checkpoint holds."""
    active: int
    """How many of them a token needs: with experts, those that it takes."""
    counted: str
    """Both numbers, in words."""
    notes: tuple[str, ...]
    """What was left out, as sentences without a full stop."""
    tied_copy: tuple[str, str] | None
    """Two tensors of the checkpoint that must be equal, bit for bit."""
    unread: tuple[str, ...]
    """The tensors of the checkpoint that the text does not read, or not wholly."""
    patterns: tuple[str, ...]
    """Those of `Source.ignored` that match no key: they are for tensors."""

    @property
    def unmatched(self) -> list[str]:
        """Patterns that match nothing that is left out."""
        return [one for one in self.patterns if not any(fnmatchcase(name, one) for name in self.unread)]

    @property
    def place(self) -> str:
        """What stands for the text's file in messages and locations: there is none of this name."""
        return f"<imported>/{self.name}.kl"


def import_model(source: Source) -> Imported:
    """The text of a model.

    Raises: SourceError for what is not known, contradicts itself or does not fit the checkpoint.
    """
    if source.architecture is not None:
        return _import_checkpoint(source, source.architecture)
    values, outer = language_part(source.config)
    values, ignored = without(values, source.ignored)
    ignored += [key for key in outer if matching(key, source.ignored)]
    outer = [key for key in outer if key not in ignored]
    recipe = find_recipe(values.get("model_type"), source.recipes)
    tensors = source.tensors
    model = make_model(identifier(source.name), recipe, values, tensors, _dtype(tensors))
    model = _stored(model, source)
    outer = [key for key in outer if not is_harmless(key)]
    notes = [f"left out: {', '.join(outer)}"] if outer else []
    notes += [f"ignored: {', '.join(ignored)}"] if ignored else []
    notes += check_architectures(values.get("architectures"), recipe, (*source.recipes, *RECIPES))
    notes += _more_layers(model, tensors)
    composed = compose(_in_context(model, source.parameters))
    unknown_keys(model)
    patterns = [one for one in source.ignored if not any(matching(key, (one,)) for key in ignored)]
    return _written(replace(source, ignored=tuple(patterns)), composed, source.parameters, notes)


def _import_checkpoint(source: Source, architecture: str) -> Imported:
    """A checkpoint without a config.

    Raises: SourceError for what it does not say.
    """
    if not architecture:
        raise SourceError(
            f"{source.name} has no config.json beside it", "say what it is: --architecture llama"
        )
    tensors = source.tensors or {}
    recipe = find_recipe(architecture, source.recipes)
    values = header_config(recipe, tensors, source.parameters)
    model = _stored(make_model(identifier(source.name), recipe, values, tensors, _dtype(tensors)), source)
    composed = compose(_in_context(model, source.parameters))
    notes = check_asked(model.config, recipe)
    parameters = left_of(source.parameters, model.config)
    return _written(source, composed, parameters, notes)


def _stored(model: Model, source: Source) -> Model:
    """The model with weights and caches in few bits, as its config says or the user.

    Raises: SourceError for what is not known, and for weights that are to be stored in another form than the
        checkpoint's.
    """
    scheme, cache = scheme_of(model.config, source.tensors or {}), source.cache_type
    if source.quantize is not None:
        found = (
            "there is a checkpoint" if source.tensors is not None else "the config says how they are stored"
        )
        if source.tensors is not None or scheme is not None:
            raise SourceError(
                f"--quantize {source.quantize} is for weights that are random; {found}",
                "give a config.json without quantization_config alone, or leave it out",
            )
        scheme = chosen(source.quantize)
    if cache is not None and cache not in CACHE_TYPES:
        raise SourceError(f"no caches are of '{cache}'", f"known are {', '.join(CACHE_TYPES)}")
    if cache is None and scheme is not None:
        cache = scheme.cache
    return replace(model, scheme=scheme, cache_type=None if cache == model.dtype else cache)


def _in_context(model: Model, parameters: Mapping[str, Number]) -> Model:
    """The model with the context that is asked for, which says whether a window is worth a ring."""
    context = parameters.get("context", model.context)
    return replace(model, context=context) if isinstance(context, int) else model


def _written(
    source: Source, composed: ModelText, parameters: Mapping[str, Number], notes: list[str]
) -> Imported:
    """Raises: SourceError for tensors and parameters that do not fit."""
    model = composed.model
    composed = change(composed, parameters)
    _check_context(model, composed.numbers["context"])
    if model.scheme is not None:
        check_stored(model, composed.weights())
        expected(composed)
    left = [] if source.tensors is None else check(composed, source.tensors, source.ignored)
    notes = [*notes, *notes_of(model, composed.weights())]
    if left:
        notes = [*notes, f"skipped tensors: {_listed(left)}"]
    return Imported(
        write(composed, source.name, notes),
        model.name,
        model.recipe.name,
        composed.parameters,
        composed.active,
        composed.counted,
        tuple(notes),
        None if source.tensors is None else tied_copy(composed, source.tensors),
        unread(composed, left),
        source.ignored,
    )


def _more_layers(model: Model, tensors: Iterable[str] | None) -> list[str]:
    """What is left out of layers that predict further tokens, where a checkpoint has them."""
    prefixes = {number: model.in_layer("").replace(LAYER, str(number)) for number in model.more_layers}
    names = None if tensors is None else [*tensors]
    more = [
        str(number)
        for number, prefix in prefixes.items()
        if names is None or any(name.startswith(prefix) for name in names)
    ]
    return [f"left out: layer {', '.join(more)}, which predicts further tokens"] if more else []


def _listed(names: list[str]) -> str:
    """A few names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _dtype(tensors: Mapping[str, Tensor] | None) -> str | None:
    """The type of most tensors of a checkpoint, scales of stored weights left aside."""
    named = [one for name, one in (tensors or {}).items() if not name.endswith(SCALES)]
    found = [FLOATS[one.dtype] for one in named if one.dtype in FLOATS]
    return max(dict.fromkeys(found), key=found.count) if found else None


def _check_context(model: Model, context: Number) -> None:
    """Raises: SourceError for a context beyond the positions that a model has learned, or scaling that is not
    the same for all of them.
    """
    most, why = chunk_limit(model.recipe, model.layers)
    if context > most:
        raise SourceError(f"context is {context}: {why}", f"take {most} at most")
    if model.positions is None or context <= model.positions:
        return
    if model.recipe.rope is not None and _is_dynamic(model.config.values):
        why = "dynamic scaling of rope changes beyond it"
    elif model.recipe.embedding.positions is not None:
        why = "the model has learned no further position"
    else:
        return
    raise SourceError(
        f"context is {context}, max_position_embeddings {model.positions}: {why}", "take a smaller one"
    )


def _is_dynamic(values: Mapping[str, Any]) -> bool:
    """Whether rope is scaled dynamically, in layers of one type at least."""
    parts = [values[name] for name in ("rope_scaling", "rope_parameters") if values.get(name)]
    inner = [one for part in parts for one in part.values() if isinstance(one, Mapping)]
    return any("dynamic" in (one.get("rope_type"), one.get("type")) for one in (*parts, *inner))


def find_recipe(name: object, others: Iterable[Recipe] = ()) -> Recipe:
    """The recipe of an architecture.

    Raises: SourceError where there is none.
    """
    known = {name: recipe for one in (*others, *RECIPES) for name, recipe in _named(one)}
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
