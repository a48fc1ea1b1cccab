"""Which layers have a window, no rope, or experts: lists of the config, or periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..limits import MOST_LAYERS
from ..source_errors import SourceError
from .configs import Config, shown
from .recipe import CHUNKED, FULL, SLIDING, Recipe, Window


@dataclass(frozen=True)
class LayerFacts:
    """What layers of one model may differ in."""

    window: int | None = None
    rotated: bool = True
    sparse: bool = False
    """Whether its feed-forward is one of experts."""

    @property
    def layer_type(self) -> str:
        """What `layer_types` calls it."""
        return FULL if self.window is None else SLIDING


def layer_facts(config: Config, recipe: Recipe, layers: int) -> tuple[LayerFacts, ...]:
    """The facts of each layer; `recipe` has no keys any more.

    Raises: SourceError for lists of another length, or with other words, and for more than `MOST_LAYERS`.
    """
    found = layers + (recipe.more_layers or 0)
    if found > MOST_LAYERS:
        raise SourceError(f"the model has {found} layers", f"at most {MOST_LAYERS} are read, one by one")
    rotated = _rotated(config, recipe, layers)
    windows = _windows(config, recipe, rotated)
    sparse = _sparse(config, recipe, layers)
    return tuple(LayerFacts(*facts) for facts in zip(windows, rotated, sparse, strict=True))


def _rotated(config: Config, recipe: Recipe, layers: int) -> list[bool]:
    if recipe.rope is None:
        return [False] * layers
    rule = recipe.unrotated
    if rule is None:
        return [True] * layers
    listed = config.numbers(rule.listed)
    if not listed:
        return [bool((number + 1) % rule.period) for number in range(layers)]
    _check_length(rule.listed, listed, layers)
    return [bool(one) for one in listed]


def _sparse(config: Config, recipe: Recipe, layers: int) -> list[bool]:
    if recipe.experts is None:
        return [False] * layers
    rule = recipe.experts.layers
    shift = 1 if rule.last else 0
    found = [number >= rule.first and (number + shift) % rule.period == 0 for number in range(layers)]
    if (listed := _layer_numbers(config, rule.listed, layers)) is not None:
        found = [number in listed for number in range(layers)]
    without = _layer_numbers(config, rule.without, layers) or ()
    return [one and number not in without for number, one in enumerate(found)]


def _layer_numbers(config: Config, key: str | None, layers: int) -> Sequence[float] | None:
    """The layers that a key lists, None where there is no list.

    Raises: SourceError for a number that no layer has.
    """
    listed = config.numbers(key) if key is not None else None
    for one in listed or ():
        if one not in range(layers):
            raise SourceError(f"{key} has {one:g}, of {layers} layers", f"they are 0 to {layers - 1}")
    return listed


def _windows(config: Config, recipe: Recipe, rotated: Sequence[bool]) -> list[int | None]:
    """The window of each layer, None where it sees all positions."""
    rule, layers = recipe.window, len(rotated)
    types = _types(config, recipe, layers)
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


def _types(config: Config, recipe: Recipe, layers: int) -> list[str] | None:
    """What `layer_types` says; where the architecture does not read it, it may only say that all are full.

    Chunks are not felt in the contexts that a text may have, so they are checked alone.
    """
    reads, types = recipe.window is not None and recipe.window.listed, config.values.get("layer_types")
    checks = reads or recipe.chunks is not None
    if not checks and isinstance(types, list) and any(one != FULL for one in types):
        return None
    types = config.get("layer_types")
    if types is None:
        return None
    if not isinstance(types, list):
        raise SourceError(f"layer_types is {shown(types)}, not a list")
    _check_length("layer_types", types, layers)
    known = (FULL, SLIDING if recipe.chunks is None else CHUNKED)
    if wrong := [one for one in types if one not in known]:
        raise SourceError(f"layer_types has {shown(wrong[0])}", f"known are {' and '.join(known)}")
    return types if reads else None


def _check_length(name: str, found: Sequence[object], layers: int) -> None:
    if len(found) != layers:
        raise SourceError(f"{name} has {len(found)} entries for {layers} layers", "it has one for each layer")
