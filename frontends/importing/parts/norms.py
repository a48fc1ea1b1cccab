"""Norms of rows, and of the heads of queries and keys."""

from __future__ import annotations

from ..models import Model
from ..pieces import Piece, Weight
from ..recipe import HeadNorm


def norm(model: Model, name: str, tensor: str, x: str) -> tuple[Piece, str]:
    """A norm of the hidden state: its weights, and the expression over x."""
    facts = model.recipe.norm
    weights = [Weight(name, ("hidden",), f"{tensor}.weight")] if facts.gain else []
    bias = f"{name}_bias" if facts.bias and facts.gain else ""
    if bias:
        weights.append(Weight(bias, ("hidden",), f"{tensor}.bias"))
    return Piece(weights=tuple(weights)), _call(model, x, name if facts.gain else "", bias, "")


def head_norms(model: Model, facts: HeadNorm) -> Piece:
    """The norms of queries and keys, which stand for `q` and `k` from then on."""
    return _head_norm(model, facts, "q", facts.query, "heads") + _head_norm(
        model, facts, "k", facts.key, "kv_heads"
    )


def _head_norm(model: Model, facts: HeadNorm, x: str, tensor: str, heads: str) -> Piece:
    shapes = {
        "head": ("head_dim",),
        "each head": (heads, "head_dim"),
        "row": (f"{heads} * head_dim",),
    }
    name, shape, tensor = f"{x}_norm", shapes[facts.over], model.in_layer(tensor)
    weights = [Weight(name, shape, f"{tensor}.weight")] if facts.gain else []
    bias = f"{name}_bias" if facts.bias else ""
    if bias:
        weights.append(Weight(bias, shape, f"{tensor}.bias"))
    groups = "" if facts.over == "row" else f", groups = {heads}"
    return Piece(
        weights=tuple(weights), lines=(f"{x} = {_call(model, x, name if facts.gain else '', bias, groups)}",)
    )


def _call(model: Model, x: str, gain: str, bias: str, groups: str) -> str:
    """The call of the norm; a gain of one more than the weight is summed in f32."""
    facts = model.recipe.norm
    if facts.plus_one:
        wide = gain if model.dtype in ("f32", "f64") else f"f32({gain})"
        gain = f"1.0 + {wide}"
    given = f"{x}, {gain}, eps" if gain else f"{x}, eps = eps"
    return f"{facts.kind}_norm({given}{f', bias = {bias}' if bias else ''}{groups})"
