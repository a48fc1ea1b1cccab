"""Feed-forwards, gated and plain."""

from __future__ import annotations

from ..models import Model
from ..pieces import Piece, Weight
from .matrices import matrix, product, vector


def feed_forward(model: Model) -> tuple[Piece, str]:
    """The weights and statements, and the expression that is added to x; `h` goes in."""
    facts = model.recipe.feed_forward
    down = _weights(model, "w_down", "ffn", "hidden", facts.down)
    down_bias = "b_down" if facts.bias else ""
    if facts.gate is None:
        up = _weights(model, "w_up", "hidden", "ffn", facts.up)
        line = f"up = {product('h', 'w_up', 'b_up' if facts.bias else '')}"
        inner = facts.activation.format("up")
        return Piece(weights=(*up, *down), lines=(line,)), product(inner, "w_down", down_bias)
    tensors = (facts.up, facts.up) if facts.fused else (facts.gate, facts.up)
    parts = ("0..ffn", "ffn..2 * ffn") if facts.fused else ("", "")
    weights: list[Weight] = []
    lines: list[str] = []
    for name, tensor, part in zip(("gate", "up"), tensors, parts, strict=True):
        weights += _weights(model, f"w_{name}", "hidden", "ffn", tensor, part)
        lines.append(f"{name} = {product('h', f'w_{name}', f'b_{name}' if facts.bias else '')}")
    inner = f"({facts.activation.format('gate')} * up)"
    return Piece(weights=(*weights, *down), lines=tuple(lines)), product(inner, "w_down", down_bias)


def _weights(model: Model, name: str, inputs: str, outputs: str, tensor: str, part: str = "") -> list[Weight]:
    """The matrix of a linear layer, and its bias where the feed-forward has them."""
    facts, tensor = model.recipe.feed_forward, model.in_layer(tensor)
    found = [matrix(name, inputs, outputs, tensor, transposed=facts.transposed, part=part)]
    if facts.bias:
        found.append(vector(f"b{name[1:]}", outputs, tensor, part))
    return found
