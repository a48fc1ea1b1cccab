"""What stands before the layers and behind them: embedding and head."""

from __future__ import annotations

from struct import pack, unpack

from ..models import Model
from ..pieces import Param, Piece, Weight, literal, said
from .matrices import matrix, vector
from .norms import norm


def embedding(model: Model) -> Piece:
    """From the token to `x`."""
    facts, x = model.recipe.embedding, "embedding[token]"
    width = "width" if model.is_projected else "hidden"
    params = [literal("width", model.width, "of the embedding's rows")] if model.is_projected else []
    weights = [Weight("embedding", ("vocab", width), f"{model.tensor(facts.table)}.weight")]
    if model.is_projected:
        tensor = model.tensor(facts.projection)
        weights.append(matrix("project_in", "width", "hidden", tensor, transposed=True))
        x = f"{x} @ project_in"
    factor = _factor(model)
    if factor is not None:
        params.append(factor)
        x = f"{x} * {factor.name}"
    if facts.positions is not None:
        weights.append(_positions(model, facts.positions, facts.first_row))
        params.append(literal("positions", model.positions or 0, "that the model has learned"))
        x = f"{x} + position_embedding[position]"
    piece = Piece(tuple(params), weights=tuple(weights))
    if facts.norm is None:
        return piece + said(f"x = {x}")
    weight, normed = norm(model, "embedding_norm", model.tensor(facts.norm), x)
    return piece + weight + said(f"x = {normed}")


def _positions(model: Model, table: str, first: int) -> Weight:
    """The table of learned positions, without rows that no position has."""
    part = f"{first}..positions + {first}" if first else ""
    tensor = f"{model.tensor(table)}.weight"
    return Weight("position_embedding", ("positions", "hidden"), tensor, rows=part, unread=first)


def _factor(model: Model) -> Param | None:
    """What the embedding's rows are multiplied by."""
    facts = model.recipe.embedding
    if facts.root:
        note = f"sqrt(hidden), rounded to {model.dtype}"
        return literal("embedding_factor", rounded(model.hidden**0.5, model.dtype), note)
    if facts.factor in (None, 1.0):
        return None
    return literal("embedding_factor", facts.factor)


def rounded(value: float, dtype: str) -> float:
    """The nearest number of a type, to even between two."""
    if dtype == "f64":
        return value
    if dtype == "f16":
        return unpack("<e", pack("<e", value))[0]
    (bits,) = unpack("<I", pack("<f", value))
    if dtype == "bf16":
        bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return unpack("<f", pack("<I", bits))[0]


def head(model: Model) -> Piece:
    """From `x` to `logits`, and the token that is next."""
    facts, x, piece = model.recipe.head, "x", Piece()
    if facts.norm is not None:
        weights, x = norm(model, "final_norm", model.tensor(facts.norm), "x")
        piece += weights
    if model.is_projected:
        tensor = model.tensor(facts.projection)
        piece += Piece(weights=(matrix("project_out", "hidden", "width", tensor, transposed=True),))
        x = f"{x} @ project_out"
    width = "width" if model.is_projected else "hidden"
    if facts.tied:
        logits = f"{x} @ transposed(embedding)"
    else:
        weight = matrix("head", width, "vocab", model.head_tensor, transposed=True)
        piece, logits = piece + Piece(weights=(weight,)), f"{x} @ head"
    if facts.bias:
        piece += Piece(weights=(vector("head_bias", "vocab", model.head_tensor),))
        logits = f"{logits} + head_bias"
    return piece + _scaled(model, logits) + said("return argmax(logits)")


def _scaled(model: Model, logits: str) -> Piece:
    """The logits, multiplied, divided and bounded as the model says."""
    facts, params = model.recipe.head, list[Param]()
    if facts.factor not in (None, 1.0):
        params.append(literal("logit_factor", facts.factor))
        logits = f"({logits}) * logit_factor"
    if facts.divisor not in (None, 1.0):
        params.append(literal("logit_divisor", facts.divisor))
        logits = f"({logits}) / logit_divisor"
    lines = [f"logits = {logits}"]
    if facts.softcap is not None:
        params.append(literal("logit_softcap", facts.softcap))
        lines.append("logits = tanh(logits / logit_softcap) * logit_softcap")
    return Piece(tuple(params), lines=tuple(lines))
