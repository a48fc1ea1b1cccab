"""Gemma: norms by one more than their weight, scaled embeddings; since the second windows and softcaps."""

from __future__ import annotations

from dataclasses import replace

from ..keys import choice, number, whole
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
from .common import ATTENTION_BIAS, INV_FREQ, TIED, sizes

TANH = "gelu_pytorch_tanh"
FEED_FORWARD = FeedForward(
    activation=choice(
        "hidden_activation",
        of=ACTIVATIONS | {"gelu": ACTIVATIONS[TANH], None: ACTIVATIONS[TANH]},
        default=TANH,
    )  # the first configs say `gelu` or null and mean its tanh form
)
CAUSAL = {"use_bidirectional_attention": (False,)}
COMMON = {"head_dim": 256, "rms_norm_eps": 1e-6}
SIZES = sizes(256000, 2304, 9216, 26, 8, 8192, num_key_value_heads=4, sliding_window=4096, **COMMON)

GEMMA = Recipe(
    "gemma",
    attention=Attention(bias=ATTENTION_BIAS, out_bias=ATTENTION_BIAS),
    feed_forward=FEED_FORWARD,
    norm=Norm(plus_one=True),
    embedding=Embedding(root=True),
    head=Head(tied=TIED),
    defaults=sizes(256000, 3072, 24576, 28, 16, 8192, num_key_value_heads=16, **COMMON),
    fixed=CAUSAL | {"hidden_act": ("gelu", TANH)},
    skipped=INV_FREQ,
)

GEMMA2 = Recipe(
    "gemma2",
    attention=Attention(
        bias=ATTENTION_BIAS,
        out_bias=ATTENTION_BIAS,
        scale_of=number("query_pre_attn_scalar", default=256.0, above=0),
        softcap=number("attn_logit_softcapping", above=0),
    ),
    feed_forward=FEED_FORWARD,
    residual=Residual(
        "sandwich",
        (
            *("input_layernorm", "post_attention_layernorm"),
            *("pre_feedforward_layernorm", "post_feedforward_layernorm"),
        ),
    ),
    norm=Norm(plus_one=True),
    embedding=Embedding(root=True),
    head=Head(tied=TIED, softcap=number("final_logit_softcapping", above=0)),
    window=Window(whole("sliding_window", "sliding_window_size"), period=2),
    defaults=SIZES | {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
    fixed=CAUSAL | {"hidden_act": (TANH,)},
)

GEMMA3 = replace(
    GEMMA2,
    name="gemma3_text",
    attention=replace(GEMMA2.attention, norm=HeadNorm(), softcap=None),
    rope=Rope(
        theta=number("rope_theta", default=1e6, above=0),
        local_theta=number("rope_local_base_freq", default=10000.0, above=0),
    ),
    window=Window(period=whole("sliding_window_pattern", "_sliding_window_pattern", default=6)),
    defaults=SIZES | {"vocab_size": 262208, "max_position_embeddings": 131072},
    fixed={**GEMMA2.fixed, "attn_logit_softcapping": ()},  # transformers stores it and does not use it
)
