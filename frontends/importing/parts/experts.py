"""A mixture of experts: the router, the experts that a batch has chosen, and what is shared by all tokens."""

from __future__ import annotations

from dataclasses import replace

from ...source_errors import SourceError
from ..experts import Clamped, Experts, Router, Shared, Stacks
from ..models import Model
from ..pieces import Param, Piece, Weight, literal, said
from ..recipe import FeedForward
from .feed_forwards import feed_forward
from .matrices import matrix, product

LOWEST = -1.7976931348623157e308
"""The least number of f64: what clamps to it has no bound below."""


def experts(model: Model, facts: Experts) -> tuple[Piece, str]:
    """The weights and statements, and the expression that is added to x; `h` goes in.

    Raises: SourceError for more experts a token than there are, and for groups that do not divide them.
    """
    _check(facts)
    piece = Piece(
        (
            literal("experts", facts.count),
            literal("experts_per_token", facts.per_token),
            literal("expert_ffn", facts.size),
        )
    )
    piece += _router(model, facts.router)
    piece += said("places = distinct(chosen, experts)", "gates = spread(weights, chosen, places)")
    piece += _chosen(model, facts)
    if facts.shared is not None:
        piece += _shared(model, facts, facts.shared)
    return piece, "y"


def _check(facts: Experts) -> None:
    """Raises: SourceError for a choice that cannot be made."""
    router, count, chosen = facts.router, facts.count, facts.per_token
    if chosen > count:
        raise SourceError(
            f"a token takes {chosen} of {count} experts", "it takes as many as there are at most"
        )
    groups, kept = router.groups or 1, router.kept or 1
    if groups == 1:
        return
    if count % groups or count // groups < router.best:
        least = f"each of {router.best} experts at least"
        raise SourceError(f"{count} experts do not make {groups} groups", f"groups are equal, {least}")
    if kept > groups or kept * (count // groups) < chosen:
        raise SourceError(
            f"a token takes {chosen} experts of {kept} of {groups} groups with {count // groups} each",
            "more groups must be chosen",
        )


def _router(model: Model, facts: Router) -> Piece:
    """From `h` to `chosen`, the numbers of experts of each token, and `weights`, what each of them counts."""
    tensor = model.in_layer(facts.tensor)
    weights = [replace(matrix("router", "hidden", "experts", tensor, transposed=True), linear=False)]
    if facts.bias:
        weights.append(Weight("router_bias", ("experts",), f"{tensor}.bias"))
    scores = product(_wide(model, "h") if facts.wide else "h", "router", "router_bias" if facts.bias else "")
    if facts.scores in ("softmax", "sigmoid"):
        scores = f"{facts.scores}({scores if facts.wide else _wide(model, scores)})"
    ranked = "scores"
    if facts.correction is not None:
        dtype = "" if model.dtype in WIDE else "f32"
        name = model.in_layer(facts.correction)
        weights.append(Weight("correction", ("experts",), name, dtype=dtype))
        ranked = "scores + correction"
    params, grouped = _groups(facts)
    lines = (f"scores = {scores}", f"chosen = top_k({ranked}, experts_per_token{grouped})")
    counts = Piece(params, weights=tuple(weights), lines=lines)
    return counts + said(f"weights = {_taken(facts)}") + _normalised(facts)


WIDE = ("f32", "f64")
"""The types in which a router's scores are as they are."""


def _wide(model: Model, x: str) -> str:
    """An expression in f32, or in the model's type where that is as wide."""
    return x if model.dtype in WIDE else f"f32({x})"


def _groups(facts: Router) -> tuple[tuple[Param, ...], str]:
    """The parameters and arguments of a choice among groups; none where all experts are one group."""
    if facts.groups in (None, 1):
        return (), ""
    params = (literal("expert_groups", facts.groups or 1), literal("kept_groups", facts.kept or 1))
    return params, f", groups = expert_groups, kept = kept_groups, best = {facts.best}"


def _taken(facts: Router) -> str:
    """What the chosen experts have of the scores, which may become their softmax or their sigmoid."""
    function, _, chosen = facts.scores.partition(" of ")
    return f"{function}(take(scores, chosen))" if chosen else "take(scores, chosen)"


def _normalised(facts: Router) -> Piece:
    """`weights` over their sum, and times a factor."""
    piece, least = Piece(), f" + {facts.least_sum!r}" if facts.least_sum is not None else ""
    if facts.normalised:
        total = f"(sum(weights){least})" if least else "sum(weights)"
        piece += said(f"weights = weights / {total}")
    if facts.factor in (None, 1.0):
        return piece
    factor = literal("routed_factor", facts.factor, "on what the chosen experts count")
    return piece + Piece((factor,), lines=("weights = weights * routed_factor",))


def _chosen(model: Model, facts: Experts) -> Piece:
    """From `h` to `y`, the sum of what the chosen experts make, each times its gate."""
    stacks, piece, entering = facts.stacks, Piece(), "{}"
    if facts.scales_input:
        entering = "scale({}, gates)"
    parts = PARTS[stacks.fused]
    for name, tensor in (("gate", stacks.up if stacks.fused else stacks.gate), ("up", stacks.up)):
        weights = _stack(model, stacks, name, ("hidden", "expert_ffn"), tensor, parts[name])
        made = f"h @ columns_of(w_{name}, places)"
        if stacks.bias is not None:
            made += f" + columns_of(b_{name}, places)"
        piece += Piece(weights=weights, lines=(f"{name} = {entering.format(made)}",))
    piece += _inner(model, facts.clamped, scaled=not facts.scales_input)
    weights = _stack(model, stacks, "down", ("expert_ffn", "hidden"), stacks.down, "")
    bias = said("y = y + gates @ rows_of(b_down, places)") if stacks.bias is not None else Piece()
    return piece + Piece(weights=weights, lines=("y = inner @ rows_of(w_down, places)",)) + bias


PARTS = {
    None: {"gate": "", "up": ""},
    "halves": {"gate": "0..expert_ffn", "up": "expert_ffn..2 * expert_ffn"},
    "alternating": {"gate": "0..1 each 2", "up": "1..2 each 2"},
}
"""Which outputs of a fused tensor are those of the gate and of up."""


def _stack(
    model: Model, stacks: Stacks, name: str, shape: tuple[str, str], tensor: str, part: str
) -> tuple[Weight, ...]:
    """The matrices of all experts, and their biases where they have some."""
    whole, turned = model.in_layer(tensor), stacks.transposed
    rows, columns = (part, "") if turned else ("", part)
    found = [
        Weight(
            f"w_{name}",
            ("experts", *shape),
            whole,
            turned,
            rows=rows,
            columns=columns,
            of_experts=True,
            linear=True,
        )
    ]
    if stacks.bias is not None:
        extents, biases = ("experts", shape[1]), model.in_layer(stacks.bias_of(tensor))
        each = "{expert}" in tensor
        rows, columns = (part, "") if each else ("", part)
        found.append(Weight(f"b_{name}", extents, biases, rows=rows, columns=columns, of_experts=True))
    return tuple(found)


def _inner(model: Model, clamped: Clamped | None, *, scaled: bool) -> Piece:
    """From `gate` and `up` to `inner`, which is zero for the experts that a token has not chosen."""
    value, piece = f"{model.recipe.feed_forward.activation.format('gate')} * up", Piece()
    if clamped is not None:
        value = "(up + 1.0) * (gate * sigmoid(gate * swiglu_alpha))"
        limits = (literal("swiglu_limit", clamped.limit), literal("swiglu_alpha", clamped.alpha))
        lowest = literal("lowest", LOWEST, "no bound")
        piece = Piece(
            (*limits, lowest),
            lines=(
                "gate = clamp(gate, lowest, swiglu_limit)",
                "up = clamp(up, -swiglu_limit, swiglu_limit)",
            ),
        )
    return piece + said(f"inner = scale({value}, gates)" if scaled else f"inner = {value}")


def _shared(model: Model, experts: Experts, facts: Shared) -> Piece:
    """`y` and what the shared feed-forward makes of `h`."""
    size = facts.size if facts.size is not None else (facts.times or 0) * experts.size
    if not size:
        return Piece()
    gate, up, down = (f"{facts.tensor}.{name}_proj" for name in ("gate", "up", "down"))
    shape = FeedForward(gate, up, down, activation=model.recipe.feed_forward.activation)
    made, value = feed_forward(model, shape, "shared_ffn", "shared_")
    piece = Piece((literal("shared_ffn", size),)) + made + said(f"shared = {value}")
    if facts.gate is not None:
        gate = matrix("shared_router", "hidden", "1", model.in_layer(facts.gate), transposed=True)
        piece += Piece(weights=(gate,), lines=("shared = shared * sigmoid(h @ shared_router)",))
    return piece + said("y = y + shared")
