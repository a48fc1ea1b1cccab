"""Gemma: norms by one more than their weight, scaled embeddings; since the second windows and softcaps."""

from __future__ import annotations

from ..keys import choice, flag, number, whole
from ..recipe import (
    ACTIVATIONS,
    Attention,
    Embedding,
    FeedForward,
    Head,
    HeadNorm,
    Norm,
    Recipe,
    Residual,
    Rope,
    Window,
)

GEMMA_ACTIVATIONS = ACTIVATIONS | {"gelu": ACTIVATIONS["gelu_pytorch_tanh"]}
"""The first configs say `gelu` and mean its tanh form."""
TIED = flag("tie_word_embeddings", default=True)
SANDWICH = Residual(
    "sandwich",
    (
        "input_layernorm",
        "post_attention_layernorm",
        "pre_feedforward_layernorm",
        "post_feedforward_layernorm",
    ),
)
GEMMA_SIZES = {
    "vocab_size": 256000,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 8192,
    "rms_norm_eps": 1e-6,
    "hidden_activation": "gelu_pytorch_tanh",
    "sliding_window": 4096,
}
CAUSAL = {"use_bidirectional_attention": (False,)}

GEMMA = Recipe(
    "gemma",
    attention=Attention(
        bias=flag("attention_bias", default=False), out_bias=flag("attention_bias", default=False)
    ),
    feed_forward=FeedForward(
        activation=choice("hidden_activation", of=GEMMA_ACTIVATIONS, default="gelu_pytorch_tanh")
    ),
    norm=Norm(plus_one=True),
    embedding=Embedding(root=True),
    head=Head(tied=TIED),
    defaults={
        "vocab_size": 256000,
        "hidden_size": 3072,
        "intermediate_size": 24576,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "head_dim": 256,
        "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-6,
    },
    fixed=CAUSAL | {"hidden_act": ("gelu", "gelu_pytorch_tanh")},
    skipped=("rotary_emb.inv_freq",),
)

GEMMA2 = Recipe(
    "gemma2",
    attention=Attention(
        bias=flag("attention_bias", default=False),
        out_bias=flag("attention_bias", default=False),
        scale_of=number("query_pre_attn_scalar", default=256.0),
        softcap=number("attn_logit_softcapping"),
    ),
    feed_forward=FeedForward(activation=choice("hidden_activation", of=GEMMA_ACTIVATIONS)),
    residual=SANDWICH,
    norm=Norm(plus_one=True),
    embedding=Embedding(root=True),
    head=Head(tied=TIED, softcap=number("final_logit_softcapping")),
    window=Window(whole("sliding_window", "sliding_window_size"), period=2),
    defaults=GEMMA_SIZES | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    fixed=CAUSAL | {"hidden_act": ("gelu_pytorch_tanh",)},
)

GEMMA3 = Recipe(
    "gemma3_text",
    attention=Attention(
        norm=HeadNorm(),
        bias=flag("attention_bias", default=False),
        out_bias=flag("attention_bias", default=False),
        scale_of=number("query_pre_attn_scalar", default=256.0),
        softcap=number("attn_logit_softcapping"),
    ),
    feed_forward=FeedForward(activation=choice("hidden_activation", of=GEMMA_ACTIVATIONS)),
    residual=SANDWICH,
    norm=Norm(plus_one=True),
    embedding=Embedding(root=True),
    head=Head(tied=TIED, softcap=number("final_logit_softcapping")),
    rope=Rope(
        theta=number("rope_theta", default=1e6),
        local_theta=number("rope_local_base_freq", default=10000.0),
    ),
    window=Window(period=whole("sliding_window_pattern", "_sliding_window_pattern", default=6)),
    defaults=GEMMA_SIZES | {"vocab_size": 262208, "max_position_embeddings": 131072},
    fixed=CAUSAL | {"hidden_act": ("gelu_pytorch_tanh",)},
)
