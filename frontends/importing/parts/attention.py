"""Attention of grouped heads: projections, norms and rope of queries and keys, caches, what is added to x."""

from __future__ import annotations

from ..models import Model
from ..patterns import LayerFacts
from ..pieces import Param, Piece, Weight, literal, said
from ..recipe import Attention
from ..ropes import Rotation
from .matrices import matrix, product, vector
from .norms import head_norms
from .slopes import slopes

HEADS = {"q": "heads", "k": "kv_heads", "v": "kv_heads"}
LAYOUTS = {
    "stacked": {
        "q": "0..heads * head_dim",
        "k": "heads * head_dim..(heads + kv_heads) * head_dim",
        "v": "(heads + kv_heads) * head_dim..(heads + 2 * kv_heads) * head_dim",
    },
    "by head": {
        "q": "0..head_dim each 3 * head_dim",
        "k": "head_dim..2 * head_dim each 3 * head_dim",
        "v": "2 * head_dim..3 * head_dim each 3 * head_dim",
    },
    "by group": {
        "q": "0..group * head_dim each (group + 2) * head_dim",
        "k": "group * head_dim..(group + 1) * head_dim each (group + 2) * head_dim",
        "v": "(group + 1) * head_dim..(group + 2) * head_dim each (group + 2) * head_dim",
    },
}
"""Which rows of a fused tensor are those of queries, keys and values."""


def attention(
    model: Model, layer: LayerFacts, rotation: Rotation | None, facts: Attention
) -> tuple[Piece, str]:
    """The weights, caches and statements up to attention itself, and the expression that is added to x."""
    piece = _projections(model, facts)
    if facts.norm is not None and not facts.norm.behind_rope:
        piece += head_norms(model, facts.norm)
    if facts.clip is not None:
        low, high = -facts.clip, facts.clip
        piece += said(*(f"{x} = clamp({x}, {low!r}, {high!r})" for x in HEADS))
    if rotation is not None:
        rope = "interleaved_rope" if model.recipe.rope and model.recipe.rope.interleaved else "rope"
        piece += said(*(f"{x} = {rope}({x}, position, {rotation.arguments})" for x in ("q", "k")))
    if rotation is not None and facts.norm is not None and facts.norm.behind_rope:
        piece += head_norms(model, facts.norm)
    masked = layer.window is not None and layer.window >= model.context
    piece += _caches(layer, masked=masked) + _call(model, facts, masked=masked)
    piece += Piece(
        weights=(
            matrix(
                "wo", "heads * head_dim", "hidden", model.in_layer(facts.out), transposed=facts.transposed
            ),
        )
    )
    bias = "bo" if facts.out_bias else ""
    if bias:
        piece += Piece(weights=(vector("bo", "hidden", model.in_layer(facts.out)),))
    return piece, product("a", "wo", bias)


def _projections(model: Model, facts: Attention) -> Piece:
    own = {"q": facts.query, "k": facts.key, "v": facts.value}
    parts = LAYOUTS[facts.layout] if facts.fused else dict.fromkeys(HEADS, "")
    piece = Piece()
    if facts.fused and facts.layout == "by group":
        piece += Piece((Param("group", "heads / kv_heads", model.heads // model.kv_heads),))
    for x, heads in HEADS.items():
        tensor, extent = model.in_layer(facts.fused or own[x]), f"{heads} * head_dim"
        weights = [matrix(f"w{x}", "hidden", extent, tensor, transposed=facts.transposed, part=parts[x])]
        if facts.bias:
            weights.append(vector(f"b{x}", extent, tensor, parts[x]))
        bias = f"b{x}" if facts.bias else ""
        piece += Piece(weights=tuple(weights), lines=(f"{x} = {product('h', f'w{x}', bias)}",))
    return piece


def _caches(layer: LayerFacts, *, masked: bool) -> Piece:
    """The caches and what is written to them; a ring of the window, unless it is `masked`."""
    extent, ring = ("context", "") if layer.window is None or masked else ("window", " ring")
    declared = [f"cache {name}[batch, kv_heads, {extent}, head_dim]{ring}" for name in ("keys", "values")]
    window = () if layer.window is None else (literal("window", layer.window, "the token itself is one"),)
    return Piece(
        window, caches=tuple(declared), lines=("append(keys, k, position)", "append(values, v, position)")
    )


def _call(model: Model, facts: Attention, *, masked: bool) -> Piece:
    """Attention itself; a window that no ring stands for masks what is older, in any context."""
    params, named = list[Param](), {"window": "window"} if masked else dict[str, str]()
    if facts.scale is not None:
        params.append(literal("attention_scale", facts.scale))
    elif facts.scale_of is not None and facts.scale_of != model.head_dim:
        text = f"1.0 / sqrt({facts.scale_of!r})"
        params.append(Param("attention_scale", text, facts.scale_of**-0.5, "query_pre_attn_scalar^(-1/2)"))
    if params:
        named["scale"] = "attention_scale"
    if facts.softcap is not None:
        params.append(literal("attention_softcap", facts.softcap))
        named["softcap"] = "attention_softcap"
    piece = Piece(tuple(params))
    if facts.slopes is not None:
        piece += slopes(model, facts.slopes)
        named["slopes"] = "slopes"
    if facts.sinks is not None:
        piece += Piece(weights=(Weight("sinks", ("heads",), model.in_layer(facts.sinks)),))
        named["sinks"] = "sinks"
    more = "".join(f", {name} = {value}" for name, value in named.items())
    return piece + said(f"a = attention(q, keys, values, position{more})")
