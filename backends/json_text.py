"""JSON as all of `kl` writes it: what is printed, saved programs, and traces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any


def json_text(document: Any, indent: int | None = None) -> str:
    """A document as JSON, without spaces if nothing is said of its `indent`.

    JSON has no infinity and no NaN: a number that is not finite is null. Raises: TypeError for what is no
    plain data.
    """
    separators = (",", ":") if indent is None else None
    try:
        return json.dumps(document, indent=indent, separators=separators, allow_nan=False)
    except ValueError:  # rare, and found without a walk through large documents
        return json.dumps(_finite(document), indent=indent, separators=separators, allow_nan=False)


def _finite(value: Any) -> Any:
    """The same document with null for each number that is not finite."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not isfinite(value) else value
