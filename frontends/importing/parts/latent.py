"""Multi-head latent attention: one latent a token is the cache, and each head reads it through its matrices.

Keys and values of a head would be products of the latent with matrices of its own (`kv_b_proj`). They are
absorbed instead: the queries are multiplied by that of the keys, what attention gives by that of the values.
"""

from __future__ import annotations

from ...source_errors import SourceError
from ..models import Model
from ..patterns import LayerFacts
from ..pieces import Param, Piece, Weight, literal, said
from ..recipe import Latent
from ..ropes import Rotation
from .matrices import matrix, product, vector


def latent(model: Model, layer: LayerFacts, rotation: Rotation | None, facts: Latent) -> tuple[Piece, str]:
    """The weights, the cache and statements up to attention itself, and the expression that is added to x.

    Raises: SourceError for a window.
    """
    if layer.window is not None:
        raise SourceError("latent attention has a window", "the recipe knows none; take the window out")
    piece = _sizes(facts) + _query(model, facts) + _entry(model, facts)
    if rotation is not None:
        rope = "interleaved_rope" if model.recipe.rope and model.recipe.rope.interleaved else "rope"
        turned = (f"{x} = {rope}({x}, position, {rotation.alone})" for x in ("q_rope", "k_rope"))
        piece += said(*turned)
    piece += said("append(latents, concat(c, k_rope), position)") + _absorbed(model, facts)
    piece += _scale(model, rotation) + said(
        "q = concat(head_matmul(q, wk, heads = heads), q_rope, heads = heads)",
        "a = attention(q, latents, latents, position, scale = attention_scale, value_dim = kv_rank)",
    )
    out = model.in_layer(facts.out)
    piece += Piece(weights=(matrix("wo", "heads * value_dim", "hidden", out, transposed=True),))
    if facts.bias:
        piece += Piece(weights=(vector("bo", "hidden", out),))
    return piece, product("head_matmul(a, transposed(wv), heads = heads)", "wo", "bo" if facts.bias else "")


def _sizes(facts: Latent) -> Piece:
    """The parameters of shapes; `head_dim` is the size of a head of queries, of both parts."""
    ranks = [literal("kv_rank", facts.kv_rank, "of a latent")]
    if facts.query_rank is not None:
        ranks.insert(0, literal("q_rank", facts.query_rank))
    return Piece(
        (
            *ranks,
            literal("rope_dims", facts.rope_dim),
            Param("nope_dim", "head_dim - rope_dims", facts.nope_dim, "of a head, without rope"),
            literal("value_dim", facts.value_dim),
            Param(
                "entry_dim", "kv_rank + rope_dims", facts.kv_rank + facts.rope_dim, "of the cache, a token"
            ),
            Param("up_dim", "nope_dim + value_dim", facts.nope_dim + facts.value_dim, "of a head's matrices"),
        )
    )


def _query(model: Model, facts: Latent) -> Piece:
    """The queries `q` and their part for rope, by one product or by two with a norm between them."""
    if facts.query_rank is None:
        tensor = model.in_layer(facts.query)
        weight = matrix("wq", "hidden", "heads * head_dim", tensor, transposed=True)
        piece = Piece(weights=(weight,), lines=("q = h @ wq",))
    else:
        piece = _normed(model, facts, "q", facts.query_down, facts.query_norm, ("q_rank", "q_rank"))
        tensor = model.in_layer(facts.query_up)
        weight = matrix("wq", "q_rank", "heads * head_dim", tensor, transposed=True)
        piece += Piece(weights=(weight,), lines=("q = q @ wq",))
    return piece + said("q, q_rope = split(q, nope_dim, rope_dims, heads = heads)")


def _entry(model: Model, facts: Latent) -> Piece:
    """The latent `c` and the key for rope, which are what the cache holds of a token."""
    piece = _normed(model, facts, "c", facts.down, facts.norm, ("entry_dim", "kv_rank"))
    cache = "cache latents[batch, 1, context, entry_dim]"
    return piece + Piece(caches=(cache,))


def _normed(model: Model, facts: Latent, x: str, tensor: str, norm: str, extents: tuple[str, str]) -> Piece:
    """A product with the hidden state, of so many columns, and the norm of the first ones of them."""
    width, normed = extents
    tensor = model.in_layer(tensor)
    weights = [matrix(f"w{x}_down", "hidden", width, tensor, transposed=True)]
    if facts.bias:
        weights.append(vector(f"b{x}_down", width, tensor))
    weights.append(Weight(f"{x}_norm", (normed,), f"{model.in_layer(norm)}.weight"))
    made = product("h", f"w{x}_down", f"b{x}_down" if facts.bias else "")
    lines = [f"{x} = {made}"] if width == normed else [f"{x}, k_rope = split({made}, kv_rank, rope_dims)"]
    eps = "eps" if facts.eps == model.recipe.norm.eps else "latent_eps"
    params = () if eps == "eps" else (literal(eps, facts.eps),)
    return Piece(params, weights=tuple(weights), lines=(*lines, f"{x} = rms_norm({x}, {x}_norm, {eps})"))


def _absorbed(model: Model, facts: Latent) -> Piece:
    """The matrices of each head, as they lie: rows of the keys' without rope, then of the values'."""
    tensor = f"{model.in_layer(facts.up)}.weight"
    keys, values = "0..nope_dim each up_dim", "nope_dim..up_dim each up_dim"
    return Piece(
        weights=(
            Weight("wk", ("heads * nope_dim", "kv_rank"), tensor, rows=keys, linear=True, outputs_first=True),
            Weight(
                "wv", ("heads * value_dim", "kv_rank"), tensor, rows=values, linear=True, outputs_first=True
            ),
        )
    )


def _scale(model: Model, rotation: Rotation | None) -> Piece:
    """The factor on the scores, by the size of a head of queries and by what YaRN says."""
    factor = None if rotation is None else rotation.score_factor
    value = model.head_dim**-0.5 * (1.0 if factor is None else factor.value)
    text = "1.0 / sqrt(head_dim)" if factor is None else f"{factor.name} / sqrt(head_dim)"
    scale = Param("attention_scale", text, value)
    return Piece((scale,) if factor is None else (factor, scale))
