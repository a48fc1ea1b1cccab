"""A model file as an nn module: parse, check and lower in one call."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import ModuleOp

from .lowering import lower
from .parser import parse


def load_model(text: str, filename: str, parameters: Mapping[str, int | float] | None = None) -> ModuleOp:
    """The nn module of a model file (`docs/language.md`), with `parameters` in place of the file's numbers.

    Raises: ParseError, with the place in the text, for every error in syntax, names, shapes and types.
    """
    return lower(parse(text, filename), parameters or {})
