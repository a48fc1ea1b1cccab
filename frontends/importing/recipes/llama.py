"""Llama and its next of kin: pre-norm, gated feed-forward, rope."""

from __future__ import annotations

from ..keys import flag, number, whole
from ..recipe import (
    Attention,
    Embedding,
    FeedForward,
    Head,
    HeadNorm,
    Recipe,
    Residual,
    Rope,
    Unrotated,
    Window,
)

INV_FREQ = "rotary_emb.inv_freq"
"""A table that older checkpoints hold, of the frequencies that the config says anyway."""
BIASED = Attention(bias=flag("attention_bias", default=False), out_bias=flag("attention_bias", default=False))
LLAMA_SIZES = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
}
QWEN_WINDOW = Window(
    enabled=flag("use_sliding_window", default=False), first=whole("max_window_layers", default=28)
)
QWEN_SIZES = LLAMA_SIZES | {
    "vocab_size": 151936,
    "intermediate_size": 22016,
    "max_position_embeddings": 32768,
    "num_key_value_heads": 32,
    "sliding_window": 4096,
}

LLAMA = Recipe(
    "llama",
    attention=BIASED,
    feed_forward=FeedForward(bias=flag("mlp_bias", default=False)),
    defaults=LLAMA_SIZES,
    fixed={"rope_interleaved": (False,)},
    skipped=(INV_FREQ,),
)

MISTRAL = Recipe(
    "mistral",
    window=Window(whole("sliding_window", "sliding_window_size"), listed=False),
    defaults=LLAMA_SIZES
    | {
        "intermediate_size": 14336,
        "num_key_value_heads": 8,
        "max_position_embeddings": 131072,
    },
    skipped=(INV_FREQ,),
)

QWEN2 = Recipe(
    "qwen2",
    attention=Attention(bias=True),
    window=QWEN_WINDOW,
    defaults=QWEN_SIZES,
    skipped=(INV_FREQ,),
)

QWEN3 = Recipe(
    "qwen3",
    attention=Attention(
        norm=HeadNorm(),
        bias=flag("attention_bias", default=False),
        out_bias=flag("attention_bias", default=False),
    ),
    window=QWEN_WINDOW,
    defaults=QWEN_SIZES | {"head_dim": 128},
)

OLMO2 = Recipe(
    "olmo2",
    attention=Attention(
        norm=HeadNorm(over="row"),
        bias=flag("attention_bias", default=False),
        out_bias=flag("attention_bias", default=False),
    ),
    residual=Residual("post", ("post_attention_layernorm", "post_feedforward_layernorm")),
    defaults=LLAMA_SIZES | {"vocab_size": 50304, "rms_norm_eps": 1e-5},
)

SMOLLM3 = Recipe(
    "smollm3",
    attention=BIASED,
    feed_forward=FeedForward(bias=flag("mlp_bias", default=False)),
    head=Head(tied=flag("tie_word_embeddings", default=True)),
    rope=Rope(theta=number("rope_theta", default=2e6)),
    unrotated=Unrotated(),
    window=Window(enabled=flag("use_sliding_window", default=False), unrotated=True),
    defaults=LLAMA_SIZES
    | {
        "vocab_size": 128256,
        "hidden_size": 2048,
        "num_hidden_layers": 36,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "max_position_embeddings": 32768,
    },
    harmless=("no_rope_layer_interval", "max_window_layers"),
)

GRANITE = Recipe(
    "granite",
    attention=Attention(
        bias=flag("attention_bias", default=False),
        out_bias=flag("attention_bias", default=False),
        scale=number("attention_multiplier", default=1.0),
    ),
    feed_forward=FeedForward(bias=flag("mlp_bias", default=False)),
    residual=Residual(factor=number("residual_multiplier", default=1.0)),
    embedding=Embedding(factor=number("embedding_multiplier", default=1.0)),
    head=Head(divisor=number("logits_scaling", default=1.0)),
    defaults=LLAMA_SIZES,
)

INTERNLM2 = Recipe(
    "internlm2",
    attention=Attention(
        fused="attention.wqkv",
        layout="by group",
        out="attention.wo",
        bias=flag("bias", default=True),
        out_bias=flag("bias", default=True),
    ),
    feed_forward=FeedForward(
        gate="feed_forward.w1",
        up="feed_forward.w3",
        down="feed_forward.w2",
    ),
    residual=Residual(norms=("attention_norm", "ffn_norm")),
    embedding=Embedding("tok_embeddings"),
    head=Head(("output",)),
    defaults=LLAMA_SIZES | {"vocab_size": 103168},
    skipped=(INV_FREQ,),
)
