"""Which layers have a window, and which have no rope: lists of the config, or periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..source_errors import SourceError
from .configs import Config, shown
from .recipe import FULL, SLIDING, Recipe, Window


@dataclass(frozen=True)
class LayerFacts:
    """What layers of one model may differ in."""

    window: int | None = None
    rotated: bool = True

    @property
    def layer_type(self) -> str:
        """What `layer_types` calls it."""
        return FULL if self.window is None else SLIDING


def layer_facts(config: Config, recipe: Recipe, layers: int) -> tuple[LayerFacts, ...]:
    """The facts of each layer; `recipe` has no keys any more.

    Raises: SourceError for lists of another length, or with other words.
    """
    rotated = _rotated(config, recipe, layers)
    windows = _windows(config, recipe, rotated)
    return tuple(LayerFacts(*facts) for facts in zip(windows, rotated, strict=True))


def _rotated(config: Config, recipe: Recipe, layers: int) -> list[bool]:
    if recipe.rope is None:
        return [False] * layers
    rule = recipe.unrotated
    if rule is None:
        return [True] * layers
    listed = config.numbers(rule.listed)
    if listed is None:
        return [bool((number + 1) % rule.period) for number in range(layers)]
    _check_length(rule.listed, listed, layers)
    return [bool(one) for one in listed]


def _windows(config: Config, recipe: Recipe, rotated: Sequence[bool]) -> list[int | None]:
    """The window of each layer, None where it sees all positions."""
    rule, layers = recipe.window, len(rotated)
    types = _types(config, layers, reads=rule is not None and rule.listed)
    if rule is None:
        return [None] * layers
    size = rule.size if rule.enabled else None
    if size is not None and size < 1:
        raise SourceError(f"sliding_window is {size}", "a window has at least 1 position")
    if types is not None and size is None and rule.enabled and SLIDING in types:
        raise SourceError("layer_types has sliding_attention, but there is no sliding_window", "add it")
    positions = recipe.sizes.positions
    if size is None or (positions is not None and size >= positions):
        return [None] * layers
    slides = _by_rule(rule, rotated) if types is None else [one == SLIDING for one in types]
    return [size if one else None for one in slides]


def _by_rule(rule: Window, rotated: Sequence[bool]) -> list[bool]:
    """Which layers have a window where no list says it."""
    return [
        number >= rule.first
        and not (rule.period and (number + 1) % rule.period == 0)
        and not (rule.unrotated and rotates)
        for number, rotates in enumerate(rotated)
    ]


def _types(config: Config, layers: int, *, reads: bool) -> list[str] | None:
    """What `layer_types` says; where the architecture does not read it, it may only say that all are full."""
    types = config.values.get("layer_types")
    if not reads and isinstance(types, list) and any(one != FULL for one in types):
        return None
    types = config.get("layer_types")
    if types is None:
        return None
    if not isinstance(types, list):
        raise SourceError(f"layer_types is {shown(types)}, not a list")
    _check_length("layer_types", types, layers)
    if wrong := [one for one in types if one not in (FULL, SLIDING)]:
        raise SourceError(f"layer_types has {shown(wrong[0])}", f"known are {FULL} and {SLIDING}")
    return types if reads else None


def _check_length(name: str, found: Sequence[object], layers: int) -> None:
    if len(found) != layers:
        raise SourceError(f"{name} has {len(found)} entries for {layers} layers", "it has one for each layer")
