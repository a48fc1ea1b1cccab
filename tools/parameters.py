"""The parameters of a machine with where each comes from: published, derived, assumed, fitted or measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..backends.targets import Parameters

Standing = Literal["published", "derived", "assumed", "fitted", "measured", "unknown"]
"""How sure a number is; the machine's source says it in its first word."""
_STANDINGS: Mapping[str, Standing] = {
    "Derived": "derived",
    "Assumed": "assumed",
    "Fitted": "fitted",
    "Measured": "measured",
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a machine."""

    name: str
    value: int
    unit: str
    source: str
    """Where the default comes from; empty where the machine does not say."""
    standing: Standing
    default: int | None
    """None where the machine has none."""

    @property
    def is_changed(self) -> bool:
        """Whether the value is not the default, so that the source does not speak of it."""
        return self.default is not None and self.value != self.default


def parameters_of(machine: Parameters) -> Iterator[Parameter]:
    """All parameters in their order, with what the fields of the machine's class say of them."""
    fields: dict[str, Any] = {}
    if dataclasses.is_dataclass(machine):
        fields = {one.name: one for one in dataclasses.fields(machine)}
    for name, value in machine.items():
        known = fields.get(name)
        notes = {} if known is None else known.metadata
        source, default = notes.get("source", ""), None if known is None else known.default
        whole = default if type(default) is int else None
        yield Parameter(name, value, notes.get("unit", ""), source, standing(source), whole)


def standing(source: str) -> Standing:
    """How sure a number with such a source is."""
    if not source:
        return "unknown"
    return _STANDINGS.get(source.partition(":")[0], "published")
