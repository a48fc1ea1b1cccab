"""How attention and feed-forward are put around the hidden state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..models import Model
from ..pieces import Piece, literal, said
from .norms import norm

Branch = tuple[Piece, str]
"""The weights and statements of attention or of a feed-forward, and what they give; `h` goes in."""
NAMES = ("attention_norm", "ffn_norm")
SANDWICH = ("attention_norm", "attention_out_norm", "ffn_norm", "ffn_out_norm")


def body(model: Model, branches: Sequence[Branch]) -> Piece:
    """The body of a layer, without its `return`."""
    return KINDS[model.recipe.residual.kind](model, branches)


def _pre(model: Model, branches: Sequence[Branch]) -> Piece:
    whole = _factor(model)
    for name, tensor, (piece, result) in zip(NAMES, model.recipe.residual.norms, branches, strict=True):
        weights, normed = norm(model, name, model.in_layer(tensor), "x")
        whole += weights + said(f"h = {normed}") + piece + said(f"x = {_sum(model, result)}")
    return whole


def _post(model: Model, branches: Sequence[Branch]) -> Piece:
    whole = _factor(model)
    for name, tensor, (piece, result) in zip(NAMES, model.recipe.residual.norms, branches, strict=True):
        weights, normed = norm(model, name, model.in_layer(tensor), result)
        whole += said("h = x") + piece + weights + said(f"x = {_sum(model, normed)}")
    return whole


def _sandwich(model: Model, branches: Sequence[Branch]) -> Piece:
    whole, tensors = _factor(model), model.recipe.residual.norms
    for number, (piece, result) in enumerate(branches):
        first, last = SANDWICH[2 * number : 2 * number + 2]
        before, entering = norm(model, first, model.in_layer(tensors[2 * number]), "x")
        after, leaving = norm(model, last, model.in_layer(tensors[2 * number + 1]), result)
        whole += before + said(f"h = {entering}") + piece + after + said(f"x = {_sum(model, leaving)}")
    return whole


def _after(model: Model, branches: Sequence[Branch]) -> Piece:
    whole = _factor(model)
    for name, tensor, (piece, result) in zip(NAMES, model.recipe.residual.norms, branches, strict=True):
        weights, normed = norm(model, name, model.in_layer(tensor), "x")
        whole += said("h = x") + piece + said(f"x = {_sum(model, result)}") + weights + said(f"x = {normed}")
    return whole


def _parallel(model: Model, branches: Sequence[Branch]) -> Piece:
    tensors, whole = model.recipe.residual.norms, _factor(model)
    (attention, attended), (feed_forward, fed) = branches
    names = ("norm",) if len(tensors) == 1 else NAMES
    norms = [norm(model, *one, "x") for one in zip(names, map(model.in_layer, tensors), strict=True)]
    whole += norms[0][0] + said(f"h = {norms[0][1]}") + attention
    if len(norms) > 1:
        whole += norms[1][0] + said(f"h = {norms[1][1]}")
    return whole + feed_forward + said(f"x = x + {_grouped(attended)} + {_grouped(fed)}")


def _factor(model: Model) -> Piece:
    """The factor on what is added, where there is one."""
    factor = model.recipe.residual.factor
    return Piece() if factor in (None, 1.0) else Piece((literal("residual_factor", factor),))


def _sum(model: Model, result: str) -> str:
    """x and what is added to it."""
    if model.recipe.residual.factor in (None, 1.0):
        return f"x + {_grouped(result)}"
    return f"x + ({result}) * residual_factor"


def _grouped(expression: str) -> str:
    """An expression as a summand, which is summed by itself first."""
    return f"({expression})" if " + b" in expression else expression


KINDS: dict[str, Callable[[Model, Sequence[Branch]], Piece]] = {
    "pre": _pre,
    "post": _post,
    "sandwich": _sandwich,
    "after": _after,
    "parallel": _parallel,
}
