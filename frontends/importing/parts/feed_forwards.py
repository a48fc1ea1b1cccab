"""Feed-forwards, gated and plain."""

from __future__ import annotations

from ..models import Model
from ..pieces import Piece, Weight
from ..recipe import FeedForward
from .matrices import matrix, product, vector


def feed_forward(model: Model, facts: FeedForward, size: str = "ffn", of: str = "") -> tuple[Piece, str]:
    """The weights and statements, and the expression that is added to x; `h` goes in.

    `size` is the extent inside; `of` stands in its names, where a layer has several.
    """
    down = _weights(model, facts, f"w_{of}down", size, "hidden", facts.down)
    down_bias = f"b_{of}down" if facts.bias else ""
    if facts.gate is None:
        up = _weights(model, facts, f"w_{of}up", "hidden", size, facts.up)
        line = f"{of}up = {product('h', f'w_{of}up', f'b_{of}up' if facts.bias else '')}"
        inner = facts.activation.format(f"{of}up")
        return Piece(weights=(*up, *down), lines=(line,)), product(inner, f"w_{of}down", down_bias)
    tensors = (facts.up, facts.up) if facts.fused else (facts.gate, facts.up)
    parts = (f"0..{size}", f"{size}..2 * {size}") if facts.fused else ("", "")
    weights: list[Weight] = []
    lines: list[str] = []
    for name, tensor, part in zip((f"{of}gate", f"{of}up"), tensors, parts, strict=True):
        weights += _weights(model, facts, f"w_{name}", "hidden", size, tensor, part)
        lines.append(f"{name} = {product('h', f'w_{name}', f'b_{name}' if facts.bias else '')}")
    inner = f"({facts.activation.format(f'{of}gate')} * {of}up)"
    return Piece(weights=(*weights, *down), lines=tuple(lines)), product(inner, f"w_{of}down", down_bias)


def _weights(
    model: Model, facts: FeedForward, name: str, inputs: str, outputs: str, tensor: str, part: str = ""
) -> list[Weight]:
    """The matrix of a linear layer, and its bias where the feed-forward has them."""
    tensor = model.in_layer(tensor)
    found = [matrix(name, inputs, outputs, tensor, transposed=facts.transposed, part=part)]
    if facts.bias:
        found.append(vector(f"b{name[1:]}", outputs, tensor, part))
    return found
