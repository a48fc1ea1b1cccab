"""A model file as an nn module: parse, check and lower in one call."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import ModuleOp

from .lowering import lower
from .operators import Others, no_others
from .parser import parse


def load_model(
    text: str,
    filename: str,
    parameters: Mapping[str, int | float] | None = None,
    others: Others = no_others,
) -> ModuleOp:
    """The nn module of a model file (`docs/language.md`), with `parameters` in place of the file's numbers.

    `others` gives the operations of other packages, which are called by their spelling like ours.

    Raises: ParseError, with the place in the text, for every error in syntax, names, shapes and types.
    """
    return lower(parse(text, filename), parameters or {}, others)
