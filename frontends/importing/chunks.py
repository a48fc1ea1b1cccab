"""The longest context of attention that changes with the position, and how a text refuses longer ones."""

from __future__ import annotations

from collections.abc import Sequence

from .patterns import LayerFacts
from .pieces import Piece, literal
from .recipe import Chunks, Recipe

UNLIMITED = 1 << 62
"""A context that nothing limits."""


def chunk_limit(recipe: Recipe, layers: Sequence[LayerFacts]) -> tuple[int, str]:
    """The longest context in which attention is alike at each position, and why it is not in longer ones."""
    rule = recipe.chunks
    limits = [(UNLIMITED, "")] if rule is None else [*_limits(rule, layers), (UNLIMITED, "")]
    return min(limits)


def _limits(rule: Chunks, layers: Sequence[LayerFacts]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    if rule.size is not None and any(one.rotated for one in layers):
        why = f"attention_chunk_size is {rule.size}, layers with rope see their own chunk alone"
        found.append((rule.size, why))
    if rule.tempered and rule.strength and not all(one.rotated for one in layers):
        why = f"floor_scale is {rule.floor}, from there on layers without rope scale their queries"
        found.append((rule.floor - 1, why))
    return found


def guard(recipe: Recipe, layers: Sequence[LayerFacts]) -> Piece:
    """A constant that has no extent in a longer context, which is an error of the text then."""
    longest, why = chunk_limit(recipe, layers)
    if longest == UNLIMITED:
        return Piece()
    constants = (
        f"// Attention changes behind it: {why}.",
        "// The next line is an error in a longer context.",
        "constant within_longest[j in 0..longest + 1 - context] = 0.0",
    )
    return Piece((literal("longest", longest, "context of the same attention at each position"),), constants)
