"""How a recipe says that a fact stands in the config: `flag("attention_bias", default=False)`.

A recipe is a tree of frozen dataclasses. Where a fact is the same for all models of the architecture it holds
the value, else a `Key`; `resolved` puts the config's values in their place.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar

from .configs import Config, shown

T = TypeVar("T")
Kind = Literal["whole", "number", "flag", "text"]


@dataclass(frozen=True)
class Key:
    """A fact that the config has; the first name is that of messages."""

    names: tuple[str, ...]
    kind: Kind
    default: Any = None
    required: bool = False
    """Whether it is an error if neither the config nor the architecture's defaults say it."""
    bounds: Mapping[str, float] = field(default_factory=dict[str, float])
    """The least number that it may be, or the one that it is above."""

    def value(self, config: Config) -> Any:
        """What the config says.

        Raises: SourceError for a wrong value, and for none where one is required.
        """
        config.check_null(self.names, self.default)
        found = getattr(config, self.kind)(*self.names, default=self.default, **self.bounds)
        if found is None and self.required:
            raise config.missing(self.names)
        return found


@dataclass(frozen=True)
class Chosen:
    """A fact that depends on what the config says of another."""

    names: tuple[str, ...]
    table: Mapping[Any, Any]
    default: Any

    def value(self, config: Config) -> Any:
        """The entry of the table, resolved itself.

        Raises: SourceError for a value that the table does not have.
        """
        if None not in self.table:
            config.check_null(self.names, self.default)
        found = config.get(*self.names)
        found = config.fallen(self.names, self.default if found is None else found)
        if found is None and None not in self.table:
            raise config.missing(self.names)
        if not isinstance(found, Hashable) or found not in self.table:
            known = ", ".join(shown(one) for one in self.table if one is not None)
            raise config.error(f"{config.path}{self.names[0]} is {shown(found)}", f"the recipe knows {known}")
        return resolved(self.table[found], config)


@dataclass(frozen=True)
class InPart:
    """A fact that stands in a part of the config."""

    part: str
    key: Any

    def value(self, config: Config) -> Any:
        """What the part says.

        Raises: SourceError for a wrong value.
        """
        return resolved(self.key, config.part(self.part))


def whole(*names: str, default: int | None = None, required: bool = False, **bounds: float) -> Any:
    """A whole number of the config, at least 1 or what `least=` says."""
    return Key(names, "whole", default, required, bounds)


def number(*names: str, default: float | None = None, required: bool = False, **bounds: float) -> Any:
    """A number of the config, as a float; `least=` and `above=` are its bounds."""
    return Key(names, "number", default, required, bounds)


def flag(*names: str, default: bool | None = None) -> Any:
    """True or false, as the config says."""
    return Key(names, "flag", default)


def text(*names: str, default: str | None = None) -> Any:
    """A text of the config."""
    return Key(names, "text", default)


def choice(*names: str, of: Mapping[Any, Any], default: Any = None) -> Any:
    """One of several values, by what the config says; other words of the config are errors."""
    return Chosen(names, of, default)


def inside(part: str, key: Any) -> Any:
    """A fact of a part of the config, such as `attn_config`."""
    return InPart(part, key)


def resolved(tree: T, config: Config) -> T:
    """A tree with the config's values in place of its keys.

    Raises: SourceError for wrong values.
    """
    if isinstance(tree, Key | Chosen | InPart):
        return tree.value(config)
    if is_dataclass(tree) and not isinstance(tree, type):
        values = {one.name: resolved(getattr(tree, one.name), config) for one in fields(tree)}
        return replace(tree, **values)
    return tree
