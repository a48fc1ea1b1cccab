"""The same decode step by torch on this computer, in bf16: what a user would have without us.

A plain Llama with a cache: `torch.nn.functional` and nothing that is compiled. Sums are torch's own, in f32
and in any order, so its numbers are near ours and not the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cpu_models import Shape


def torch_step(shape: Shape, position: int, threads: int) -> Callable[[], Any] | None:
    """A step of a Llama of a shape at a position, ready to be called; None where there is no torch."""
    try:
        import torch
        from torch.nn import functional
    except ImportError:
        return None
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    bf16, size = torch.bfloat16, shape.hidden // shape.heads

    def matrix(rows: int, columns: int) -> Any:
        return torch.randn(rows, columns, dtype=bf16) / columns**0.5

    kv = shape.kv_heads * size
    layers = [
        {
            "attention_norm": torch.ones(shape.hidden, dtype=bf16),
            "q": matrix(shape.hidden, shape.hidden),
            "k": matrix(kv, shape.hidden),
            "v": matrix(kv, shape.hidden),
            "o": matrix(shape.hidden, shape.hidden),
            "ffn_norm": torch.ones(shape.hidden, dtype=bf16),
            "gate": matrix(shape.ffn, shape.hidden),
            "up": matrix(shape.ffn, shape.hidden),
            "down": matrix(shape.hidden, shape.ffn),
            "keys": torch.randn(1, shape.kv_heads, position + 1, size, dtype=bf16),
            "values": torch.randn(1, shape.kv_heads, position + 1, size, dtype=bf16),
        }
        for _ in range(shape.layers)
    ]
    embedding = matrix(shape.vocab, shape.hidden)
    final_norm = torch.ones(shape.hidden, dtype=bf16)
    angles = position * shape.theta ** (-torch.arange(0, size, 2) / size)
    cosines = torch.cat([angles.cos()] * 2).to(bf16)
    sines = torch.cat([-angles.sin(), angles.sin()]).to(bf16)

    def rope(x: Any) -> Any:
        return x * cosines + torch.roll(x, size // 2, -1) * sines

    def layer(x: Any, one: dict[str, Any]) -> Any:
        h = functional.rms_norm(x, (shape.hidden,), one["attention_norm"], 1e-5)
        q = rope(functional.linear(h, one["q"]).view(1, shape.heads, 1, size))
        one["keys"][:, :, position] = rope(functional.linear(h, one["k"]).view(1, shape.kv_heads, size))
        one["values"][:, :, position] = functional.linear(h, one["v"]).view(1, shape.kv_heads, size)
        a = functional.scaled_dot_product_attention(q, one["keys"], one["values"], enable_gqa=True)
        x = x + functional.linear(a.reshape(1, shape.hidden), one["o"])
        h = functional.rms_norm(x, (shape.hidden,), one["ffn_norm"], 1e-5)
        gated = functional.silu(functional.linear(h, one["gate"])) * functional.linear(h, one["up"])
        return x + functional.linear(gated, one["down"])

    def step() -> Any:
        with torch.inference_mode():
            x = embedding[torch.tensor([1])]
            for one in layers:
                x = layer(x, one)
            x = functional.rms_norm(x, (shape.hidden,), final_norm, 1e-5)
            return functional.linear(x, embedding).argmax(-1)

    return step
