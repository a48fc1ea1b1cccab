"""What `architectures` of a config says besides `model_type`: a class, whose family and head must fit."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..source_errors import SourceError
from .configs import shown
from .recipe import Recipe

HEADS = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How classes end whose head gives logits of tokens."""
CLASS = re.compile(r"(.*?)(For[A-Z]\w*|LMHeadModel|DoubleHeadsModel|PreTrainedModel|Model)?")


def check_architectures(said: object, recipe: Recipe, known: Iterable[Recipe]) -> list[str]:
    """Notes of classes with another head, or of families that nobody knows.

    Raises: SourceError for what is no list of texts, and for a class of another known family.
    """
    if said is None:
        return []
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
        raise SourceError(f"architectures is {shown(said)}, not a list of texts", "leave it out")
    own = _families(recipe)
    others = {family: one.name for one in known for family in _families(one)}
    notes: list[str] = []
    for name in said:
        match = CLASS.fullmatch(name)
        family, head = (match[1].lower(), match[2]) if match else (name.lower(), None)
        if family in others and family not in own:
            raise SourceError(
                f"architectures has {name}, of the family {others[family]}; model_type is {recipe.name}",
                "one of them is wrong; --ignore architectures goes by model_type",
            )
        if head not in HEADS:
            notes.append(f"architectures has {name}: the text has the head of a language model")
        elif family not in own and not recipe.model_types:
            notes.append(f"architectures has {name}, which is read as {recipe.name}")
    return notes


def _families(recipe: Recipe) -> set[str]:
    """How names of classes begin, in small letters."""
    return {
        name.removesuffix("_text").replace("_", "").lower() for name in (recipe.name, *recipe.model_types)
    }
