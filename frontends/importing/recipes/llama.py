"""Llama and its next of kin: gated feed-forward, RMS norms, rope."""

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
from .common import ATTENTION_BIAS, INV_FREQ, MLP_BIAS, TIED, sizes

BIASED = Attention(bias=ATTENTION_BIAS, out_bias=ATTENTION_BIAS)
BIASED_FEED_FORWARD = FeedForward(bias=MLP_BIAS)
COMMON = {"hidden_act": "silu", "rms_norm_eps": 1e-6}
USES_WINDOW = flag("use_sliding_window", default=False)
QWEN_WINDOW = Window(enabled=USES_WINDOW, first=whole("max_window_layers", default=28, least=0))
QWEN_SIZES = sizes(151936, 4096, 22016, 32, 32, 32768, num_key_value_heads=32, sliding_window=4096, **COMMON)

LLAMA = Recipe(
    "llama",
    attention=BIASED,
    feed_forward=BIASED_FEED_FORWARD,
    defaults=sizes(32000, 4096, 11008, 32, 32, 2048, **COMMON),
    fixed={"rope_interleaved": (False,)},
    harmless=("max_sequence_length",),
    skipped=INV_FREQ,
)

MISTRAL = Recipe(
    "mistral",
    window=Window(whole("sliding_window", "sliding_window_size"), listed=False),
    defaults=sizes(32000, 4096, 14336, 32, 32, 131072, num_key_value_heads=8, sliding_window=4096, **COMMON),
    skipped=INV_FREQ,
)

QWEN2 = Recipe(
    "qwen2",
    attention=Attention(bias=True),
    window=QWEN_WINDOW,
    defaults=QWEN_SIZES,
    fixed={"use_mrope": (False,)},
    skipped=INV_FREQ,
)

QWEN3 = Recipe(
    "qwen3",
    attention=Attention(norm=HeadNorm(), bias=ATTENTION_BIAS, out_bias=ATTENTION_BIAS),
    window=QWEN_WINDOW,
    defaults=QWEN_SIZES | {"head_dim": 128},
)

OLMO2 = Recipe(
    "olmo2",
    attention=Attention(norm=HeadNorm(over="row"), bias=ATTENTION_BIAS, out_bias=ATTENTION_BIAS),
    residual=Residual("post", ("post_attention_layernorm", "post_feedforward_layernorm")),
    defaults=sizes(50304, 4096, 11008, 32, 32, 2048, hidden_act="silu", rms_norm_eps=1e-5),
)

SMOLLM3 = Recipe(
    "smollm3",
    attention=BIASED,
    feed_forward=BIASED_FEED_FORWARD,
    head=Head(tied=TIED),
    rope=Rope(theta=number("rope_theta", default=2e6)),
    unrotated=Unrotated(),
    window=Window(enabled=USES_WINDOW, unrotated=True),
    defaults=sizes(128256, 2048, 11008, 36, 16, 32768, num_key_value_heads=4, **COMMON),
    harmless=("no_rope_layer_interval", "max_window_layers"),
)

GRANITE = Recipe(
    "granite",
    attention=Attention(
        bias=ATTENTION_BIAS, out_bias=ATTENTION_BIAS, scale=number("attention_multiplier", default=1.0)
    ),
    feed_forward=BIASED_FEED_FORWARD,
    residual=Residual(factor=number("residual_multiplier", default=1.0)),
    embedding=Embedding(factor=number("embedding_multiplier", default=1.0)),
    head=Head(divisor=number("logits_scaling", default=1.0, above=0)),
    defaults=sizes(32000, 4096, 11008, 32, 32, 2048, **COMMON),
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
    feed_forward=FeedForward("feed_forward.w1", up="feed_forward.w3", down="feed_forward.w2"),
    residual=Residual(norms=("attention_norm", "ffn_norm")),
    embedding=Embedding("tok_embeddings"),
    head=Head(("output",)),
    defaults=sizes(103168, 4096, 11008, 32, 32, 2048, **COMMON),
    skipped=INV_FREQ,
)
